//! Teaches a record a word by a few recordings of it.

use serde::Serialize;

use sc_data::{Labels, N_SAMPLES, Waveform, check_word};

use super::space::{WordSpace, dot, normalise};
use super::taught::TaughtWord;
use crate::record::Record;
use crate::{Backend, Classifier, Prediction};

/// Least number of recordings that teach a word, and the most.
const N_RECORDINGS: std::ops::RangeInclusive<usize> = 3..=50;

/// Number of recordings from which more of them help little.
const ENOUGH: usize = 5;

/// Share of the bank of ordinary speech that may be taken for a taught word.
const FALSE_ACCEPTS: f32 = 0.005;

/// Range of the least score, whatever the bank says. Of words that no training had, 97 % of the recordings score above
/// the lower end, and 83 % above the upper one.
const LEAST_SCORES: [f32; 2] = [0.05, 0.14];

/// Score against the others below which a recording is of another word: so low are 6 of 7 that are, and 1 or 2 of 100
/// that are not.
const UNLIKE: f32 = -0.05;

/// The same where no recording can be spared: two others say less than four of what the word is like.
const VERY_UNLIKE: f32 = -0.2;

/// Mean similarity below which two groups of recordings are of two words, and how much more alike each group must be in
/// itself: so are two of three such mixtures, and 1 to 3 of 100 words.
const TWO_WORDS: [f32; 2] = [0.12, 0.25];

/// Amplitude that the loudest sample of a word must have: -40 dBFS.
const QUIET: f32 = 0.01;

/// Share of samples at full scale from which a recording is clipped, and the amplitude of full scale.
const CLIPPED: (f32, f32) = (0.01, 0.99);

/// Length of the edges of a recording, in samples: 20 ms.
const EDGE: usize = N_SAMPLES / 50;

/// Share of the loudest 20 ms from which the sound at an edge is a word that goes on: -6 dB. So are 3 of 100 clips of
/// Speech Commands.
const CUT_OFF: f32 = 0.25;

/// A recording of a word.
pub struct Recording {
    /// Its name in the report: a file's path, or its number.
    pub name: String,
    /// 16 kHz mono samples of any length, or the reason why there are none.
    pub samples: Result<Vec<f32>, String>,
}

/// The result of teaching a word.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Taught {
    /// The word.
    pub name: String,
    /// The recordings that taught it.
    pub used: Vec<String>,
    /// The recordings that did not.
    pub left_out: Vec<LeftOut>,
    /// Share of the recordings used that are found when the others alone teach the word.
    pub recall_leave_one_out: f32,
    /// Share of the bank of ordinary speech that is taken for the word.
    pub false_accepts: f32,
    /// The known word that the recordings are most like.
    pub nearest: Option<Nearest>,
    /// What would make the word surer.
    pub advice: Vec<Advice>,
}

/// A recording that taught nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// The reason.
    pub reason: Reason,
    /// The reason in words.
    pub message: String,
}

/// The reason why a recording is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It could not be read.
    Unreadable,
    /// It is silent or nearly so.
    TooQuiet,
    /// It is louder than its microphone could take.
    Clipped,
    /// It begins or ends within the word.
    CutOff,
    /// It is not like the others.
    Unlike,
}

impl LeftOut {
    fn new(name: String, reason: Reason) -> Self {
        let message = match reason {
            Reason::Unreadable => "not readable",
            Reason::TooQuiet => "too quiet: speak up, or come nearer to the microphone",
            Reason::Clipped => "clipped: turn the microphone down, or go farther from it",
            Reason::CutOff => "cut off: expected silence before and after a word of at most a second",
            Reason::Unlike => "not like the others",
        };
        Self { name, reason, message: message.into() }
    }
}

/// The known word that a taught one is most like.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nearest {
    /// The word's label.
    pub label: String,
    /// Its mean probability over the recordings used, before the word was taught.
    pub probability: f32,
}

/// What would make a taught word surer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// A few more recordings.
    MoreRecordings,
    /// A longer word, because ordinary speech is often taken for this one.
    LongerWord,
    /// A word that is less like a known one.
    OtherWord,
}

/// The reason why a word is not taught.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TeachError {
    /// The record is of version 1.
    #[error("the model has no bank of ordinary speech: make one with `sc-train bank`, or use a newer model")]
    NoSpace,
    /// The name cannot be a label.
    #[error(transparent)]
    Name(#[from] sc_data::DatasetError),
    /// The label exists.
    #[error("the model knows `{0}` already: forget it first, or choose another name")]
    Known(String),
    /// No taught word has this name.
    #[error("`{name}` is no taught word: {known}")]
    NotTaught {
        /// The name asked for.
        name: String,
        /// The taught words, as the end of the sentence.
        known: String,
    },
    /// More recordings than are compared with each other.
    #[error("{0} recordings: expected 3 to 50")]
    TooMany(usize),
    /// Too few recordings can be used.
    #[error("{usable} of {given} recordings can be used: expected at least 3{reasons}")]
    TooFew {
        /// Number that can be used.
        usable: usize,
        /// Number given.
        given: usize,
        /// The reasons for the others, as the end of the sentence.
        reasons: String,
    },
    /// The recordings are not alike.
    #[error("{unlike} of {given} recordings are not like the others: expected recordings of one word")]
    Unlike {
        /// Number that is unlike the others.
        unlike: usize,
        /// Number that can be heard.
        given: usize,
    },
    /// The recordings say a known word.
    #[error("the recordings are heard as `{0}`, which the model knows already")]
    Command(String),
}

/// A recording that can be used.
struct Take {
    name: String,
    embedding: Vec<f32>,
    /// Its similarity to ordinary speech.
    ordinary: f32,
    prediction: Prediction,
}

/// Teaches `record` the word `name`, and returns the new record and a report.
///
/// # Errors
/// A [`TeachError`] says why nothing is taught.
pub fn teach(
    record: &Record,
    name: &str,
    recordings: Vec<Recording>,
) -> Result<(Record, Taught), TeachError> {
    let space = record.words.as_ref().ok_or(TeachError::NoSpace)?;
    check_word(name)?;
    let names = record.header.labels.names();
    if let Some(known) = names.iter().find(|known| known.to_lowercase() == name.to_lowercase()) {
        return Err(TeachError::Known(known.clone()));
    }
    let given = recordings.len();
    if given > *N_RECORDINGS.end() {
        return Err(TeachError::TooMany(given));
    }
    let (mut takes, mut left_out) = listen(&Classifier::untested(record, Backend::Native), space, recordings);
    check_count(&takes, given, &left_out)?;
    check_is_one(&takes)?;
    leave_out_unlike(&mut takes, &mut left_out)?;
    check_is_new(record, &takes)?;
    let direction = mean_direction(takes.iter());
    let bank: Vec<f32> = space.bank().map(|clip| dot(clip, &direction)).collect();
    let bank: Vec<f32> = bank.iter().zip(space.ordinary_of_bank()).map(|(a, b)| a - b).collect();
    let least_score = least_score(bank.clone());
    let share = |scores: Vec<f32>| {
        scores.iter().filter(|score| **score >= least_score).count() as f32 / scores.len().max(1) as f32
    };
    let taught = Taught {
        name: name.into(),
        recall_leave_one_out: share(scores_of_each(&takes)),
        false_accepts: share(bank),
        nearest: nearest(record, &takes),
        advice: Vec::new(),
        used: takes.iter().map(|take| take.name.clone()).collect(),
        left_out,
    };
    let word = TaughtWord { least_score, n_recordings: takes.len() };
    Ok((with_word(record, name, word, &direction)?, Taught { advice: advice(&taught), ..taught }))
}

/// Removes a taught word, and returns the new record.
///
/// # Errors
/// [`TeachError::NotTaught`] if there is none of this name.
pub fn forget(record: &Record, name: &str) -> Result<Record, TeachError> {
    let n_network = record.header.network.n_labels;
    let (network, taught) = record.header.labels.names().split_at(n_network);
    let Some(index) = taught.iter().position(|word| word == name) else {
        let known = if taught.is_empty() {
            "none is taught".into()
        } else {
            format!("they are {}", taught.join(", "))
        };
        return Err(TeachError::NotTaught { name: name.into(), known });
    };
    let mut changed = record.clone();
    changed.header.taught.remove(index);
    if let Some(space) = &mut changed.words {
        space.remove_word(index);
    }
    let kept = taught.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, word)| word);
    changed.header.labels = Labels::try_from(network.iter().chain(kept).cloned().collect::<Vec<_>>())?;
    Ok(changed)
}

/// Returns the record without its taught words: the network alone.
#[must_use]
pub fn forget_all(record: &Record) -> Record {
    let taught = &record.header.labels.names()[record.header.network.n_labels..];
    taught.iter().fold(record.clone(), |record, name| forget(&record, name).unwrap_or(record))
}

/// Listens to the recordings, and leaves out those that no word can be heard in, and the faulty ones if there are enough
/// others.
fn listen(
    classifier: &Classifier,
    space: &WordSpace,
    recordings: Vec<Recording>,
) -> (Vec<Take>, Vec<LeftOut>) {
    let (mut takes, mut faulty, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for Recording { name, samples } in recordings {
        let samples = match samples {
            Ok(samples) => samples,
            Err(message) => {
                left_out.push(LeftOut { name, reason: Reason::Unreadable, message });
                continue;
            }
        };
        let waveform = Waveform::from_samples(&samples);
        let second = &waveform.samples()[..samples.len().min(N_SAMPLES)];
        let take = || take(classifier, space, &name, &waveform);
        match fault(second) {
            None => takes.push(take()),
            Some(reason @ (Reason::Clipped | Reason::CutOff)) => faulty.push((take(), reason)),
            Some(reason) => left_out.push(LeftOut::new(name, reason)),
        }
    }
    if takes.len() < *N_RECORDINGS.start() {
        takes.extend(faulty.into_iter().map(|(take, _)| take));
    } else {
        left_out.extend(faulty.into_iter().map(|(take, reason)| LeftOut::new(take.name, reason)));
    }
    (takes, left_out)
}

fn take(classifier: &Classifier, space: &WordSpace, name: &str, waveform: &Waveform) -> Take {
    let output = classifier.listen(waveform);
    let embedding = space.embed(&output.word_frames);
    let ordinary = space.ordinary(&embedding);
    Take { name: name.into(), embedding, ordinary, prediction: classifier.answer(&output) }
}

/// Returns the fault of a recording of up to a second, if it has one.
fn fault(second: &[f32]) -> Option<Reason> {
    let loudest = second.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    if loudest < QUIET {
        return Some(Reason::TooQuiet);
    }
    let clipped = second.iter().filter(|sample| sample.abs() >= CLIPPED.1).count();
    if clipped as f32 > CLIPPED.0 * second.len() as f32 {
        return Some(Reason::Clipped);
    }
    let energies: Vec<f32> = second.chunks(EDGE).map(energy).collect();
    let most = CUT_OFF * energies.iter().copied().fold(0.0, f32::max);
    let is_cut_off = [energies.first(), energies.last()].into_iter().flatten().any(|edge| *edge > most);
    is_cut_off.then_some(Reason::CutOff)
}

/// The mean square of some samples.
fn energy(samples: &[f32]) -> f32 {
    dot(samples, samples) / samples.len() as f32
}

fn check_count(takes: &[Take], given: usize, left_out: &[LeftOut]) -> Result<(), TeachError> {
    if takes.len() >= *N_RECORDINGS.start() {
        return Ok(());
    }
    let mut reasons = String::new();
    for LeftOut { name, message, .. } in left_out {
        reasons.extend(["; ", name, ": ", message]);
    }
    Err(TeachError::TooFew { usable: takes.len(), given, reasons })
}

/// Refuses recordings that fall into two groups, as those of two words do.
fn check_is_one(takes: &[Take]) -> Result<(), TeachError> {
    let pairs = || (0..takes.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let similarity = |(i, j): (usize, usize)| dot(&takes[i].embedding, &takes[j].embedding);
    let Some((a, b)) = pairs().min_by(|x, y| similarity(*x).total_cmp(&similarity(*y))) else {
        return Ok(());
    };
    // Each recording belongs to the one of the most different two that it is more like.
    let is_like_a = |i: usize| i == a || i != b && similarity((i, a)) >= similarity((i, b));
    let n_like_a = (0..takes.len()).filter(|i| is_like_a(*i)).count();
    let unlike = n_like_a.min(takes.len() - n_like_a);
    let mean = |is_within: bool| {
        let pairs: Vec<_> = pairs().filter(|(i, j)| (is_like_a(*i) == is_like_a(*j)) == is_within).collect();
        pairs.iter().map(|pair| similarity(*pair)).sum::<f32>() / pairs.len().max(1) as f32
    };
    let [least, gap] = TWO_WORDS;
    if unlike > 1 && mean(false) < least && mean(true) - mean(false) > gap {
        return Err(TeachError::Unlike { unlike, given: takes.len() });
    }
    Ok(())
}

/// Leaves out the recordings that are least like the others, one at a time, while there are enough others.
fn leave_out_unlike(takes: &mut Vec<Take>, left_out: &mut Vec<LeftOut>) -> Result<(), TeachError> {
    let (given, mut unlike) = (takes.len(), 0);
    while let Some((worst, score)) =
        scores_of_each(takes).into_iter().enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b))
        && score < UNLIKE
    {
        let is_enough = takes.len() > *N_RECORDINGS.start();
        if !is_enough && score >= VERY_UNLIKE {
            break;
        }
        unlike += 1;
        if !is_enough || 2 * unlike >= takes.len() - 1 {
            return Err(TeachError::Unlike { unlike, given });
        }
        left_out.push(LeftOut::new(takes.remove(worst).name, Reason::Unlike));
    }
    Ok(())
}

/// Returns the score of each recording against the word that the others alone would teach.
fn scores_of_each(takes: &[Take]) -> Vec<f32> {
    let score = |(i, take): (usize, &Take)| {
        let others = takes.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, other)| other);
        dot(&take.embedding, &mean_direction(others)) - take.ordinary
    };
    takes.iter().enumerate().map(score).collect()
}

fn mean_direction<'a>(takes: impl Iterator<Item = &'a Take>) -> Vec<f32> {
    let mut direction: Vec<f32> = Vec::new();
    for Take { embedding, .. } in takes {
        direction.resize(embedding.len(), 0.0);
        direction.iter_mut().zip(embedding).for_each(|(sum, value)| *sum += value);
    }
    normalise(&mut direction);
    direction
}

/// Refuses recordings that most often are heard as one word that the model knows.
fn check_is_new(record: &Record, takes: &[Take]) -> Result<(), TeachError> {
    for label in record.header.labels.names() {
        let is_heard = |take: &&Take| take.prediction.accepted && take.prediction.label == *label;
        if 2 * takes.iter().filter(is_heard).count() > takes.len() {
            return Err(TeachError::Command(label.clone()));
        }
    }
    Ok(())
}

/// Returns the least score at which [`FALSE_ACCEPTS`] of the bank are taken for the word, within [`LEAST_SCORES`].
fn least_score(mut bank: Vec<f32>) -> f32 {
    bank.sort_by(|a, b| b.total_cmp(a));
    let n_allowed = (FALSE_ACCEPTS * bank.len() as f32) as usize;
    let [low, high] = LEAST_SCORES;
    bank.get(n_allowed).map_or(high, |first_refused| first_refused.next_up().clamp(low, high))
}

/// Returns the keyword with the highest mean probability.
fn nearest(record: &Record, takes: &[Take]) -> Option<Nearest> {
    let labels = &record.header.labels;
    let mean = |label: &String| {
        let scored = takes.iter().flat_map(|take| &take.prediction.predictions);
        let sum: f32 = scored.filter(|scored| scored.label == *label).map(|scored| scored.probability).sum();
        Nearest { label: label.clone(), probability: sum / takes.len() as f32 }
    };
    let keywords = labels.names().iter().filter(|label| labels.has_keyword(label)).map(mean);
    keywords.max_by(|a, b| a.probability.total_cmp(&b.probability))
}

/// Returns what would make the word surer.
fn advice(taught: &Taught) -> Vec<Advice> {
    let mut advice = Vec::new();
    if taught.used.len() < ENOUGH || taught.recall_leave_one_out < 0.8 {
        advice.push(Advice::MoreRecordings);
    }
    if taught.false_accepts > 2.0 * FALSE_ACCEPTS {
        advice.push(Advice::LongerWord);
    }
    if taught.nearest.as_ref().is_some_and(|nearest| nearest.probability > 0.5) {
        advice.push(Advice::OtherWord);
    }
    advice
}

/// Returns the record with one more word.
fn with_word(record: &Record, name: &str, word: TaughtWord, direction: &[f32]) -> Result<Record, TeachError> {
    let mut changed = record.clone();
    if let Some(space) = &mut changed.words {
        space.add_word(direction);
    }
    changed.header.taught.push(word);
    let names = record.header.labels.names().iter().cloned().chain([name.to_owned()]);
    changed.header.labels = Labels::try_from(names.collect::<Vec<_>>())?;
    Ok(changed)
}
