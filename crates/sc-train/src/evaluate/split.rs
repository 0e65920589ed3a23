//! Answers to a split of the data set.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Result, ensure};
use rayon::prelude::*;
use sc_data::{
    DatasetError, Example, Half, Labels, N_SAMPLES, SAMPLE_RATE_HZ, SampleCache, Sha256Digest, Source,
    SpeechCommands, Split,
};
use sc_model::Classifier;

use super::Evaluated;
use crate::audio::Unreadable;
use crate::progress::{self, note};
use crate::{Evaluation, LabelledAnswer};

/// Draws the unknown words and the noise of a split. Any number will do, if it never changes.
const EXAMPLES_SEED: u64 = 0;

/// Evaluates a whole split of the data set in `data`.
///
/// # Errors
/// If the data set cannot be read, or the split is empty.
pub(crate) fn evaluate(classifier: &Classifier, data: &Path, split: Split) -> Result<Evaluated> {
    let labels = &classifier.header().labels;
    let (dataset, cache) = open(data, labels)?;
    let examples = examples(&dataset, &cache, labels, split, None)?;
    let answers = answer(classifier, &dataset, &cache, &examples)?;
    let unreadable =
        dataset.clips_in(split).filter(|clip| !cache.is_readable(*clip)).map(|clip| Unreadable {
            path: dataset.clips()[clip].path.display().to_string(),
            error: format!("not readable: sc-data stats {} says why", data.display()),
        });
    Ok(Evaluated {
        evaluation: Evaluation::new(labels, &answers),
        threshold: classifier.threshold(),
        unreadable: unreadable.collect(),
    })
}

/// Opens a data set, split for some labels, and its sample cache.
///
/// # Errors
/// If the data set cannot be read.
pub(crate) fn open(data: &Path, labels: &Labels) -> Result<(SpeechCommands, SampleCache)> {
    let (dataset, cache) = read(data)?;
    Ok((dataset.split_for(labels, &cache), cache))
}

/// Reads a data set into its sample cache: beside it, or where that cannot be written, among the user's other caches.
///
/// # Errors
/// If the data set cannot be read.
pub(crate) fn read(data: &Path) -> Result<(SpeechCommands, SampleCache)> {
    let dataset = SpeechCommands::open(data)?;
    let bar = progress::bar(dataset.clips().len() + dataset.noise().len(), "reading");
    let open = |path: &Path| SampleCache::open(&dataset, path, |done| bar.set_position(done as u64));
    let beside = dataset.cache_path();
    let cache = match open(&beside) {
        Err(DatasetError::Io { path, source }) if path == beside => {
            let Some(elsewhere) = users_cache(&beside) else {
                return Err(DatasetError::Io { path, source }.into());
            };
            note!("{}: {source}; the samples are kept in {}", path.display(), elsewhere.display());
            open(&elsewhere)
        }
        cache => cache,
    }?;
    bar.finish_and_clear();
    Ok((dataset, cache))
}

/// Another place for the cache of a data set: a file in the user's folder of caches, if there is one.
fn users_cache(beside: &Path) -> Option<PathBuf> {
    let folder = |variable| env::var_os(variable).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    let folder = caches.join("speech-commands");
    fs::create_dir_all(&folder).ok()?;
    let name = Sha256Digest::of(beside.as_os_str().as_encoded_bytes()).to_string();
    Some(folder.join(name).with_added_extension("samples"))
}

/// The examples of a split, or of one of its halves; see [`SpeechCommands::examples`].
///
/// # Errors
/// If there are none.
pub(crate) fn examples(
    dataset: &SpeechCommands,
    cache: &SampleCache,
    labels: &Labels,
    split: Split,
    half: Option<Half>,
) -> Result<Vec<Example>> {
    let mut examples = dataset.examples(split, labels, cache, EXAMPLES_SEED);
    ensure!(!examples.is_empty(), no_keyword(dataset, labels, split));
    let Some(half) = half else { return Ok(examples) };
    examples.retain(|example| example.half == Some(half));
    ensure!(
        !examples.is_empty(),
        "the {half} half of the {split} split of {} is empty: the split needs more speakers",
        dataset.root().display()
    );
    Ok(examples)
}

/// Says why a split has no keyword.
pub(super) fn no_keyword(dataset: &SpeechCommands, labels: &Labels, split: Split) -> String {
    let root = dataset.root().display();
    if dataset.clips().iter().any(|clip| labels.has_keyword(&clip.word)) {
        return format!(
            "the {split} split of {root} has no recording of a keyword: record more (five speakers are enough for \
             most), or name some in validation_list.txt and testing_list.txt, if these are there"
        );
    }
    format!(
        "no folder in {root} is named after a keyword of the model ({}): name the model of these words by --model",
        keywords(labels).join(", ")
    )
}

/// The names of the keywords.
pub(crate) fn keywords(labels: &Labels) -> Vec<&str> {
    labels.names().iter().map(String::as_str).filter(|name| labels.has_keyword(name)).collect()
}

/// Answers examples in parallel, and returns the answers in the same order.
///
/// # Errors
/// If a clip cannot be read.
pub(crate) fn answer(
    classifier: &Classifier,
    dataset: &SpeechCommands,
    cache: &SampleCache,
    examples: &[Example],
) -> Result<Vec<LabelledAnswer>> {
    let labels = &classifier.header().labels;
    let bar = progress::bar(examples.len(), "evaluating");
    let answer = |example: &Example| -> Result<LabelledAnswer> {
        let prediction = classifier.classify(&cache.waveform(example.source)?);
        bar.inc(1);
        let label = labels.names()[example.label].clone();
        Ok(LabelledAnswer { path: describe(dataset, example.source), label, prediction })
    };
    let answers = examples.par_iter().map(answer).collect();
    bar.finish_and_clear();
    answers
}

/// The seconds of the split's part of each noise recording.
pub(super) fn noises(cache: &SampleCache, split: Split) -> Vec<Source> {
    let seconds = cache.noise_starts(split).flat_map(|(file, starts)| {
        starts.step_by(N_SAMPLES).map(move |offset| Source::Noise { file, offset, gain: 1.0 })
    });
    seconds.collect()
}

/// The clip's path in the data set. For noise also its place in the file, and its gain.
pub(super) fn describe(dataset: &SpeechCommands, source: Source) -> String {
    match source {
        Source::Clip(index) => dataset.clips()[index].path.display().to_string(),
        Source::Noise { file, offset, gain } => {
            let path = dataset.noise()[file].display();
            format!("{path} at {:.1} s, gain {gain:.2}", offset as f64 / f64::from(SAMPLE_RATE_HZ))
        }
    }
}
