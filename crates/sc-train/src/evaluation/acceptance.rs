//! Keywords and other sounds that are accepted, at the model's threshold and at others.

use sc_data::Labels;
use serde::Serialize;

use super::{LabelledAnswer, share};

/// Thresholds tried from 0 to 1: steps of one hundredth.
const N_STEPS: usize = 100;

/// Keywords that were accepted or lost, and other sounds that were accepted as one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Acceptance {
    /// Clips of a keyword.
    pub commands: usize,
    /// Of these, the ones accepted as what they are.
    pub accepted_correct: usize,
    /// Of these, the ones accepted as another keyword.
    pub accepted_wrong: usize,
    /// Clips of no keyword: silence and unknown words.
    pub others: usize,
    /// Of these, the ones accepted as a keyword: false alarms.
    pub others_accepted: usize,
    /// The same as shares for other thresholds, in rising order.
    pub trade_off: Vec<OperatingPoint>,
}

/// Errors at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// The confidence from which a keyword is accepted.
    pub threshold: f32,
    /// Share of keywords that are not accepted as what they are.
    pub lost: f64,
    /// Share of other sounds that are accepted as a keyword.
    pub others_accepted: f64,
}

impl Acceptance {
    pub(super) fn new(labels: &Labels, answers: &[LabelledAnswer]) -> Self {
        let own = Self::at_own_threshold(labels, answers);
        let at = |step| {
            let threshold = step as f32 / N_STEPS as f32;
            let counts = Self::count(labels, answers, |answer| {
                labels.has_keyword(&answer.prediction.label) && answer.prediction.confidence >= threshold
            });
            OperatingPoint { threshold, lost: counts.lost(), others_accepted: counts.false_alarms() }
        };
        Self { trade_off: (0..=N_STEPS).map(at).collect(), ..own }
    }

    /// Counts what the model accepted, without the trade-off.
    pub(super) fn at_own_threshold(labels: &Labels, answers: &[LabelledAnswer]) -> Self {
        Self::count(labels, answers, |answer| answer.prediction.accepted)
    }

    fn count(
        labels: &Labels,
        answers: &[LabelledAnswer],
        is_accepted: impl Fn(&LabelledAnswer) -> bool,
    ) -> Self {
        let mut counts = Self::default();
        for answer in answers {
            let accepted = is_accepted(answer);
            if labels.has_keyword(&answer.label) {
                counts.commands += 1;
                counts.accepted_correct += usize::from(accepted && answer.is_correct());
                counts.accepted_wrong += usize::from(accepted && !answer.is_correct());
            } else {
                counts.others += 1;
                counts.others_accepted += usize::from(accepted);
            }
        }
        counts
    }

    /// Returns the share of keywords that were not accepted as what they are.
    pub fn lost(&self) -> f64 {
        share(self.commands - self.accepted_correct, self.commands)
    }

    /// Returns the share of other sounds that were accepted as a keyword.
    pub fn false_alarms(&self) -> f64 {
        share(self.others_accepted, self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, labels};
    use super::*;

    fn acceptance() -> Acceptance {
        let answers = [
            answer("yes", "yes", 0.9),
            answer("yes", "yes", 0.4), // the tests' threshold is 0.5
            answer("yes", "no", 0.9),
            answer("_silence_", "no", 0.7),
            answer("_silence_", "_silence_", 0.9),
        ];
        Acceptance::new(&labels(), &answers)
    }

    #[test]
    fn keywords_are_told_from_other_sounds() {
        let Acceptance { commands, accepted_correct, accepted_wrong, others, others_accepted, .. } =
            acceptance();
        assert_eq!((commands, accepted_correct, accepted_wrong), (3, 1, 1));
        assert_eq!((others, others_accepted), (2, 1));
    }

    #[test]
    fn a_higher_threshold_loses_keywords_and_spares_false_alarms() {
        let trade_off = acceptance().trade_off;
        let at = |step: usize| (trade_off[step].lost, trade_off[step].others_accepted);
        assert_eq!(at(0), (1.0 / 3.0, 0.5));
        assert_eq!(at(50), (2.0 / 3.0, 0.5));
        assert_eq!(at(80), (2.0 / 3.0, 0.0));
        assert_eq!(at(100), (1.0, 0.0));
    }
}
