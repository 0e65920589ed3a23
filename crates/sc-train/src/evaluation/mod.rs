//! Figures of a classifier from clips whose label is known. Pure: no files, no network.

mod acceptance;
mod calibration;
mod conditions;
mod confusion;
mod few_shot;
mod open_set;
mod recording;
mod stream;
mod table;
mod wilson;

use std::collections::BTreeMap;

use sc_data::Labels;
use sc_model::Prediction;
use serde::Serialize;

pub use acceptance::{Acceptance, OperatingPoint};
pub use calibration::{Bin, Calibration};
pub use conditions::{ConditionFigures, ConditionTable, LeftOut};
pub use confusion::{ConfusedPair, Confusion, LabelFigures};
pub use few_shot::{FewShot, WordTrials};
pub use open_set::{OpenClip, OpenSet};
pub(crate) use recording::RecordingTable;
pub use stream::{Spoken, StreamFigures, StreamRow, StreamTable, Tally};
#[cfg(feature = "flex")]
pub(crate) use wilson::is_of_nothing;
pub use wilson::wilson_interval;
pub(crate) use wilson::{interval_of_share, with_interval};

/// Clips listed as most likely mislabelled: as many as a person can listen to in a few minutes.
const N_SUSPECTS: usize = 40;

/// A clip's label, and the classifier's answer to the clip.
#[derive(Clone, Debug)]
pub struct LabelledAnswer {
    /// The clip's file, for the reader of a report.
    pub path: String,
    /// The true label.
    pub label: String,
    /// The classifier's answer.
    pub prediction: Prediction,
}

impl LabelledAnswer {
    /// Returns true if the answer is the true label.
    pub fn is_correct(&self) -> bool {
        self.prediction.label == self.label
    }

    /// Returns the cross-entropy: the negative logarithm of the true label's probability.
    fn loss(&self) -> f32 {
        let scored = self.prediction.predictions.iter().find(|scored| scored.label == self.label);
        let probability = scored.map_or(0.0, |scored| scored.probability);
        -probability.max(f32::MIN_POSITIVE).ln() // finite, since JSON knows no infinity
    }
}

/// All figures of a set of [`LabelledAnswer`]s, as `sc-train evaluate --json` prints them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Share of clips that got their label.
    pub accuracy: f64,
    /// 95 % interval of the accuracy, by Wilson's score; see [`wilson_interval`].
    pub interval: [f64; 2],
    /// Clips that got their label.
    pub correct: usize,
    /// Number of clips.
    pub n: usize,
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// The confusion matrix, and precision, recall and F1 of each label.
    #[serde(flatten)]
    pub confusion: Confusion,
    /// Keywords and other sounds that were accepted.
    #[serde(flatten)]
    pub acceptance: Acceptance,
    /// Distance of confidence from accuracy.
    #[serde(flatten)]
    pub calibration: Calibration,
    /// Wrong answers of the highest loss, worst first: often it is the label that is wrong.
    pub suspects: Vec<Suspect>,
}

impl Evaluation {
    /// Adds up `answers`. `labels` are those of the classifier.
    ///
    /// # Panics
    /// If the label of an answer is not among `labels`.
    pub fn new(labels: &Labels, answers: &[LabelledAnswer]) -> Self {
        let n = answers.len();
        let correct = answers.iter().filter(|answer| answer.is_correct()).count();
        Self {
            accuracy: share(correct, n),
            interval: wilson_interval(correct, n),
            correct,
            n,
            loss: answers.iter().map(|answer| f64::from(answer.loss())).sum::<f64>() / n.max(1) as f64,
            confusion: Confusion::new(labels, answers),
            acceptance: Acceptance::new(labels, answers),
            calibration: Calibration::new(answers),
            suspects: suspects(answers),
        }
    }

    /// Returns the figures that a record carries, by name.
    pub fn summary(&self) -> BTreeMap<String, f64> {
        let figures = [
            ("accuracy", self.accuracy),
            ("clips", self.n as f64),
            ("expected_calibration_error", self.calibration.ece),
            ("keywords_lost", self.acceptance.lost()),
            ("others_accepted", self.acceptance.false_alarms()),
        ];
        figures.map(|(name, figure)| (name.to_owned(), figure)).into()
    }
}

/// A clip whose label is doubtful.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspect {
    /// The clip's file.
    pub path: String,
    /// Its label.
    pub label: String,
    /// The label that the classifier gave.
    pub heard: String,
    /// Confidence of that answer, from 0 to 1.
    pub confidence: f32,
    /// Cross-entropy of the label, in nats.
    pub loss: f32,
}

fn suspects(answers: &[LabelledAnswer]) -> Vec<Suspect> {
    let mut wrong: Vec<&LabelledAnswer> = answers.iter().filter(|answer| !answer.is_correct()).collect();
    wrong.sort_by(|a, b| b.loss().total_cmp(&a.loss()));
    wrong.into_iter().take(N_SUSPECTS).map(Suspect::from).collect()
}

impl From<&LabelledAnswer> for Suspect {
    fn from(answer: &LabelledAnswer) -> Self {
        Self {
            path: answer.path.clone(),
            label: answer.label.clone(),
            heard: answer.prediction.label.clone(),
            confidence: answer.prediction.confidence,
            loss: answer.loss(),
        }
    }
}

/// Returns `part / whole`, or 0 if `whole` is 0.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
pub(crate) mod tests {
    use sc_model::Scored;

    use super::*;

    pub(crate) fn labels() -> Labels {
        ["yes", "no", "_silence_"].map(String::from).to_vec().try_into().unwrap()
    }

    /// A clip of `label` heard as `heard`; what is left of the probability goes to the others evenly.
    pub(crate) fn answer(label: &str, heard: &str, confidence: f32) -> LabelledAnswer {
        let rest = (1.0 - confidence) / 2.0;
        let scored =
            |name: String| Scored { probability: if name == heard { confidence } else { rest }, label: name };
        let prediction = Prediction {
            label: heard.into(),
            confidence,
            accepted: !heard.starts_with('_') && confidence >= 0.5,
            predictions: labels().names().iter().cloned().map(scored).collect(),
        };
        LabelledAnswer { path: format!("{label}/a.wav"), label: label.into(), prediction }
    }

    #[test]
    fn accuracy_is_the_share_of_clips_that_got_their_label() {
        let answers = [answer("yes", "yes", 0.9), answer("no", "yes", 0.6), answer("no", "no", 0.8)];
        let evaluation = Evaluation::new(&labels(), &answers);
        assert_eq!((evaluation.correct, evaluation.n), (2, 3));
        assert!((evaluation.accuracy - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_evaluate_gives_finite_figures() {
        let evaluation = Evaluation::new(&labels(), &[]);
        assert_eq!((evaluation.accuracy, evaluation.loss, evaluation.calibration.ece), (0.0, 0.0, 0.0));
    }

    #[test]
    fn suspects_are_the_wrong_answers_the_surest_first() {
        let answers = [answer("yes", "yes", 0.9), answer("yes", "no", 0.6), answer("no", "yes", 0.99)];
        let suspects = suspects(&answers);
        let heard: Vec<&str> = suspects.iter().map(|suspect| suspect.heard.as_str()).collect();
        assert_eq!(heard, ["yes", "no"]);
    }

    #[test]
    fn a_label_without_any_probability_has_a_finite_loss() {
        let loss = answer("no", "yes", 1.0).loss();
        assert!(loss > 80.0 && loss.is_finite(), "{loss}");
    }

    #[test]
    fn the_json_is_one_flat_object() {
        let json = serde_json::to_value(Evaluation::new(&labels(), &[answer("yes", "yes", 0.9)])).unwrap();
        for key in [
            "accuracy",
            "correct",
            "n",
            "labels",
            "confusion",
            "per_label",
            "interval",
            "ece",
            "accepted_correct",
        ] {
            assert!(json.get(key).is_some(), "no `{key}` in {json}");
        }
    }
}
