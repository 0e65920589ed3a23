//! Teaches words by a few recordings, and searches the rest of their recordings among all others.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sc_data::{
    DatasetError, Labels, Limits, SampleCache, Source, SpeechCommands, Split, Waveform, normal_form,
    printable,
};
use sc_model::words::{Embedding, Recording, TeachError, check_word, teach};
use sc_model::{Backend, Classifier, Record};

use super::{readable, split};
use crate::audio::{self, Unreadable};
use crate::progress::{self, note};
use crate::{FewShot, WordTrials};

/// Draws of the recordings that teach a word.
const N_DRAWS: u64 = 10;

/// Numbers of recordings that teach a word in a report: the least, and enough.
#[cfg(feature = "flex")]
const SHOTS: [usize; 2] = [3, 5];

/// A report needs so many words, and so many recordings of each beside those that teach it.
const LEAST_WORDS: usize = 2;
const LEAST_SEARCHED: usize = 2;

/// The only label of a trial that the network does not know.
const TAUGHT: &str = "taught word";

/// Recordings as the network hears them, and which of them say a word.
struct Heard<'a> {
    words: BTreeMap<String, Vec<usize>>,
    recordings: Vec<Output>,
    /// Returns the samples of a recording.
    samples: Box<dyn Fn(usize) -> Result<Vec<f32>> + Send + Sync + 'a>,
}

/// All of a recording that an answer needs.
struct Output {
    logits: Vec<f32>,
    embedding: Embedding,
}

/// Teaches each word of `dir`, a folder a word, by `shots` of its recordings at a time, and searches the rest.
///
/// A folder with no more recordings than that, of a keyword, or whose name is no word, as `_speech`, holds others only.
///
/// # Errors
/// If no folder has enough recordings, or the record has no word space.
pub(crate) fn of_folder(record: &Record, dir: &Path, shots: usize) -> Result<FewShot> {
    let (mut heard, unreadable) = listen(&classifier(record)?, dir)?;
    let not_searched = not_searched(&heard.words, &record.header.labels, shots);
    keep_new(&mut heard.words, &record.header.labels);
    heard.words.retain(|_, recordings| recordings.len() > shots);
    if !not_searched.is_empty() {
        note!("only among the others: {}", not_searched.join(", "));
    }
    if heard.words.is_empty() {
        let unreadable = unreadable.first().map_or_else(String::new, |first| format!("; left out: {first}"));
        bail!(
            "no folder of a new word in {} has more than {shots} recordings: record more, or give fewer \
             --shots{unreadable}",
            dir.display()
        );
    }
    Ok(FewShot { unreadable, ..search(record, &heard, shots)? })
}

/// The same for the words of a split that are no keywords of the network. The others are all clips of the split.
///
/// # Errors
/// If the split has no such words, the record has no word space, or the data set cannot be read.
pub(crate) fn of_split(record: &Record, data: &Path, split: Split, shots: usize) -> Result<FewShot> {
    let (dataset, cache) = split::open(data, &record.header.labels)?;
    let mut heard = listen_to_split(&classifier(record)?, &dataset, &cache, split)?;
    keep_words(&mut heard, shots);
    ensure!(
        !heard.words.is_empty(),
        "the {split} split of {} has too few recordings of other words than the keywords: expected two words of {} \
         recordings or more, or fewer --shots",
        data.display(),
        shots + LEAST_SEARCHED
    );
    search(record, &heard, shots)
}

/// The same for the validation split and each number of recordings of [`SHOTS`] that it has enough for; nothing without
/// a word space.
///
/// # Errors
/// If a clip cannot be read.
#[cfg(feature = "flex")]
pub(crate) fn for_report(
    record: &Record,
    dataset: &SpeechCommands,
    cache: &SampleCache,
) -> Result<Vec<FewShot>> {
    if record.words.is_none() {
        return Ok(Vec::new());
    }
    let mut heard = listen_to_split(&classifier(record)?, dataset, cache, Split::Validation)?;
    let mut figures = Vec::new();
    for shots in SHOTS {
        keep_words(&mut heard, shots);
        if !heard.words.is_empty() {
            figures.push(search(record, &heard, shots)?);
        }
    }
    Ok(figures)
}

fn classifier(record: &Record) -> Result<Classifier> {
    ensure!(record.words.is_some(), TeachError::NoSpace);
    Ok(Classifier::new(record, Backend::Native)?)
}

/// Keeps the words that can be taught beside these labels. What begins with `_` cannot: so running speech is.
fn keep_new(words: &mut BTreeMap<String, Vec<usize>>, labels: &Labels) {
    words.retain(|word, _| check_word(labels.names(), word, 0).is_ok());
}

/// Names the words that are not searched, with the reason. What begins with `_` is meant so, and a file that lies in no
/// folder has no word.
fn not_searched(words: &BTreeMap<String, Vec<usize>>, labels: &Labels, shots: usize) -> Vec<String> {
    let reason = |(word, recordings): (&String, &Vec<usize>)| match check_word(labels.names(), word, 0) {
        Err(TeachError::Known(_)) => Some(format!("{} (a keyword)", printable(word))),
        Err(TeachError::Name(DatasetError::Word { reason, .. }))
            if !word.is_empty() && !word.starts_with('_') =>
        {
            Some(format!("{} ({reason})", printable(word)))
        }
        Ok(_) if recordings.len() <= shots => {
            Some(format!("{} (recordings: {})", printable(word), recordings.len()))
        }
        _ => None,
    };
    words.iter().filter_map(reason).collect()
}

/// Keeps the words with enough recordings, or none if they are too few.
fn keep_words(heard: &mut Heard, shots: usize) {
    heard.words.retain(|_, recordings| recordings.len() >= shots + LEAST_SEARCHED);
    if heard.words.len() < LEAST_WORDS {
        heard.words.clear();
    }
}

/// Listens to all files of a folder. The word of a file is the folder below `dir`, and empty without one.
fn listen<'a>(classifier: &Classifier, dir: &Path) -> Result<(Heard<'a>, Vec<Unreadable>)> {
    let files: Vec<_> = audio::files_below(dir).collect();
    let bar = progress::bar(files.len(), "listening");
    let recordings = files.into_par_iter().map(|file| {
        bar.inc(1);
        let path = file?;
        let samples =
            audio::read(&path, &Limits::default()).map_err(|error| Unreadable::new(&path, &error))?;
        let output = output(classifier, &Waveform::from_samples(&samples));
        let folder = path.strip_prefix(dir).ok().and_then(Path::parent);
        let folder = folder.and_then(|folder| folder.iter().next());
        Ok((normal_form(&folder.unwrap_or_default().to_string_lossy()), (samples, output)))
    });
    let recordings = recordings.collect();
    bar.finish_and_clear();
    let (recordings, unreadable) = readable(dir, recordings)?;
    let (folders, recordings): (Vec<_>, Vec<_>) = recordings.into_iter().unzip();
    let (samples, recordings): (Vec<_>, Vec<_>) = recordings.into_iter().unzip();
    let recordings = recordings.into_iter().collect::<Result<_>>()?;
    let samples = Box::new(move |recording: usize| Ok(samples[recording].clone()));
    Ok((Heard { words: by_word(folders), recordings, samples }, unreadable))
}

/// Listens to all clips of a split. The words are those that have no label of their own.
fn listen_to_split<'a>(
    classifier: &Classifier,
    dataset: &'a SpeechCommands,
    cache: &'a SampleCache,
    split: Split,
) -> Result<Heard<'a>> {
    let clips: Vec<_> = dataset.readable_in(split, cache).collect();
    let bar = progress::bar(clips.len(), "listening");
    let recordings = clips.par_iter().map(|clip| {
        bar.inc(1);
        output(classifier, &cache.waveform(Source::Clip(*clip))?)
    });
    let recordings = recordings.collect::<Result<_>>()?;
    bar.finish_and_clear();
    let mut words = by_word(clips.iter().map(|clip| dataset.clips()[*clip].said().unwrap_or("_").to_owned()));
    keep_new(&mut words, &classifier.header().labels);
    let samples = move |recording: usize| {
        let waveform = cache.waveform(Source::Clip(clips[recording]))?;
        Ok(waveform.samples().to_vec())
    };
    Ok(Heard { words, recordings, samples: Box::new(samples) })
}

fn output(classifier: &Classifier, waveform: &Waveform) -> Result<Output> {
    let output = classifier.listen(waveform);
    let embedding = classifier.embed(&output).ok_or(TeachError::NoSpace)?;
    Ok(Output { logits: output.logits, embedding })
}

/// Gathers the indices of each word.
fn by_word(said: impl IntoIterator<Item = String>) -> BTreeMap<String, Vec<usize>> {
    let mut words: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, word) in said.into_iter().enumerate() {
        words.entry(word).or_default().push(i);
    }
    words
}

fn search(record: &Record, heard: &Heard, shots: usize) -> Result<FewShot> {
    let bar = progress::bar(heard.words.len(), "teaching");
    let words: Vec<_> = heard.words.iter().collect();
    let trials = words.par_iter().map(|(name, own)| {
        bar.inc(1);
        trials(record, heard, name, own, shots)
    });
    let trials = trials.collect::<Result<_>>()?;
    bar.finish_and_clear();
    Ok(FewShot::new(shots, N_DRAWS, trials))
}

fn trials(record: &Record, heard: &Heard, name: &str, own: &[usize], shots: usize) -> Result<WordTrials> {
    let mut trials = WordTrials { name: name.into(), ..WordTrials::default() };
    let others: Vec<&Output> = (0..heard.recordings.len())
        .filter(|recording| own.binary_search(recording).is_err())
        .map(|recording| &heard.recordings[recording])
        .collect();
    for draw in 0..N_DRAWS {
        let mut own = own.to_vec();
        own.shuffle(&mut ChaCha8Rng::seed_from_u64(draw));
        let (teaching, searched) = own.split_at(shots);
        let recordings = teaching.iter().map(|recording| {
            let samples = (heard.samples)(*recording)?;
            Ok(Recording::new(recording.to_string(), Ok(samples)))
        });
        let recordings = recordings.collect::<Result<_>>()?;
        let searched: Vec<&Output> = searched.iter().map(|recording| &heard.recordings[*recording]).collect();
        trials.n += searched.len();
        match teach(record, TAUGHT, recordings) {
            // The record without the word has passed its self-test.
            Ok((taught, _)) => {
                trials.n_others += others.len();
                add(&mut trials, &Classifier::untested(&taught), &searched, &others);
            }
            Err(_) => trials.refused += 1,
        }
    }
    Ok(trials)
}

/// Adds a draw: searches `own` recordings among `others`.
fn add(trials: &mut WordTrials, classifier: &Classifier, own: &[&Output], others: &[&Output]) {
    let (mut negatives, falsely_accepted) = hear(classifier, others);
    let (positives, accepted) = hear(classifier, own);
    negatives.sort_by(|a, b| b.total_cmp(a));
    let found = |share: f64| {
        let least = negatives.get((share * negatives.len() as f64) as usize);
        positives.iter().filter(|score| least.is_none_or(|least| *score > least)).count()
    };
    trials.found_at_1_percent += found(0.01);
    trials.found_at_0_2_percent += found(0.002);
    trials.accepted += accepted;
    trials.falsely_accepted += falsely_accepted;
}

/// Returns the taught word's score of each output, and the number that are accepted as the word.
fn hear(classifier: &Classifier, outputs: &[&Output]) -> (Vec<f32>, usize) {
    let mut accepted = 0;
    let score = |Output { logits, embedding }: &&Output| {
        let scores = classifier.word_scores(embedding);
        let answer = classifier.answer_with(logits, &scores);
        accepted += usize::from(answer.accepted && answer.label == TAUGHT);
        scores.last().copied().unwrap_or(f32::NEG_INFINITY)
    };
    let scores = outputs.iter().map(score).collect();
    (scores, accepted)
}
