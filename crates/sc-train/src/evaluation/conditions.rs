//! Figures by condition: how well words are heard through voices, in rooms, by telephone.

use std::fmt;

use sc_data::{Condition, Labels};
use serde::Serialize;

use super::{Acceptance, Calibration, LabelledAnswer, share, wilson_interval, with_interval};
use crate::audio::Unreadable;

/// The same clips under every condition.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ConditionTable {
    /// A row for each condition, the undisturbed one first.
    pub conditions: Vec<ConditionFigures>,
    /// Conditions that the clips have too little for.
    pub left_out: Vec<LeftOut>,
    /// Files that could not be read, left out of every row.
    pub unreadable: Vec<Unreadable>,
}

/// A row: every share is of the clips under one condition, each interval is of 95 %, by Wilson's score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionFigures {
    /// The condition's name.
    pub name: String,
    /// The change that it makes to a clip.
    pub definition: String,
    /// Clips.
    pub n: usize,
    /// Share of all clips that got their label.
    pub top1: f64,
    /// Its interval.
    pub top1_interval: [f64; 2],
    /// Share of the keywords that got their label, before the threshold.
    pub commands: f64,
    /// Its interval.
    pub commands_interval: [f64; 2],
    /// Share of the keywords that were accepted as what they are.
    pub accepted: f64,
    /// Its interval.
    pub accepted_interval: [f64; 2],
    /// Share of all clips that were accepted as a keyword that they are not.
    pub wrongly_accepted: f64,
    /// Its interval.
    pub wrongly_accepted_interval: [f64; 2],
    /// Expected calibration error, 15 bins.
    pub calibration_error: f64,
}

/// A condition that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The condition's name.
    pub name: String,
    /// The thing that the clips lack.
    pub lacks: String,
}

impl ConditionFigures {
    /// Adds up the answers to clips under `condition`.
    pub fn new(condition: &Condition, labels: &Labels, answers: &[LabelledAnswer]) -> Self {
        let correct = || answers.iter().filter(|answer| answer.is_correct());
        let heard = correct().filter(|answer| labels.has_keyword(&answer.label)).count();
        let correct = correct().count();
        let acceptance = Acceptance::at_own_threshold(labels, answers);
        let (n_keywords, accepted) = (acceptance.commands, acceptance.accepted_correct);
        let wrong = acceptance.accepted_wrong + acceptance.others_accepted;
        Self {
            name: condition.name.into(),
            definition: condition.definition.into(),
            n: answers.len(),
            top1: share(correct, answers.len()),
            top1_interval: wilson_interval(correct, answers.len()),
            commands: share(heard, n_keywords),
            commands_interval: wilson_interval(heard, n_keywords),
            accepted: share(accepted, n_keywords),
            accepted_interval: wilson_interval(accepted, n_keywords),
            wrongly_accepted: share(wrong, answers.len()),
            wrongly_accepted_interval: wilson_interval(wrong, answers.len()),
            calibration_error: Calibration::new(answers).ece,
        }
    }
}

impl fmt::Display for ConditionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.conditions.first().map_or(0, |row| row.n);
        writeln!(f, "{n} clips under each condition, in %, with 95 % intervals\n")?;
        writeln!(
            f,
            "{:<15} {:>18} {:>18} {:>18} {:>18} {:>6}  definition",
            "condition", "top1", "commands", "accepted", "wrongly accepted", "ECE"
        )?;
        for row in &self.conditions {
            let figures = [
                with_interval(row.top1, row.top1_interval),
                with_interval(row.commands, row.commands_interval),
                with_interval(row.accepted, row.accepted_interval),
                with_interval(row.wrongly_accepted, row.wrongly_accepted_interval),
            ];
            let [top1, commands, accepted, wrongly] = figures;
            let (name, ece) = (&row.name, 100.0 * row.calibration_error);
            writeln!(
                f,
                "{name:<15} {top1:>18} {commands:>18} {accepted:>18} {wrongly:>18} {ece:>6.1}  {}",
                row.definition
            )?;
        }
        for LeftOut { name, lacks } in &self.left_out {
            writeln!(f, "{name:<15} left out: the clips hold no {lacks}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, labels};
    use super::*;

    #[test]
    fn shares_are_of_keywords_or_of_all_clips() {
        let answers = [
            answer("yes", "yes", 0.9),
            answer("yes", "yes", 0.4), // the tests' threshold is 0.5
            answer("no", "yes", 0.9),
            answer("no", "_silence_", 0.9),
            answer("_silence_", "no", 0.7),
            answer("_silence_", "_silence_", 0.9),
        ];
        let row = ConditionFigures::new(&Condition::ALL[0], &labels(), &answers);
        assert_eq!((row.n, row.top1, row.commands), (6, 0.5, 0.5));
        assert_eq!((row.accepted, row.wrongly_accepted), (0.25, 2.0 / 6.0));
        let table = ConditionTable { conditions: vec![row], ..ConditionTable::default() };
        assert!(table.to_string().contains("50.0 (18.8 to 81.2)"), "{table}");
    }
}
