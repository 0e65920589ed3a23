//! Tables of figures for a terminal.

use std::fmt;

use sc_data::printable;

use crate::{Acceptance, ConfusedPair, Confusion, Evaluation, LabelFigures, OpenSet};

/// Most columns that fit a terminal: those of the standard task.
const MATRIX_LABELS: usize = 12;
/// Number of pairs and suspects shown; the report and `--json` have more.
const TOP: usize = 5;

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.interval.map(percent);
        writeln!(f, "accuracy {:.2} % ({} of {})", percent(self.accuracy), self.correct, self.n)?;
        writeln!(
            f,
            "95 % interval {low:.2} to {high:.2} %, calibration error {:.2} %",
            percent(self.calibration.ece)
        )?;
        writeln!(f, "{}\n", self.acceptance)?;
        write!(f, "{}", self.confusion)?;
        if !self.suspects.is_empty() {
            writeln!(f, "\nmost likely mislabelled")?;
        }
        for suspect in self.suspects.iter().take(TOP) {
            let (label, heard, path) = (&suspect.label, &suspect.heard, printable(&suspect.path));
            writeln!(f, "  {label:<12} heard as {heard:<12} {:>5.1} %  {path}", 100.0 * suspect.confidence)?;
        }
        Ok(())
    }
}

impl fmt::Display for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commands, accepted_correct, accepted_wrong, others, others_accepted, .. } = self;
        write!(
            f,
            "of {commands} keywords {accepted_correct} accepted as what they are, {accepted_wrong} as another; \
             of {others} other sounds {others_accepted} accepted"
        )
    }
}

impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12} {:>9} {:>7} {:>7} {:>7}", "label", "precision", "recall", "F1", "clips")?;
        for LabelFigures { label, precision, recall, f1, n } in &self.per_label {
            let [precision, recall, f1] = [precision, recall, f1]
                .map(|share| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", percent(share))));
            writeln!(f, "{label:<12} {precision:>9} {recall:>7} {f1:>7} {n:>7}")?;
        }
        if self.labels.len() <= MATRIX_LABELS {
            self.write_matrix(f)?;
        }
        if !self.confused.is_empty() {
            writeln!(f, "\nmost confused")?;
        }
        for ConfusedPair { label, heard, n, share } in self.confused.iter().take(TOP) {
            writeln!(f, "  {label:<12} heard as {heard:<12} {n:>5} times, {:.1} %", percent(*share))?;
        }
        Ok(())
    }
}

impl Confusion {
    fn write_matrix(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{:<12}", "said, heard:")?;
        for label in &self.labels {
            write!(f, " {:>7.7}", label.trim_matches('_'))?;
        }
        writeln!(f)?;
        for (label, row) in self.labels.iter().zip(&self.confusion) {
            write!(f, "{label:<12}")?;
            row.iter().try_for_each(|n| match n {
                0 => write!(f, " {:>7}", "."),
                n => write!(f, " {n:>7}"),
            })?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for OpenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.interval.map(percent);
        writeln!(f, "accepted {:.2} % ({} of {} windows)", percent(self.share), self.accepted, self.windows)?;
        writeln!(f, "95 % interval {low:.2} to {high:.2} %, {} recordings", self.clips)?;
        if let Some(per_hour) = self.false_alarms_per_hour {
            writeln!(f, "{per_hour:.1} false alarms an hour in {:.2} h of long recordings", self.long_hours)?;
        }
        for (label, n) in &self.taken_for {
            writeln!(f, "  taken for {label:<12} {n:>6}")?;
        }
        Ok(())
    }
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, labels};

    use super::*;

    #[test]
    fn an_evaluation_reads_as_a_table() {
        let answers =
            [answer("yes", "yes", 0.9), answer("no", "yes", 0.7), answer("_silence_", "_silence_", 0.9)];
        let table = Evaluation::new(&labels(), &answers).to_string();
        let expected = "\
accuracy 66.67 % (2 of 3)
95 % interval 20.77 to 93.85 %, calibration error 30.00 %
of 2 keywords 1 accepted as what they are, 1 as another; of 1 other sounds 0 accepted

label        precision  recall      F1   clips
yes               50.0   100.0    66.7       1
no                   –     0.0     0.0       1
_silence_        100.0   100.0   100.0       1

said, heard:     yes      no silence
yes                1       .       .
no                 1       .       .
_silence_          .       .       1

most confused
  no           heard as yes              1 times, 100.0 %

most likely mislabelled
  no           heard as yes           70.0 %  no/a.wav
";
        assert_eq!(table, expected, "\n{table}");
    }

    #[test]
    fn a_label_without_clips_has_no_figures() {
        let table = Evaluation::new(&labels(), &[answer("yes", "yes", 0.9)]).to_string();
        assert!(table.contains("\nno                   –       –       –       0\n"), "{table}");
    }
}
