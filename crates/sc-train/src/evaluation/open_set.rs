//! Figures of sounds that are no keyword: how often one is accepted as a keyword.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{share, wilson_interval};
use crate::audio::Unreadable;

/// One clip without a keyword, window by window.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenClip {
    /// For each window, the keyword that was accepted in it, if any.
    pub accepted: Vec<Option<String>>,
    /// Seconds of a long clip, which has several windows.
    pub long_s: Option<f64>,
}

/// Keywords that were accepted in clips without any.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OpenSet {
    /// Clips heard.
    #[serde(rename = "recordings")]
    pub clips: usize,
    /// Windows heard: one for each short clip, one every half second of a long one.
    pub windows: usize,
    /// Windows in which a keyword was accepted.
    pub accepted: usize,
    /// Share of windows in which a keyword was accepted.
    pub share: f64,
    /// 95 % interval of the share, by Wilson's score; windows that overlap are not independent, so it is narrow.
    pub interval: [f64; 2],
    /// Accepted windows by the keyword they were taken for.
    pub taken_for: BTreeMap<String, usize>,
    /// Duration of the long clips together.
    pub long_hours: f64,
    /// False alarms in long clips: windows in a row that are taken for one keyword alarm once.
    pub false_alarms: usize,
    /// False alarms in an hour of long clips, if there are any long clips.
    pub false_alarms_per_hour: Option<f64>,
    /// Files that could not be read, left out of every figure.
    pub unreadable: Vec<Unreadable>,
}

impl OpenSet {
    /// Adds up clips.
    pub fn new(clips: &[OpenClip], unreadable: Vec<Unreadable>) -> Self {
        let windows = clips.iter().map(|clip| clip.accepted.len()).sum();
        let mut taken_for = BTreeMap::new();
        for label in clips.iter().flat_map(|clip| clip.accepted.iter().flatten()) {
            *taken_for.entry(label.clone()).or_default() += 1;
        }
        let accepted = taken_for.values().sum();
        let seconds = clips.iter().filter_map(|clip| clip.long_s);
        let long_hours = seconds.fold(0.0, |sum, seconds| sum + seconds) / 3600.0; // `sum` of nothing is -0
        let long = clips.iter().filter(|clip| clip.long_s.is_some());
        let false_alarms = long.map(OpenClip::alarms).sum();
        Self {
            clips: clips.len(),
            windows,
            accepted,
            share: share(accepted, windows),
            interval: wilson_interval(accepted, windows),
            taken_for,
            long_hours,
            false_alarms,
            false_alarms_per_hour: (long_hours > 0.0).then(|| false_alarms as f64 / long_hours),
            unreadable,
        }
    }
}

impl OpenClip {
    fn alarms(&self) -> usize {
        let begins =
            |i: usize| self.accepted[i].is_some() && (i == 0 || self.accepted[i - 1] != self.accepted[i]);
        (0..self.accepted.len()).filter(|&i| begins(i)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(windows: &[&str], long_s: Option<f64>) -> OpenClip {
        let label = |label: &&str| (!label.is_empty()).then(|| (*label).to_owned());
        OpenClip { accepted: windows.iter().map(label).collect(), long_s }
    }

    #[test]
    fn windows_in_a_row_for_one_keyword_alarm_once() {
        assert_eq!(clip(&["", "yes", "yes", "", "yes", "no", "no"], Some(4.0)).alarms(), 3);
        assert_eq!(clip(&[], Some(4.0)).alarms(), 0);
    }

    #[test]
    fn short_clips_count_windows_but_no_hours() {
        let short = [clip(&["yes"], None), clip(&[""], None)];
        let open_set = OpenSet::new(&short, Vec::new());
        assert_eq!((open_set.windows, open_set.accepted, open_set.share), (2, 1, 0.5));
        assert_eq!((open_set.false_alarms, open_set.false_alarms_per_hour), (0, None));
        assert_eq!(open_set.long_hours.to_string(), "0");
    }

    #[test]
    fn alarms_an_hour_come_from_the_long_clips_alone() {
        let clips = [clip(&["yes"], None), clip(&["", "no", "no"], Some(1800.0))];
        let open_set = OpenSet::new(&clips, Vec::new());
        assert_eq!(open_set.taken_for, BTreeMap::from([("no".into(), 2), ("yes".into(), 1)]));
        assert_eq!(open_set.false_alarms_per_hour, Some(2.0));
    }
}
