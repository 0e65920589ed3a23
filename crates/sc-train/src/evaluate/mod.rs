//! A model's answers to clips whose label is known.

pub(crate) mod open_set;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use rayon::prelude::*;
use sc_data::{
    Example, Limits, SAMPLE_RATE_HZ, SampleCache, Source, SpeechCommands, Split, Waveform, labelled_clips,
};
use sc_model::Classifier;
use serde::Serialize;

use crate::audio::{self, Unreadable};
use crate::{Answer, Evaluation, progress};

/// Which unknown words and which noise stand for a split: any number will do, if it never changes.
const EXAMPLES_SEED: u64 = 0;

/// What is printed: an evaluation, and the clips that could not take part.
#[derive(Serialize)]
pub(crate) struct Scored {
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// The confidence from which a keyword was accepted.
    pub threshold: f32,
    pub unreadable: Vec<Unreadable>,
}

pub(crate) fn data_set(classifier: &Classifier, data: &Path, split: Split) -> Result<Scored> {
    let dataset = SpeechCommands::open(data)?;
    let bar = progress::bar(dataset.clips().len(), "reading");
    let cache = SampleCache::open(&dataset, &dataset.cache_path(), |done, _| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let answers = answer_split(classifier, &dataset, &cache, split)?;
    let evaluation = Evaluation::new(&classifier.header().labels, &answers);
    let unreadable =
        dataset.clips_in(split).filter(|clip| !cache.is_readable(*clip)).map(|clip| Unreadable {
            path: dataset.clips()[clip].path.display().to_string(),
            error: format!("no recording: sc-data stats {} says why", data.display()),
        });
    let unreadable = unreadable.collect();
    Ok(Scored { evaluation, threshold: classifier.header().threshold, unreadable })
}

/// Answers a split's examples, made up as the official test set is: see [`SpeechCommands::examples`].
///
/// # Errors
/// If the split is empty, or its clips cannot be read.
pub(crate) fn answer_split(
    classifier: &Classifier,
    dataset: &SpeechCommands,
    cache: &SampleCache,
    split: Split,
) -> Result<Vec<Answer>> {
    let labels = &classifier.header().labels;
    let examples = dataset.examples(split, labels, cache, EXAMPLES_SEED);
    ensure!(!examples.is_empty(), "the {split} split of {} is empty", dataset.root().display());

    let bar = progress::bar(examples.len(), "evaluating");
    let answer = |example: &Example| -> Result<Answer> {
        let prediction = classifier.classify(&cache.waveform(example.source)?);
        bar.inc(1);
        let label = labels.names()[example.label].clone();
        Ok(Answer { path: describe(dataset, example.source), label, prediction })
    };
    let answers = examples.par_iter().map(answer).collect();
    bar.finish_and_clear();
    answers
}

/// The clip's path in the data set; for noise, also where in the recording and how loud.
fn describe(dataset: &SpeechCommands, source: Source) -> String {
    match source {
        Source::Clip(index) => dataset.clips()[index].path.display().to_string(),
        Source::Noise { recording, offset, gain } => {
            let path = dataset.noise()[recording].display();
            format!("{path} at {:.1} s, gain {gain:.2}", offset as f64 / f64::from(SAMPLE_RATE_HZ))
        }
    }
}

/// Evaluates the WAV files in `dir`, one folder a label.
pub(crate) fn own_clips(classifier: &Classifier, dir: &Path) -> Result<Scored> {
    let labels = &classifier.header().labels;
    let clips = labelled_clips(dir, labels)?;
    let bar = progress::bar(clips.len(), "evaluating");
    let answer = |(path, label): &(PathBuf, usize)| {
        bar.inc(1);
        let samples = audio::read(path, &Limits::default()).map_err(|error| Unreadable::new(path, &error))?;
        let prediction = classifier.classify(&Waveform::from_samples(&samples));
        Ok(Answer { path: path.display().to_string(), label: labels.names()[*label].clone(), prediction })
    };
    let (answers, unreadable) = split_results(clips.par_iter().map(answer).collect());
    bar.finish_and_clear();
    if let Some(Unreadable { path, error }) = unreadable.first().filter(|_| answers.is_empty()) {
        bail!("no clip in {} can be read: {path}: {error}", dir.display());
    }
    let evaluation = Evaluation::new(labels, &answers);
    Ok(Scored { evaluation, threshold: classifier.header().threshold, unreadable })
}

/// What went well and what did not, each in its order.
fn split_results<T, E>(results: Vec<Result<T, E>>) -> (Vec<T>, Vec<E>) {
    let mut well = Vec::new();
    let mut ill = Vec::new();
    for result in results {
        match result {
            Ok(value) => well.push(value),
            Err(error) => ill.push(error),
        }
    }
    (well, ill)
}
