//! Figures of a recording with a table of its words, and each place where the detector was wrong.

use std::fmt;

use sc_data::{Labels, printable};
use sc_model::Detection;
use serde::Serialize;

use super::StreamTable;
use super::stream::{Outcome, Spoken, outcomes, quantile};

/// The figures of a recording at every threshold, and what the detector's own threshold makes of each word.
#[derive(Debug, Serialize)]
pub(crate) struct RecordingTable {
    #[serde(flatten)]
    table: StreamTable,
    /// Half of the found words start within this time before or after the start in the table, in seconds.
    start_off_median_s: Option<f32>,
    /// The same of their ends.
    end_off_median_s: Option<f32>,
    /// In the order of time.
    errors: Vec<StreamError>,
}

/// A word that was not found, or a false alarm.
#[derive(Debug, PartialEq, Serialize)]
struct StreamError {
    kind: ErrorKind,
    /// Of the word in the table; of a false alarm, of the detection.
    start_s: f64,
    end_s: f64,
    /// The word that the table has there: at a false alarm, one that is no keyword or was heard already.
    said: Option<String>,
    heard: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ErrorKind {
    Missed,
    TakenForAnother,
    FalseAlarm,
}

impl RecordingTable {
    /// Compares what the detector's own threshold finds in a recording with what was said in it.
    pub fn new(table: StreamTable, labels: &Labels, spoken: &[Spoken], detections: &[Detection]) -> Self {
        let outcomes = outcomes(labels, spoken, detections);
        let mut errors: Vec<_> =
            outcomes.iter().filter_map(|outcome| StreamError::new(outcome, spoken)).collect();
        errors.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        Self {
            table,
            start_off_median_s: median_off(&outcomes, |word, found| found.start_s - word.start_s),
            end_off_median_s: median_off(&outcomes, |word, found| found.end_s - word.end_s),
            errors,
        }
    }
}

/// Returns the median of a distance between the found words and their detections. A point is no place to compare with.
fn median_off(outcomes: &[Outcome], off_s: impl Fn(&Spoken, &Detection) -> f64) -> Option<f32> {
    let off_s = |outcome: &Outcome| match outcome {
        Outcome::Found(word, found) if !word.is_point() => Some(off_s(word, found).abs() as f32),
        _ => None,
    };
    let mut all: Vec<f32> = outcomes.iter().filter_map(off_s).collect();
    all.sort_by(f32::total_cmp);
    quantile(&all, 0.5)
}

impl StreamError {
    /// Returns `None` for a word that was found.
    fn new(outcome: &Outcome, spoken: &[Spoken]) -> Option<Self> {
        let (kind, [start_s, end_s], said, heard) = match *outcome {
            Outcome::Found(..) => return None,
            Outcome::Missed(word) => (ErrorKind::Missed, [word.start_s, word.end_s], Some(word), None),
            Outcome::TakenForAnother(word, found) => {
                (ErrorKind::TakenForAnother, [word.start_s, word.end_s], Some(word), Some(found))
            }
            Outcome::FalseAlarm(found) => {
                let said = spoken.iter().find(|word| word.touches(found));
                (ErrorKind::FalseAlarm, [found.start_s, found.end_s], said, Some(found))
            }
        };
        let (said, heard) = (said.map(|word| word.label.clone()), heard.map(|found| found.label.clone()));
        Some(Self { kind, start_s, end_s, said, heard })
    }
}

impl fmt::Display for RecordingTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)?;
        if let (Some(start_s), Some(end_s)) = (self.start_off_median_s, self.end_off_median_s) {
            writeln!(f, "\nmedian distance from the table: starts {start_s:.2} s, ends {end_s:.2} s")?;
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nat the first threshold")?;
        writeln!(f, "  start s     end s  error              said         heard")?;
        self.errors.iter().try_for_each(|error| error.fmt(f))
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [said, heard] =
            [&self.said, &self.heard].map(|label| label.as_ref().map_or_else(|| "-".to_owned(), printable));
        let (kind, start_s, end_s) = (self.kind, self.start_s, self.end_s);
        writeln!(f, "{start_s:>9.2} {end_s:>9.2}  {kind:<17}  {said:<12} {heard}")
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missed => "missed",
            Self::TakenForAnother => "taken for another",
            Self::FalseAlarm => "false alarm",
        })
    }
}

#[cfg(test)]
mod tests {
    use sc_data::Task;

    use super::*;

    /// Words and detections, each with its label, start and end.
    fn table(spoken: &[(&str, f64, f64)], heard: &[(&str, f64, f64)]) -> RecordingTable {
        let spoken =
            spoken.iter().map(|&(label, start_s, end_s)| Spoken { label: label.into(), start_s, end_s });
        let detection = |&(label, start_s, end_s): &(&str, f64, f64)| Detection {
            label: label.into(),
            start_s,
            end_s,
            confidence: 1.0,
            detected_s: end_s,
        };
        let (spoken, heard) = (spoken.collect::<Vec<_>>(), heard.iter().map(detection).collect::<Vec<_>>());
        let table = StreamTable { hop_s: 0.08, smoothing_s: 0.24, streams: Vec::new() };
        RecordingTable::new(table, &Task::Commands.labels(), &spoken, &heard)
    }

    #[test]
    fn each_error_is_told_with_its_time_the_word_and_what_was_heard() {
        let spoken = [("yes", 1.0, 1.5), ("no", 3.0, 3.5), ("tree", 5.0, 5.5), ("up", 7.0, 7.5)];
        let heard =
            [("yes", 1.0, 1.4), ("yes", 1.4, 1.6), ("go", 3.1, 3.4), ("left", 5.1, 5.4), ("on", 9.0, 9.5)];
        let shown = table(&spoken, &heard).to_string();
        let expected = "
at the first threshold
  start s     end s  error              said         heard
     1.40      1.60  false alarm        yes          yes
     3.00      3.50  taken for another  no           go
     5.10      5.40  false alarm        tree         left
     7.00      7.50  missed             up           -
     9.00      9.50  false alarm        -            on
";
        assert!(shown.ends_with(expected), "{shown}");
    }

    #[test]
    fn starts_and_ends_of_the_words_found_are_compared_with_the_table_but_not_points() {
        let spoken = [("yes", 1.0, 1.5), ("no", 3.0, 3.5), ("up", 5.0, 5.5), ("go", 7.2, 7.2)];
        let heard = [("yes", 1.1, 1.3), ("no", 2.8, 3.5), ("up", 5.0, 5.4), ("go", 6.0, 8.0)];
        let table = table(&spoken, &heard);
        let off = [table.start_off_median_s, table.end_off_median_s];
        assert_eq!(off.map(|off_s| off_s.map(|off_s| (1000.0 * off_s).round())), [Some(100.0), Some(100.0)]);
        assert!(table.errors.is_empty(), "{table}");
    }
}
