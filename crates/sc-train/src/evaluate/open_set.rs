//! How often a sound that is no keyword is taken for one.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use rayon::prelude::*;
use sc_data::{N_SAMPLES, SAMPLE_RATE_HZ, Waveform};
use sc_model::Classifier;
use serde::Serialize;

use super::split_results;
use crate::audio::{self, Unreadable};
use crate::{progress, wilson_interval};

/// Up to here a recording is a word and what surrounds it; a longer one is a stretch of sound.
const LONGEST_WORD: usize = 6 * SAMPLE_RATE_HZ as usize;
/// Half a second: a keyword that one window cuts is whole in the next.
const HOP: usize = N_SAMPLES / 2;
/// What was heard in one recording that holds no keyword.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// By window: the keyword that was accepted, if any.
    pub windows: Vec<Option<String>>,
    /// The length of a long recording, one of several windows.
    pub long_s: Option<f64>,
}

/// How often sounds that are no keyword were taken for one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OpenSet {
    /// Recordings heard.
    pub recordings: usize,
    /// Windows heard: one for each short recording, one every half second of a long one.
    pub windows: usize,
    /// Windows in which a keyword was accepted.
    pub accepted: usize,
    /// Share of windows in which a keyword was accepted.
    pub share: f64,
    /// 95 % interval of the share, by Wilson's score; windows that overlap are not independent, so it is narrow.
    pub interval: [f64; 2],
    /// Accepted windows by the keyword they were taken for.
    pub taken_for: BTreeMap<String, usize>,
    /// Duration of the long recordings together.
    pub long_hours: f64,
    /// False alarms in long recordings: windows in a row that are taken for one keyword alarm once.
    pub false_alarms: usize,
    /// False alarms an hour of long recordings; none if there are no long recordings.
    pub false_alarms_per_hour: Option<f64>,
    /// Files that could not be read, left out of every figure.
    pub unreadable: Vec<Unreadable>,
}

impl OpenSet {
    /// Adds up what was heard.
    pub fn new(recordings: &[Heard], unreadable: Vec<Unreadable>) -> Self {
        let windows = recordings.iter().map(|heard| heard.windows.len()).sum();
        let mut taken_for = BTreeMap::new();
        for label in recordings.iter().flat_map(|heard| heard.windows.iter().flatten()) {
            *taken_for.entry(label.clone()).or_default() += 1;
        }
        let accepted = taken_for.values().sum();
        let long_hours = recordings.iter().filter_map(|heard| heard.long_s).sum::<f64>() / 3600.0;
        let long = recordings.iter().filter(|heard| heard.long_s.is_some());
        let false_alarms = long.map(Heard::alarms).sum();
        Self {
            recordings: recordings.len(),
            windows,
            accepted,
            share: accepted as f64 / windows.max(1) as f64,
            interval: wilson_interval(accepted, windows),
            taken_for,
            long_hours,
            false_alarms,
            false_alarms_per_hour: (long_hours > 0.0).then(|| false_alarms as f64 / long_hours),
            unreadable,
        }
    }
}

impl Heard {
    fn new(classifier: &Classifier, samples: &[f32]) -> Self {
        let hear = |samples: &[f32]| {
            let prediction = classifier.classify(&Waveform::from_samples(samples));
            prediction.accepted.then_some(prediction.label)
        };
        if samples.len() <= LONGEST_WORD {
            return Self { windows: vec![hear(samples)], long_s: None };
        }
        let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE_HZ);
        let windows = samples.windows(N_SAMPLES).step_by(HOP).map(hear).collect();
        Self { windows, long_s: Some(seconds) }
    }

    fn alarms(&self) -> usize {
        let begins =
            |i: usize| self.windows[i].is_some() && (i == 0 || self.windows[i - 1] != self.windows[i]);
        (0..self.windows.len()).filter(|&i| begins(i)).count()
    }
}

/// Listens to every recording in and below `dir`.
pub(crate) fn listen(classifier: &Classifier, dir: &Path) -> Result<OpenSet> {
    let (files, mut unreadable) = split_results(audio::files_below(dir).collect());
    let bar = progress::bar(files.len(), "listening");
    let heard = files.par_iter().map(|path| {
        bar.inc(1);
        let samples = audio::read(path, &audio::LONG).map_err(|error| Unreadable::new(path, &error))?;
        Ok(Heard::new(classifier, &samples))
    });
    let (heard, undecodable) = split_results(heard.collect());
    bar.finish_and_clear();
    unreadable.extend(undecodable);
    match unreadable.first() {
        _ if !heard.is_empty() => Ok(OpenSet::new(&heard, unreadable)),
        Some(Unreadable { path, error }) => bail!("no recording in {}: {path}: {error}", dir.display()),
        None => bail!("no recording in {}", dir.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(windows: &[&str], long_s: Option<f64>) -> Heard {
        let label = |label: &&str| (!label.is_empty()).then(|| (*label).to_owned());
        Heard { windows: windows.iter().map(label).collect(), long_s }
    }

    #[test]
    fn windows_in_a_row_for_one_keyword_alarm_once() {
        assert_eq!(heard(&["", "yes", "yes", "", "yes", "no", "no"], Some(4.0)).alarms(), 3);
        assert_eq!(heard(&[], Some(4.0)).alarms(), 0);
    }

    #[test]
    fn short_recordings_count_windows_but_no_hours() {
        let short = [heard(&["yes"], None), heard(&[""], None)];
        let open_set = OpenSet::new(&short, Vec::new());
        assert_eq!((open_set.windows, open_set.accepted, open_set.share), (2, 1, 0.5));
        assert_eq!((open_set.false_alarms, open_set.false_alarms_per_hour), (0, None));
    }

    #[test]
    fn alarms_an_hour_come_from_the_long_recordings_alone() {
        let recordings = [heard(&["yes"], None), heard(&["", "no", "no"], Some(1800.0))];
        let open_set = OpenSet::new(&recordings, Vec::new());
        assert_eq!(open_set.taken_for, BTreeMap::from([("no".into(), 2), ("yes".into(), 1)]));
        assert_eq!(open_set.false_alarms_per_hour, Some(2.0));
    }
}
