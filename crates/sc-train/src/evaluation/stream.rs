//! Figures of a detector in streams: words found, false alarms, latency.

use std::fmt;

use sc_data::{Labels, printable};
use sc_model::Detection;
use serde::Serialize;

use super::{share, wilson_interval};

/// A detection belongs to a word of which only a point is known, if it is nearer than this: half of the second that the
/// network hears at once.
const POINT_REACH_S: f64 = 0.5;

/// A word in a stream, and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// The word: a keyword, or any other.
    pub label: String,
    /// Its beginning, in seconds from that of the stream.
    pub start_s: f64,
    /// Its end; the same as the beginning, if only a point in the word is known.
    pub end_s: f64,
}

impl Spoken {
    /// Returns true for a word whose beginning and end are not known, but a point in it.
    pub(super) fn is_point(&self) -> bool {
        self.start_s >= self.end_s
    }

    /// Returns true if a detection shares time with the word, or is near its point.
    pub(super) fn touches(&self, detection: &Detection) -> bool {
        let reach_s = if self.is_point() { POINT_REACH_S } else { 0.0 };
        self.start_s - reach_s < detection.end_s && detection.start_s < self.end_s + reach_s
    }
}

/// What became of a keyword that was said, or of a detection.
pub(super) enum Outcome<'a> {
    Found(&'a Spoken, &'a Detection),
    TakenForAnother(&'a Spoken, &'a Detection),
    Missed(&'a Spoken),
    FalseAlarm(&'a Detection),
}

/// Compares what was detected with what was said, as [`Tally::new`] says.
pub(super) fn outcomes<'a>(
    labels: &Labels,
    spoken: &'a [Spoken],
    detections: &'a [Detection],
) -> Vec<Outcome<'a>> {
    let mut waiting: Vec<&Spoken> = spoken.iter().filter(|word| labels.has_keyword(&word.label)).collect();
    let outcome = |detection: &'a Detection| {
        let same = waiting.iter().position(|word| word.touches(detection) && word.label == detection.label);
        let index = same.or_else(|| waiting.iter().position(|word| word.touches(detection)));
        match index.map(|index| waiting.remove(index)) {
            Some(word) if word.label == detection.label => Outcome::Found(word, detection),
            Some(word) => Outcome::TakenForAnother(word, detection),
            None => Outcome::FalseAlarm(detection),
        }
    };
    let mut outcomes: Vec<_> = detections.iter().map(outcome).collect();
    outcomes.extend(waiting.into_iter().map(Outcome::Missed));
    outcomes
}

/// Counts of one stream, or of several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Length of the stream, or of all together.
    pub seconds: f64,
    keywords: usize,
    found: usize,
    taken_for_another: usize,
    false_alarms: usize,
    /// Of the keywords that were found, from their end to their detection, in seconds.
    latencies_s: Vec<f32>,
}

impl Tally {
    /// Counts what was detected in a stream of `seconds`, in which `spoken` was said.
    ///
    /// A detection belongs to the words that it shares time with, or whose point is less than 0.5 s away. It finds a
    /// keyword that has its label, or takes another keyword for its own; else it is a false alarm. So is a second
    /// detection of one word.
    pub fn new(labels: &Labels, spoken: &[Spoken], detections: &[Detection], seconds: f64) -> Self {
        let mut tally = Self { seconds, ..Self::default() };
        for outcome in outcomes(labels, spoken, detections) {
            tally.keywords += usize::from(!matches!(outcome, Outcome::FalseAlarm(_)));
            match outcome {
                Outcome::Found(word, detection) => {
                    tally.found += 1;
                    tally.latencies_s.push((detection.detected_s - word.end_s) as f32);
                }
                Outcome::TakenForAnother(..) => tally.taken_for_another += 1,
                Outcome::Missed(_) => {}
                Outcome::FalseAlarm(_) => tally.false_alarms += 1,
            }
        }
        tally
    }

    /// Adds the counts of another stream.
    pub fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.keywords += other.keywords;
        self.found += other.found;
        self.taken_for_another += other.taken_for_another;
        self.false_alarms += other.false_alarms;
        self.latencies_s.extend(other.latencies_s);
    }
}

/// Figures of streams at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamFigures {
    /// Least confidence of a detection.
    pub threshold: f32,
    /// Keywords said.
    pub keywords: usize,
    /// Share of them that was found.
    pub found: f64,
    /// Its interval of 95 %, by Wilson's score.
    pub found_interval: [f64; 2],
    /// Keywords that were taken for another one.
    pub taken_for_another: usize,
    /// Detections where no keyword was said.
    pub false_alarms: usize,
    /// Those in an hour of the stream.
    pub false_alarms_an_hour: f64,
    /// Half of the found keywords are detected within this time after their end, in seconds.
    pub latency_median_s: Option<f32>,
    /// 95 of 100 are.
    pub latency_p95_s: Option<f32>,
}

impl StreamFigures {
    /// Makes figures of counts.
    pub fn new(threshold: f32, mut tally: Tally) -> Self {
        tally.latencies_s.sort_by(f32::total_cmp);
        let hours = tally.seconds / 3600.0;
        Self {
            threshold,
            keywords: tally.keywords,
            found: share(tally.found, tally.keywords),
            found_interval: wilson_interval(tally.found, tally.keywords),
            taken_for_another: tally.taken_for_another,
            false_alarms: tally.false_alarms,
            false_alarms_an_hour: if hours > 0.0 { tally.false_alarms as f64 / hours } else { 0.0 },
            latency_median_s: quantile(&tally.latencies_s, 0.5),
            latency_p95_s: quantile(&tally.latencies_s, 0.95),
        }
    }
}

/// Returns the value that a share of `sorted` does not exceed; `None` of nothing.
pub(super) fn quantile(sorted: &[f32], share: f64) -> Option<f32> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((share * last as f64).round() as usize).copied()
}

/// The same kind of stream at several thresholds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamRow {
    /// The kind.
    pub name: String,
    /// Length, in seconds.
    pub seconds: f64,
    /// At the detector's own threshold.
    #[serde(flatten)]
    pub figures: StreamFigures,
    /// At others, from low to high.
    pub curve: Vec<StreamFigures>,
}

/// All kinds of stream, and the detector's settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamTable {
    /// Time from one answer to the next, in seconds.
    pub hop_s: f32,
    /// Time over which answers are averaged, in seconds.
    pub smoothing_s: f32,
    /// One for each kind of stream.
    pub streams: Vec<StreamRow>,
}

impl fmt::Display for StreamTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "an answer every {:.2} s, averaged over {:.2} s\n", self.hop_s, self.smoothing_s)?;
        let heads = ["threshold", "found %", "as another", "false/h", "latency s", "p95"];
        let [threshold, found, another, alarms, median, p95] = heads;
        writeln!(
            f,
            "{:<28} {threshold:>9} {found:>8} {another:>10} {alarms:>8} {median:>9} {p95:>6}",
            "stream"
        )?;
        for StreamRow { name, seconds, figures, curve } in &self.streams {
            write_row(f, &format!("{}, {:.0} min", printable(name), seconds / 60.0), figures)?;
            curve.iter().try_for_each(|figures| write_row(f, "", figures))?;
        }
        Ok(())
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, name: &str, figures: &StreamFigures) -> fmt::Result {
    let seconds = |time: Option<f32>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.2}"));
    let found = if figures.keywords == 0 { "-".to_owned() } else { format!("{:.1}", 100.0 * figures.found) };
    writeln!(
        f,
        "{name:<28} {:>9.3} {found:>8} {:>10} {:>8.1} {:>9} {:>6}",
        figures.threshold,
        figures.taken_for_another,
        figures.false_alarms_an_hour,
        seconds(figures.latency_median_s),
        seconds(figures.latency_p95_s)
    )
}

#[cfg(test)]
mod tests {
    use sc_data::Task;

    use super::*;

    fn spoken(label: &str, start_s: f64) -> Spoken {
        Spoken { label: label.into(), start_s, end_s: start_s + 1.0 }
    }

    fn detection(label: &str, start_s: f64) -> Detection {
        Detection {
            label: label.into(),
            start_s,
            end_s: start_s + 0.5,
            confidence: 1.0,
            detected_s: start_s + 1.1,
        }
    }

    fn figures(detections: &[Detection]) -> StreamFigures {
        let spoken = [spoken("yes", 0.0), spoken("tree", 2.0), spoken("no", 4.0), spoken("up", 6.0)];
        let labels = Task::Commands.labels();
        StreamFigures::new(0.9, Tally::new(&labels, &spoken, detections, 1800.0))
    }

    #[test]
    fn each_detection_counts_once_as_what_it_is() {
        let heard = [("yes", 0.2), ("yes", 0.7), ("go", 2.2), ("on", 4.3), ("up", 8.0)];
        let detections = heard.map(|(label, start_s)| detection(label, start_s));
        let figures = figures(&detections);
        assert_eq!((figures.keywords, figures.taken_for_another, figures.false_alarms), (3, 1, 3));
        assert!((figures.found - 1.0 / 3.0).abs() < 1e-9);
        assert!((figures.false_alarms_an_hour - 6.0).abs() < 1e-9);
        assert!((figures.latency_median_s.unwrap() - 0.3).abs() < 1e-5);
    }

    #[test]
    fn of_two_words_a_detection_finds_the_one_it_names() {
        let labels = Task::Commands.labels();
        let both = [spoken("yes", 0.0), spoken("no", 0.9)];
        let tally = Tally::new(&labels, &both, &[detection("no", 0.8), detection("yes", 0.2)], 2.0);
        assert_eq!((tally.found, tally.taken_for_another, tally.false_alarms), (2, 0, 0));
    }

    #[test]
    fn a_word_at_a_point_is_found_by_a_detection_less_than_half_a_second_away() {
        let labels = Task::Commands.labels();
        let found = |point_s| {
            let point = Spoken { label: "yes".into(), start_s: point_s, end_s: point_s };
            Tally::new(&labels, &[point], &[detection("yes", 2.0)], 4.0).found
        };
        assert_eq!([1.45, 1.55, 2.25, 2.95, 3.05].map(found), [0, 1, 1, 1, 0]);
    }

    #[test]
    fn a_stream_without_keywords_has_no_latency() {
        let figures = StreamFigures::new(0.9, Tally::new(&Task::Commands.labels(), &[], &[], 0.0));
        assert_eq!((figures.latency_median_s, figures.false_alarms), (None, 0));
        assert!(figures.false_alarms_an_hour.abs() < 1e-9);
    }

    #[test]
    fn a_stream_without_keywords_has_a_dash_in_place_of_those_found() {
        let figures = StreamFigures::new(0.9, Tally::default());
        let row = StreamRow { name: "noise".into(), seconds: 60.0, figures, curve: Vec::new() };
        let table = StreamTable { hop_s: 0.08, smoothing_s: 0.32, streams: vec![row] }.to_string();
        let last: Vec<&str> = table.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(last, ["noise,", "1", "min", "0.900", "-", "0", "0.0", "-", "-"]);
    }
}
