//! The result of a training: `report.json` for programs, `report.html` and a model card for people.

mod axis;
mod card;
mod chart;
mod matrix;
mod number;
mod page;
mod provenance;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use sc_model::{KeywordCnnConfig, Training};
use serde::Serialize;

pub(crate) use number::as_written;
use number::percent;
pub use provenance::Provenance;

use crate::aside::write_aside;
use crate::{ConditionTable, EpochMetrics, Evaluation, FewShot, StreamTable, TrainConfig};

/// What it means for the figures that recordings are held out, not speakers.
pub(crate) const FEW_SPEAKERS: &str = "There are too few speakers to hold some out (five are enough for most), so single \
    recordings are held out: the figures are of voices that the training has heard, and new voices will be understood \
    less well.";

/// A training, and how good its model is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// When, by which version and on which machine it was trained.
    pub provenance: Provenance,
    /// Its settings, and its record's own figures.
    pub training: Facts,
    /// The same half under every condition.
    pub conditions: ConditionTable,
    /// Streams of the same half's clips. `None` where it has no other words or noise to build them of.
    pub streams: Option<StreamTable>,
    /// Words that are no keyword, each taught by a few recordings and searched among the whole validation split.
    pub few_shot: Vec<FewShot>,
    /// Every epoch, in order.
    pub epochs: Vec<EpochMetrics>,
    /// The kept epoch's model on the held-out half of the validation split.
    pub evaluation: Evaluation,
}

/// A training's settings, and its record's own figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    /// The settings.
    pub settings: TrainConfig,
    /// True if recordings are held out, not speakers.
    pub few_speakers: bool,
    /// The network.
    pub network: KeywordCnnConfig,
    /// Multiply-adds of the network for a clip.
    pub multiply_adds: u64,
    /// Number of its weights.
    pub weights: usize,
    /// The record's temperature.
    pub temperature: f32,
    /// The record's threshold.
    pub threshold: f32,
    /// The training, as the record describes it.
    pub training: Training,
}

/// Says how accurate the record is on both halves together; nothing without figures.
fn whole_note(figures: &BTreeMap<String, f64>) -> String {
    let (Some(accuracy), Some(clips)) = (figures.get("accuracy"), figures.get("clips")) else {
        return String::new();
    };
    let accuracy = percent(*accuracy, 2);
    format!("On the whole split, the development half included, accuracy is {accuracy} of {clips} clips.")
}

/// Says what words were taught, how, and what the network knew of them; nothing without figures.
fn few_shot_note(figures: &[FewShot]) -> String {
    let Some(FewShot { words, draws, .. }) = figures.first() else { return String::new() };
    let words: Vec<&str> = words.iter().map(|word| word.name.as_str()).collect();
    format!(
        "Words that are no keyword, each taught by a few of its recordings in {draws} draws, and searched among all other \
         recordings of the validation split: {}. In training, network and bank heard them as other words, unless they were left \
         out; words that it never heard may be found less often. Draws share recordings, so the 95 % intervals count each \
         recording once.",
        words.join(", ")
    )
}

/// Says what the streams are, and how they are heard.
fn streams_note(table: &StreamTable) -> String {
    format!(
        "Clips of the held-out half one after another, with pauses and noise; three of ten words are no keyword, in \
         the last row all. There is an answer every {:.2} s, averaged over {:.2} s. A false alarm is a detection where \
         no keyword was said, or a second one of the same word; the latency is the time from a word's end to its \
         detection.",
        table.hop_s, table.smoothing_s
    )
}

impl Report {
    /// Writes `report.json`, `report.html` and `MODEL_CARD.md` into `dir`.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        write(&dir.join("MODEL_CARD.md"), &card::render(self))?;
        write(&dir.join("report.json"), &serde_json::to_string_pretty(self)?)?;
        write(&dir.join("report.html"), &self.to_html())
    }

    /// Renders one page that needs no other file, and no script.
    pub fn to_html(&self) -> String {
        page::render(self).into_string() + "\n"
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    write_aside(path, |out| Ok(out.write_all(text.as_bytes())?))
}

#[cfg(test)]
pub(crate) mod tests {
    use sc_data::Condition;
    use sc_data::augment::Span;
    use serde_json::Value;

    use super::*;
    use crate::evaluation::tests::{answer, labels};
    use crate::{ConditionFigures, EpochParts, StreamFigures, StreamRow, Tally, WordTrials};

    fn epoch(epoch: usize, validation_accuracy: f64) -> EpochMetrics {
        EpochMetrics {
            epoch,
            train_loss: 1.0 / epoch as f64,
            train_accuracy: 0.5,
            validation_loss: 1.0 / epoch as f64,
            validation_accuracy,
            validation_clips: 1000,
            learning_rate: 0.001,
            clips_per_s: 900.0,
            seconds: 30.0,
            parts: EpochParts { forward: 9.0, backward: 15.0, ..EpochParts::default() },
        }
    }

    fn provenance() -> Provenance {
        Provenance {
            date: "2026-11-27".into(),
            version: "0.1.0".into(),
            cores: 2,
            processor: "Xeon <E5>".into(),
            system: "linux".into(),
        }
    }

    fn facts() -> Facts {
        let settings = TrainConfig { labels: labels(), ..TrainConfig::default() };
        let network = settings.network();
        Facts {
            settings,
            few_speakers: false,
            multiply_adds: network.multiply_adds(),
            weights: 1000,
            network,
            temperature: 1.0,
            threshold: 0.5,
            training: Training { seed: 7, data_digest: "ab&cd".into(), ..Training::default() },
        }
    }

    pub fn report() -> Report {
        let mut answers = vec![answer("yes", "yes", 0.9), answer("no", "yes", 0.7)];
        answers[1].path = "no/<script>.wav".into();
        Report {
            provenance: provenance(),
            conditions: ConditionTable::default(),
            streams: None,
            few_shot: Vec::new(),
            training: facts(),
            epochs: vec![epoch(1, 0.6), epoch(2, 0.8), epoch(3, 0.8)],
            evaluation: Evaluation::new(&labels(), &answers),
        }
    }

    /// Two words, each searched for ten times in one draw.
    pub fn few_shot() -> Vec<FewShot> {
        let trials = |name: &str| WordTrials {
            name: name.into(),
            n: 10,
            n_others: 1000,
            found_at_1_percent: 9,
            found_at_0_2_percent: 8,
            accepted: 7,
            falsely_accepted: 5,
            refused: 0,
        };
        vec![FewShot::new(5, 1, vec![trials("bed"), trials("cat")])]
    }

    /// A stream of ten minutes with eight keywords, of which six are found.
    pub fn streams() -> StreamTable {
        let figures = |threshold| StreamFigures {
            keywords: 8,
            found: 0.75,
            found_interval: [0.41, 0.93],
            ..StreamFigures::new(threshold, Tally::default())
        };
        let row = StreamRow {
            name: "gaps 1.5 s".into(),
            seconds: 600.0,
            figures: figures(0.9),
            curve: vec![figures(0.5)],
        };
        StreamTable { hop_s: 0.08, smoothing_s: 0.32, streams: vec![row] }
    }

    #[test]
    fn both_files_are_written() {
        let dir = tempfile::tempdir().unwrap();
        report().write(dir.path()).unwrap();
        let json: Value =
            serde_json::from_slice(&std::fs::read(dir.path().join("report.json")).unwrap()).unwrap();
        assert_eq!(json["training"]["training"]["seed"], 7);
        assert_eq!(json["evaluation"]["correct"], 1);
        assert!(
            std::fs::read_to_string(dir.path().join("report.html")).unwrap().starts_with("<!DOCTYPE html>")
        );
    }

    #[test]
    fn the_page_says_where_the_time_went() {
        // 15 of 30 s in each of the epochs.
        assert!(report().to_html().contains("<th>backward</th><td>50.0 %</td>"), "{}", report().to_html());
    }

    #[test]
    fn the_page_says_when_where_and_on_which_clips() {
        let mut report = report();
        report.training.training.whole_validation =
            [("accuracy", 0.75), ("clips", 4.0)].map(|(k, v)| (k.into(), v)).into();
        let html = report.to_html();
        for part in [
            "ended on 2026-11-27 with sc-train 0.1.0 on 2 cores of Xeon &lt;E5&gt;, linux.",
            "figures are of the held-out half: none of its speakers took part in the choice of epoch, temperature and threshold.",
            "On the whole split, the development half included, accuracy is 75.00 % of 4 clips.",
        ] {
            assert!(html.contains(part), "no {part:?} in\n{html}");
        }
    }

    #[test]
    fn the_recipe_has_a_section_of_its_own_and_stands_nowhere_else() {
        let mut report = report();
        let Facts { settings, training, .. } = &mut report.training;
        settings.recipe.unknown.crop = Span::new(0.1, 1.0);
        training.recipe = Some(as_written(&settings.recipe));
        let html = report.to_html();
        for part in [
            "<h2>Recipe</h2>",
            "<th>unknown share</th><td>0.22</td>",
            "<th>unknown, crop</th><td>[0.1, 1]</td>",
        ] {
            assert!(html.contains(part), "no {part:?} in\n{html}");
        }
        assert_eq!(html.matches("unknown share").count(), 1);
    }

    #[test]
    fn streams_have_a_table_and_a_curve_where_there_are_any() {
        let title = "<h2>In a stream</h2>";
        assert!(!report().to_html().contains(title));
        let html = Report { streams: Some(streams()), ..report() }.to_html();
        for part in [
            title,
            "in the last row all",
            "every 0.08 s",
            "<th>gaps 1.5 s</th><td>10</td><td>8</td><td>75.0 (",
            "threshold 0.50: 75.0 % found",
        ] {
            assert!(html.contains(part), "no {part:?} in\n{html}");
        }
    }

    #[test]
    fn words_taught_by_a_few_recordings_have_a_section_where_they_were_measured() {
        let title = "<h2>Words taught by a few recordings</h2>";
        assert!(!report().to_html().contains(title));
        let html = Report { few_shot: few_shot(), ..report() }.to_html();
        for part in [
            title,
            "as other words",
            ": bed, cat. ",
            "<th>5</th><td>2</td><td>20</td><td>90.0 (69.9 to 97.2)</td>",
        ] {
            assert!(html.contains(part), "no {part:?} in\n{html}");
        }
    }

    #[test]
    fn a_share_of_no_keyword_is_a_dash_under_conditions() {
        let silence = [answer("_silence_", "no", 0.7)];
        let row = ConditionFigures::new(&Condition::ALL[0], &labels(), &silence);
        let conditions = ConditionTable { conditions: vec![row], ..ConditionTable::default() };
        let html = Report { conditions, ..report() }.to_html();
        assert!(html.contains("<td>–</td><td>–</td><td>100.0 %</td>"), "{html}");
    }

    #[test]
    fn names_cannot_become_markup() {
        let html = report().to_html();
        assert!(html.contains("no/&lt;script&gt;.wav") && html.contains("ab&amp;cd"));
        assert!(!html.contains("<script"));
    }

    #[test]
    fn the_page_asks_for_nothing_else() {
        let html = report().to_html();
        for reference in ["src=", "href=", "url(", "@import"] {
            assert!(!html.contains(reference), "{reference}");
        }
    }

    #[test]
    fn a_run_without_epochs_or_clips_has_a_page() {
        let evaluation = Evaluation::new(&labels(), &[]);
        let html = Report { epochs: Vec::new(), evaluation, ..report() }.to_html();
        assert!(html.ends_with("</html>\n"));
        assert!(!html.contains("NaN") && !html.contains("inf"));
        assert!(html.contains("<h2>Keywords accepted</h2><p class=\"value\">–</p>"), "{html}");
        assert!(html.contains("<th>yes</th><td>–</td><td>–</td><td>–</td>"), "{html}");
    }
}
