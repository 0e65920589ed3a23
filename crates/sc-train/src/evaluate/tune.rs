//! Makes a model stricter until it is quiet enough in recordings without a keyword.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use rayon::prelude::*;
use sc_data::{N_SAMPLES, SAMPLE_RATE_HZ};
use sc_model::words::TaughtWord;
use sc_model::{Backend, Classifier, Detection, Header, Record};
use serde::Serialize;

use super::partition;
use crate::audio::{Unreadable, files_below};
use crate::listening::{self, Heard};
use crate::progress;

/// Most times that the recordings are heard again. After so many rises no score reaches that of a taught word.
pub(crate) const MOST_ROUNDS: usize = 12;

/// The first rise of a taught word's least score, and the growth of each next one.
///
/// How far it must rise is not told by a detection's confidence: where the score is far above the least, that is little
/// more than the share of the answers that had the word in them.
const FIRST_RISE: f32 = 0.01;
const GROWTH: f32 = 1.5;

/// The difference of two similarities, each from -1 to 1, is at most this.
const HIGHEST_SCORE: f32 = 2.0;

/// A threshold and a least score above which hardly a word is found: of 30 real clips of two taught words, two scored
/// above this one, and 29 above the least score that `teach` had set.
const TOO_STRICT: [f32; 2] = [0.99, 0.35];

/// A model that was made stricter: what it hears in the recordings, and what it heard before.
#[derive(Serialize)]
pub(crate) struct Tuned {
    /// Sound that was heard.
    pub hours: f64,
    pub threshold_before: f32,
    pub threshold_after: f32,
    /// Alarms that each word may have in these recordings.
    pub allowed: usize,
    /// The words with an alarm, in the order of their labels.
    pub words: Vec<Word>,
    /// Files of which only the beginning counts, with the reason.
    pub heard_in_part: Vec<Unreadable>,
    /// Files that could not be read, left out of every figure.
    pub unreadable: Vec<Unreadable>,
}

/// The false alarms of a word.
#[derive(Serialize)]
pub(crate) struct Word {
    pub name: String,
    /// True for a taught word, false for a keyword of the network.
    pub taught: bool,
    /// The least score of a taught word in the model as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_score_before: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_score_after: Option<f32>,
    /// Alarms of the model as it was.
    pub before: usize,
    /// Alarms that remain.
    pub after: usize,
    /// Their places.
    pub places: Vec<Place>,
}

/// The place of an alarm, and how sure the model was.
#[derive(Serialize)]
pub(crate) struct Place {
    pub path: String,
    pub start_s: f64,
    pub end_s: f64,
    pub confidence: f32,
}

impl Tuned {
    /// Returns true if a word had too many alarms, so that the model was changed.
    pub fn is_changed(&self) -> bool {
        self.words.iter().any(|word| word.before > self.allowed)
    }

    /// Returns the names of the words that still have too many alarms.
    pub fn still_too_many(&self) -> Vec<&str> {
        let words = self.words.iter().filter(|word| word.after > self.allowed);
        words.map(|word| word.name.as_str()).collect()
    }

    /// Names what has become so strict that recordings with keywords may be the reason.
    pub fn too_strict(&self) -> Vec<String> {
        let [threshold, least_score] = TOO_STRICT;
        let is_raised = self.threshold_after > threshold.max(self.threshold_before);
        let network = is_raised.then(|| format!("the keywords (threshold {:.4})", self.threshold_after));
        let words = self.words.iter().filter(|word| {
            let [before, after] = [word.least_score_before, word.least_score_after];
            after > before && after > Some(least_score)
        });
        network.into_iter().chain(words.map(|word| word.name.clone())).collect()
    }
}

/// The false alarms of each word.
type Alarms = BTreeMap<String, Vec<Place>>;

/// The next rise of each taught word that had too many alarms.
type Rises = BTreeMap<String, f32>;

/// What a model hears in recordings without a keyword.
struct Hearing {
    n_samples: usize,
    alarms: Alarms,
    in_part: Vec<Unreadable>,
    unreadable: Vec<Unreadable>,
}

/// Makes `record` stricter until each word has at most `false_alarms` an hour in `recordings`: files, and folders of
/// them, in which no keyword is said. After [`MOST_ROUNDS`] it stops, even if a word has more.
///
/// # Errors
/// If there is not a second of sound in the recordings, or the record fails its self-test.
pub(crate) fn tune(record: &mut Record, recordings: &[PathBuf], false_alarms: f64) -> Result<Tuned> {
    let files = files(recordings);
    let old = record.header.clone();
    let mut heard = hear(record, &files)?;
    check(&heard, recordings)?;
    let allowed = (false_alarms * heard.hours()) as usize;
    let before = heard.n_alarms();
    let mut rises = Rises::new();
    for _ in 0..MOST_ROUNDS {
        if !tighten(&mut record.header, &heard.alarms, allowed, &mut rises) {
            break;
        }
        heard = hear(record, &files)?;
    }
    Ok(Tuned {
        hours: heard.hours(),
        threshold_before: old.threshold,
        threshold_after: record.header.threshold,
        allowed,
        words: words([&old, &record.header], &before, heard.alarms),
        heard_in_part: heard.in_part,
        unreadable: heard.unreadable,
    })
}

/// Lists the files of all `recordings`. One that is given twice would count twice.
fn files(recordings: &[PathBuf]) -> Vec<Result<PathBuf, Unreadable>> {
    let mut seen = BTreeSet::new();
    let is_new = |file: &Result<PathBuf, Unreadable>| {
        let place = file.as_ref().ok().and_then(|path| path.canonicalize().ok());
        place.is_none_or(|place| seen.insert(place))
    };
    recordings.iter().flat_map(|path| files_below(path)).filter(is_new).collect()
}

/// Returns the words with an alarm before or after, in the order of the labels.
fn words(headers: [&Header; 2], before: &BTreeMap<String, usize>, mut after: Alarms) -> Vec<Word> {
    let word = |name: &String| {
        let before = before.get(name).copied().unwrap_or_default();
        let places = after.remove(name).unwrap_or_default();
        let [least_score_before, least_score_after] = headers.map(|header| least_score(header, name));
        (before + places.len() > 0).then(|| Word {
            name: name.clone(),
            taught: least_score_before.is_some(),
            least_score_before,
            least_score_after,
            before,
            after: places.len(),
            places,
        })
    };
    headers[0].labels.names().iter().filter_map(word).collect()
}

/// Returns the least score of a taught word, or `None` for a keyword of the network.
fn least_score(header: &Header, name: &str) -> Option<f32> {
    header.taught_words().find(|(word, _)| *word == name).map(|(_, word)| word.least_score)
}

/// Refuses recordings that prove nothing.
fn check(heard: &Hearing, recordings: &[PathBuf]) -> Result<()> {
    if heard.n_samples >= N_SAMPLES {
        return Ok(());
    }
    let named = recordings.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    match heard.unreadable.first() {
        Some(first) => bail!("no second of sound in {named}: {first}"),
        None => bail!("no second of sound in {named}"),
    }
}

/// Makes each word with more than `allowed` alarms stricter, and returns false if there is none.
fn tighten(header: &mut Header, alarms: &Alarms, allowed: usize, rises: &mut Rises) -> bool {
    let mut has_too_many = false;
    for (name, places) in alarms {
        let Some(confidence) = first_too_many(places, allowed) else { continue };
        has_too_many = true;
        match taught_word(header, name) {
            Some(word) => {
                let rise = rises.entry(name.clone()).or_insert(FIRST_RISE);
                word.least_score = (word.least_score + *rise).min(HIGHEST_SCORE);
                *rise *= GROWTH;
            }
            // `set_threshold` would keep the confidences of taught words, and so make them stricter too.
            None => header.threshold = header.threshold.max(confidence.next_up()).min(1.0),
        }
    }
    has_too_many
}

/// Returns the confidence of the surest alarm but `allowed`, if there are so many.
fn first_too_many(places: &[Place], allowed: usize) -> Option<f32> {
    let mut confidences: Vec<f32> = places.iter().map(|place| place.confidence).collect();
    confidences.sort_by(|a, b| b.total_cmp(a));
    confidences.get(allowed).copied()
}

/// Returns the settings of a taught word, or `None` for a keyword of the network.
fn taught_word<'a>(header: &'a mut Header, name: &str) -> Option<&'a mut TaughtWord> {
    let index = header.taught_words().position(|(word, _)| word == name)?;
    header.taught.get_mut(index)
}

/// Hears all files by a detector.
///
/// # Errors
/// If the record fails its self-test.
fn hear(record: &Record, files: &[Result<PathBuf, Unreadable>]) -> Result<Hearing> {
    let classifier = Arc::new(Classifier::new(record, Backend::Native)?);
    let bar = progress::heard();
    let heard = files.par_iter().map(|file| -> Result<_, Unreadable> {
        let path = file.as_deref().map_err(Unreadable::clone)?;
        let heard = listening::detect(&classifier, path, &bar);
        Ok((path, heard.map_err(|error| Unreadable::new(path, &error))?))
    });
    let (heard, unreadable) = partition(heard.collect());
    bar.finish_and_clear();
    let mut hearing = Hearing { n_samples: 0, alarms: Alarms::new(), in_part: Vec::new(), unreadable };
    for (path, Heard { detections, n_samples, fault }) in heard {
        let path = path.display().to_string();
        hearing.n_samples += n_samples;
        for Detection { label, start_s, end_s, confidence, .. } in detections {
            let place = Place { path: path.clone(), start_s, end_s, confidence };
            hearing.alarms.entry(label).or_default().push(place);
        }
        hearing.in_part.extend(fault.map(|error| Unreadable { path, error }));
    }
    Ok(hearing)
}

impl Hearing {
    fn n_alarms(&self) -> BTreeMap<String, usize> {
        self.alarms.iter().map(|(name, places)| (name.clone(), places.len())).collect()
    }

    fn hours(&self) -> f64 {
        self.n_samples as f64 / (3600.0 * f64::from(SAMPLE_RATE_HZ))
    }
}

#[cfg(test)]
mod tests {
    use sc_data::Labels;

    use super::*;

    /// The header of the shipped model, with a taught word *lamp* of the least score 0.1 and a threshold of 0.9.
    fn header() -> Header {
        let mut header = Record::shipped().unwrap().header;
        let names = header.labels.names().iter().cloned().chain(["lamp".to_owned()]);
        header.labels = Labels::try_from(names.collect::<Vec<_>>()).unwrap();
        header.taught.push(TaughtWord { least_score: 0.1, n_recordings: 5 });
        header.threshold = 0.9;
        header
    }

    fn alarms(words: &[(&str, &[f32])]) -> Alarms {
        let place =
            |&confidence: &f32| Place { path: "kitchen.wav".into(), start_s: 1.0, end_s: 1.5, confidence };
        let places = |confidences: &[f32]| confidences.iter().map(place).collect::<Vec<_>>();
        words.iter().map(|(name, confidences)| ((*name).to_owned(), places(confidences))).collect()
    }

    #[test]
    fn keywords_share_the_threshold_and_a_taught_word_has_its_own_least_score() {
        let alarms = alarms(&[("yes", &[0.97, 0.99, 0.98]), ("no", &[0.95, 0.96]), ("up", &[0.999])]);
        let mut tuned = header();
        assert!(tighten(&mut tuned, &alarms, 1, &mut Rises::new()));
        assert_eq!((tuned.threshold, tuned.taught[0].least_score), (0.98_f32.next_up(), 0.1));
    }

    #[test]
    fn a_taught_word_leaves_the_threshold_as_it_is() {
        let mut tuned = header();
        assert!(tighten(&mut tuned, &alarms(&[("lamp", &[0.95, 0.96])]), 1, &mut Rises::new()));
        assert_eq!((tuned.threshold, tuned.taught[0].least_score), (0.9, 0.1 + 0.01));
    }

    #[test]
    fn each_taught_word_rises_in_steps_of_its_own_that_grow() {
        let mut tuned = header();
        let mut rises = Rises::from([("door".to_owned(), 1.0)]);
        for _ in 0..2 {
            assert!(tighten(&mut tuned, &alarms(&[("lamp", &[0.95])]), 0, &mut rises));
        }
        assert_eq!((tuned.threshold, tuned.taught[0].least_score), (0.9, 0.1 + 0.01 + 0.01 * GROWTH));
    }

    #[test]
    fn as_many_alarms_as_are_allowed_change_nothing() {
        let mut tuned = header();
        let alarms = alarms(&[("yes", &[0.97, 0.99]), ("lamp", &[0.99])]);
        assert!(!tighten(&mut tuned, &alarms, 2, &mut Rises::new()));
        assert_eq!(tuned, header());
    }

    #[test]
    fn a_recording_that_is_given_twice_is_heard_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kitchen.wav");
        std::fs::write(&file, "").unwrap();
        assert_eq!(files(&[dir.path().into(), file.clone()]), [Ok(file)]);
    }

    #[test]
    fn however_sure_the_alarms_a_record_stays_one_that_can_be_read() {
        let mut tuned = header();
        let mut rises = Rises::from([("lamp".to_owned(), 5.0)]);
        assert!(tighten(&mut tuned, &alarms(&[("yes", &[1.0]), ("lamp", &[1.0])]), 0, &mut rises));
        assert_eq!((tuned.threshold, tuned.taught[0].least_score), (1.0, 2.0));
    }
}
