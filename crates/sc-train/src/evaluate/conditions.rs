//! The same clips under every condition.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rayon::prelude::*;
use sc_data::{
    Clip, Condition, Example, Half, Labels, Limits, SILENCE, SampleCache, Source, SpeechCommands, Split,
    Subject, Surroundings, UNKNOWN, Waveform, labelled_clips,
};
use sc_model::Classifier;

use super::readable;
use super::split::{self, describe};
use crate::audio::{self, Unreadable};
use crate::evaluation::{ConditionFigures, ConditionTable, LeftOut};
use crate::{LabelledAnswer, progress};

/// Most voices, and most seconds of noise, that are held ready: 26 MB of each.
const MOST_HELD: usize = 400;

/// A clip and what is known of it.
struct Labelled<'a> {
    path: String,
    label: usize,
    speaker: String,
    load: Box<dyn Fn() -> Result<Waveform> + Send + Sync + 'a>,
}

/// A split's examples under every condition, with voices and noises of the same split.
///
/// # Errors
/// If the split is empty, or its clips cannot be read.
pub(crate) fn of_split(classifier: &Classifier, data: &Path, split: Split) -> Result<ConditionTable> {
    let (dataset, cache) = split::open(data, &classifier.header().labels)?;
    of_half(classifier, &dataset, &cache, split, None)
}

/// The same for one half of the split, if one is named, with voices and noises of the whole.
///
/// # Errors
/// As [`of_split`].
pub(crate) fn of_half(
    classifier: &Classifier,
    dataset: &SpeechCommands,
    cache: &SampleCache,
    split: Split,
    half: Option<Half>,
) -> Result<ConditionTable> {
    let labels = &classifier.header().labels;
    let examples = split::examples(dataset, cache, labels, split, half)?;
    let labelled = examples.iter().map(|&Example { label, source, .. }| Labelled {
        path: describe(dataset, source),
        label,
        speaker: speaker(dataset, source),
        load: Box::new(move || Ok(cache.waveform(source)?)),
    });
    let surroundings =
        Surroundings { voices: voices(dataset, cache, labels, split)?, noises: noises(cache, split)? };
    table(classifier, &labelled.collect::<Vec<_>>(), &surroundings)
}

/// Clips of one's own, in one folder a label, under every condition: other voices are those of the folder `_unknown_`,
/// recorded noise is that of `_silence_`. The loudest second of every clip stays in memory, 64 kB, as each condition wants it.
///
/// # Errors
/// If no clip can be read, or a folder is no label.
pub(crate) fn of_clips(classifier: &Classifier, dir: &Path) -> Result<ConditionTable> {
    let labels = &classifier.header().labels;
    let read = |(path, label): &(PathBuf, usize)| {
        let samples = audio::read(path, &Limits::DATASET).map_err(|error| Unreadable::new(path, &error))?;
        let clip = Clip::parse(path.strip_prefix(dir).unwrap_or(path));
        let speaker = clip.map_or_else(String::new, |clip| clip.speaker);
        Ok((path.display().to_string(), *label, speaker, Waveform::from_samples(&samples)))
    };
    let clips = labelled_clips(dir, labels)?;
    let (clips, unreadable) = readable(dir, clips.par_iter().map(read).collect())?;
    let of = |name: &str| {
        spread(clips.iter().filter(|(_, label, ..)| labels.names()[*label] == name).collect()).into_iter()
    };
    let surroundings = Surroundings {
        voices: of(UNKNOWN).map(|(_, _, speaker, waveform)| (speaker.clone(), waveform.clone())).collect(),
        noises: of(SILENCE).map(|(.., waveform)| waveform.clone()).collect(),
    };
    let labelled = clips.iter().map(|(path, label, speaker, waveform)| Labelled {
        path: path.clone(),
        label: *label,
        speaker: speaker.clone(),
        load: Box::new(move || Ok(waveform.clone())),
    });
    Ok(ConditionTable { unreadable, ..table(classifier, &labelled.collect::<Vec<_>>(), &surroundings)? })
}

fn table(classifier: &Classifier, clips: &[Labelled], surroundings: &Surroundings) -> Result<ConditionTable> {
    let mut table = ConditionTable::default();
    let bar = progress::bar(clips.len() * Condition::ALL.len(), "conditions");
    for condition in &Condition::ALL {
        if let Some(lacks) = condition.lacks(surroundings) {
            table.left_out.push(LeftOut { name: condition.name.into(), lacks: lacks.into() });
            continue;
        }
        let answer = |(index, clip): (usize, &Labelled)| {
            bar.inc(1);
            answer(classifier, condition, index, clip, surroundings)
        };
        let answers: Vec<LabelledAnswer> = clips.par_iter().enumerate().map(answer).collect::<Result<_>>()?;
        table.conditions.push(ConditionFigures::new(condition, &classifier.header().labels, &answers));
    }
    bar.finish_and_clear();
    Ok(table)
}

fn answer(
    classifier: &Classifier,
    condition: &Condition,
    index: usize,
    clip: &Labelled,
    surroundings: &Surroundings,
) -> Result<LabelledAnswer> {
    let label = &classifier.header().labels.names()[clip.label];
    let mut waveform = (clip.load)()?;
    let subject = Subject { index, speaker: &clip.speaker, is_speech: label != SILENCE };
    condition.apply(&mut waveform, subject, surroundings);
    let prediction = classifier.classify(&waveform);
    Ok(LabelledAnswer { path: clip.path.clone(), label: label.clone(), prediction })
}

fn speaker(dataset: &SpeechCommands, source: Source) -> String {
    match source {
        Source::Clip(index) => dataset.clips()[index].speaker.clone(),
        Source::Noise { .. } => String::new(),
    }
}

/// The split's words that are no keyword, with their speakers.
fn voices(
    dataset: &SpeechCommands,
    cache: &SampleCache,
    labels: &Labels,
    split: Split,
) -> Result<Vec<(String, Waveform)>> {
    let is_other = |clip: &usize| !labels.has_keyword(&dataset.clips()[*clip].word);
    let clips = dataset.readable_in(split, cache).filter(is_other);
    let clips = spread(clips.collect()).into_iter();
    clips
        .map(|clip| Ok((dataset.clips()[clip].speaker.clone(), cache.waveform(Source::Clip(clip))?)))
        .collect()
}

/// Noise of the split, spread over its recordings.
fn noises(cache: &SampleCache, split: Split) -> Result<Vec<Waveform>> {
    spread(split::noises(cache, split)).into_iter().map(|source| Ok(cache.waveform(source)?)).collect()
}

/// At most [`MOST_HELD`] of the items, evenly from beginning to end.
fn spread<T>(items: Vec<T>) -> Vec<T> {
    let step = items.len().div_ceil(MOST_HELD).max(1);
    items.into_iter().step_by(step).collect()
}
