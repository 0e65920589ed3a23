//! Calibration: answers given with 80 % confidence should be right 80 % of the time.

use serde::Serialize;

use super::{LabelledAnswer, share};

/// Number of bins, as in Guo et al. (arXiv:1706.04599).
const N_BINS: usize = 15;

/// Confidence against accuracy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Expected calibration error: mean distance of confidence from accuracy over all clips.
    pub ece: f64,
    /// Clips by confidence, in bins of equal width over [0, 1].
    pub reliability: Vec<Bin>,
}

/// The clips whose confidence lies within one range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Lower end of the range.
    pub from: f64,
    /// Upper end of the range.
    pub to: f64,
    /// Number of clips.
    pub n: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// Share of them that got their label.
    pub accuracy: f64,
}

impl Calibration {
    pub(super) fn new(answers: &[LabelledAnswer]) -> Self {
        let mut members: Vec<Vec<&LabelledAnswer>> = vec![Vec::new(); N_BINS];
        for answer in answers {
            members[bin_of(answer.prediction.confidence)].push(answer);
        }
        let reliability: Vec<Bin> =
            members.iter().enumerate().map(|(i, members)| Bin::new(i, members)).collect();
        let gap = |bin: &Bin| share(bin.n, answers.len()) * (bin.accuracy - bin.confidence).abs();
        Self { ece: reliability.iter().map(gap).sum(), reliability }
    }
}

/// Returns the index of a confidence's bin; 1 belongs to the last.
fn bin_of(confidence: f32) -> usize {
    ((confidence * N_BINS as f32) as usize).min(N_BINS - 1)
}

impl Bin {
    fn new(index: usize, members: &[&LabelledAnswer]) -> Self {
        let n = members.len();
        let sum: f64 = members.iter().map(|answer| f64::from(answer.prediction.confidence)).sum();
        Self {
            from: share(index, N_BINS),
            to: share(index + 1, N_BINS),
            n,
            confidence: sum / n.max(1) as f64,
            accuracy: share(members.iter().filter(|answer| answer.is_correct()).count(), n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::answer;
    use super::*;

    #[test]
    fn confidence_that_equals_accuracy_costs_nothing() {
        let mut answers = vec![answer("yes", "yes", 0.8); 4];
        answers.push(answer("no", "yes", 0.8));
        assert!(Calibration::new(&answers).ece < 1e-7);
    }

    #[test]
    fn each_bin_counts_by_the_clips_in_it() {
        // 3 of 4 right at 1.0: off by 0.25; 1 of 1 right at 0.4: off by 0.6.
        let mut answers = vec![answer("yes", "yes", 1.0); 3];
        answers.push(answer("no", "yes", 1.0));
        answers.push(answer("no", "no", 0.4));
        let calibration = Calibration::new(&answers);
        let expected = 0.8 * 0.25 + 0.2 * 0.6;
        assert!((calibration.ece - expected).abs() < 1e-7, "{} instead of {expected}", calibration.ece);
    }

    #[test]
    fn the_bins_cover_every_confidence() {
        for (confidence, expected) in [(0.0, 0), (0.5, 7), (0.999, 14), (1.0, 14)] {
            assert_eq!(bin_of(confidence), expected, "{confidence}");
        }
    }
}
