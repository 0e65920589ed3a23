//! Figures of a detector in streams: words found, false alarms, latency.

use std::fmt;

use sc_data::{Labels, printable};
use sc_model::Detection;
use serde::Serialize;

use super::{share, wilson_interval};

/// A word in a stream, and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// The word: a keyword, or any other.
    pub label: String,
    /// Its beginning, in seconds from that of the stream.
    pub start_s: f64,
    /// Its end.
    pub end_s: f64,
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
    /// A detection belongs to the words that it shares time with. It finds a keyword that has its label, or takes
    /// another keyword for its own; else it is a false alarm. So is a second detection of one word.
    pub fn new(labels: &Labels, spoken: &[Spoken], detections: &[Detection], seconds: f64) -> Self {
        let keywords = spoken.iter().filter(|word| labels.has_keyword(&word.label)).collect::<Vec<_>>();
        let mut tally = Self { seconds, keywords: keywords.len(), ..Self::default() };
        let mut is_heard = vec![false; keywords.len()];
        for detection in detections {
            let touches = |word: &Spoken| word.start_s < detection.end_s && detection.start_s < word.end_s;
            let free = |index: &usize| !is_heard[*index] && touches(keywords[*index]);
            let same = |index: &usize| keywords[*index].label == detection.label;
            let candidates = (0..keywords.len()).filter(free);
            match candidates.clone().find(same).or(candidates.clone().next()) {
                Some(index) if same(&index) => {
                    is_heard[index] = true;
                    tally.found += 1;
                    tally.latencies_s.push((detection.detected_s - keywords[index].end_s) as f32);
                }
                Some(index) => {
                    is_heard[index] = true;
                    tally.taken_for_another += 1;
                }
                None => tally.false_alarms += 1,
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
        let latency = |share: f64| {
            let last = tally.latencies_s.len().checked_sub(1)?;
            Some(tally.latencies_s[(share * last as f64).round() as usize])
        };
        let hours = tally.seconds / 3600.0;
        Self {
            threshold,
            keywords: tally.keywords,
            found: share(tally.found, tally.keywords),
            found_interval: wilson_interval(tally.found, tally.keywords),
            taken_for_another: tally.taken_for_another,
            false_alarms: tally.false_alarms,
            false_alarms_an_hour: if hours > 0.0 { tally.false_alarms as f64 / hours } else { 0.0 },
            latency_median_s: latency(0.5),
            latency_p95_s: latency(0.95),
        }
    }
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
