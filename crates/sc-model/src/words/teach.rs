//! Teaches a record a word by a few recordings of it.

use sc_data::{Labels, normal_form, word_label};

use super::likeness::{check_is_one, leave_out_unlike, mean_direction, scores_of_each, unlike};
use super::report::{Advice, LeftOut, N_RECORDINGS, Nearest, Recording, Taught, TeachError};
use super::takes::{Heard, Take, listen};
use super::taught::TaughtWord;
use super::vector::dot;
use crate::record::Record;

/// Number of recordings from which more of them help little.
const ENOUGH: usize = 5;

/// Share of the bank of ordinary speech that may be taken for a taught word.
const FALSE_ACCEPTS: f32 = 0.005;

/// Range of the least score, whatever the bank says. Of words that no training had, 97 % of the recordings score above
/// the lower end, and 83 % above the upper one.
const LEAST_SCORES: [f32; 2] = [0.05, 0.14];

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
    let given = recordings.len();
    let name = &check_word(record.header.labels.names(), name, given)?;
    let (mut takes, mut left_out) = usable(listen(record, space, recordings));
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
    let mut changed = record.clone();
    add_word(&mut changed, name, word, &direction)?;
    Ok((changed, Taught { advice: advice(&taught), ..taught }))
}

/// Returns a name in its normal form, if a word can be taught by it beside these labels, by as many recordings as are
/// given. They need not be decoded for that.
///
/// # Errors
/// [`TeachError`] if it cannot be a label, or is one already, in small or capital letters, or if there are too many recordings.
pub fn check_word(labels: &[String], name: &str, given: usize) -> Result<String, TeachError> {
    let name = new_name(labels, name)?;
    check_most(given)?;
    Ok(name)
}

/// Returns a name in its normal form, if it can be a label beside these.
pub(super) fn new_name(labels: &[String], name: &str) -> Result<String, TeachError> {
    let name = word_label(name)?;
    match labels.iter().find(|known| is_same(known, &name)) {
        Some(known) => Err(TeachError::Known(known.clone())),
        None => Ok(name),
    }
}

/// Returns true for names of one word, which may differ in small and capital letters.
fn is_same(a: &str, b: &str) -> bool {
    normal_form(a).to_lowercase() == normal_form(b).to_lowercase()
}

/// Removes a taught word, and returns the new record.
///
/// # Errors
/// [`TeachError::NotTaught`] if there is none of this name.
pub fn forget(record: &Record, name: &str) -> Result<Record, TeachError> {
    let taught: Vec<&str> = record.header.taught_words().map(|(word, _)| word).collect();
    let Some(index) = taught.iter().position(|word| is_same(word, name)) else {
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
    let mut names = record.header.labels.names().to_vec();
    names.remove(record.header.network.n_labels + index);
    changed.header.labels = Labels::try_from(names)?;
    Ok(changed)
}

/// Returns the record without its taught words: the network alone.
#[must_use]
pub fn forget_all(record: &Record) -> Record {
    let taught = record.header.taught_words();
    taught.fold(record.clone(), |record, (name, _)| forget(&record, name).unwrap_or(record))
}

/// Returns the recordings that teaching would leave out, or would refuse the word for: each by itself, and from three good
/// ones on by its likeness to the others.
///
/// # Errors
/// A [`TeachError`] if there are too many recordings, or the record has no bank to compare them with.
pub fn check(record: &Record, recordings: Vec<Recording>) -> Result<Vec<LeftOut>, TeachError> {
    let space = record.words.as_ref().ok_or(TeachError::NoSpace)?;
    check_most(recordings.len())?;
    let (mut takes, mut left_out) = (Vec::new(), Vec::new());
    for heard in listen(record, space, recordings) {
        match heard {
            (_, Some(fault)) => left_out.push(fault),
            (take, None) => takes.extend(take),
        }
    }
    left_out.extend(unlike(takes));
    Ok(left_out)
}

/// Separates the takes from what is left out. Faulty ones are used where there are too few others.
fn usable(heard: impl Iterator<Item = Heard>) -> (Vec<Take>, Vec<LeftOut>) {
    let (mut takes, mut faulty, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for heard in heard {
        match heard {
            (Some(take), Some(fault)) => faulty.push((take, fault)),
            (take, fault) => {
                takes.extend(take);
                left_out.extend(fault);
            }
        }
    }
    if takes.len() < *N_RECORDINGS.start() {
        takes.extend(faulty.into_iter().map(|(take, _)| take));
    } else {
        left_out.extend(faulty.into_iter().map(|(_, fault)| fault));
    }
    (takes, left_out)
}

/// Refuses more recordings than are compared with each other.
fn check_most(given: usize) -> Result<(), TeachError> {
    if given > *N_RECORDINGS.end() { Err(TeachError::TooMany(given)) } else { Ok(()) }
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

/// Adds a word behind the others. A record with a space has room for it.
pub(super) fn add_word(
    record: &mut Record,
    name: &str,
    word: TaughtWord,
    direction: &[f32],
) -> Result<(), TeachError> {
    let names = record.header.labels.names().iter().cloned().chain([name.to_owned()]);
    record.header.labels = Labels::try_from(names.collect::<Vec<_>>())?;
    record.header.taught.push(word);
    if let Some(space) = &mut record.words {
        space.add_word(direction);
    }
    Ok(())
}
