//! The confusion matrix: which label was taken for which.

use std::cmp::Reverse;

use sc_data::Labels;
use serde::Serialize;

use super::{LabelledAnswer, share};

/// Number of pairs listed as most confused.
const N_PAIRS: usize = 20;

/// The confusion matrix and what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confusion {
    /// The labels, in the order of rows and columns.
    pub labels: Vec<String>,
    /// `[said][heard]`: clips of the row's label that were taken for the column's.
    pub confusion: Vec<Vec<usize>>,
    /// By label, in the same order.
    pub per_label: Vec<LabelFigures>,
    /// Labels taken for another, most often first.
    pub confused: Vec<ConfusedPair>,
}

/// One label's figures; a share of no clips is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelFigures {
    /// The label.
    pub label: String,
    /// Share of the clips heard as this label that are of it.
    pub precision: Option<f64>,
    /// Share of the clips of this label that were heard as it.
    pub recall: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
    /// Clips of this label.
    pub n: usize,
}

/// A label taken for another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConfusedPair {
    /// The true label.
    pub label: String,
    /// The label that was heard instead.
    pub heard: String,
    /// Number of clips.
    pub n: usize,
    /// Share of the clips of `label`.
    pub share: f64,
}

impl Confusion {
    pub(super) fn new(labels: &Labels, answers: &[LabelledAnswer]) -> Self {
        let matrix = count(labels, answers);
        let labels = labels.names();
        Self {
            labels: labels.to_vec(),
            per_label: (0..labels.len()).map(|i| LabelFigures::new(labels, &matrix, i)).collect(),
            confused: confused(labels, &matrix),
            confusion: matrix,
        }
    }
}

fn count(labels: &Labels, answers: &[LabelledAnswer]) -> Vec<Vec<usize>> {
    let index = |name: &str| {
        let index = labels.index(name);
        index.unwrap_or_else(|| panic!("`{name}` is not among the labels {:?}", labels.names()))
    };
    let n = labels.names().len();
    let mut matrix = vec![vec![0; n]; n];
    for answer in answers {
        matrix[index(&answer.label)][index(&answer.prediction.label)] += 1;
    }
    matrix
}

impl LabelFigures {
    fn new(labels: &[String], matrix: &[Vec<usize>], i: usize) -> Self {
        let said: usize = matrix[i].iter().sum();
        let heard: usize = matrix.iter().map(|row| row[i]).sum();
        let correct = matrix[i][i];
        let share_of = |part: usize, of: usize| (of > 0).then(|| share(part, of));
        Self {
            label: labels[i].clone(),
            precision: share_of(correct, heard),
            recall: share_of(correct, said),
            f1: share_of(2 * correct, said + heard),
            n: said,
        }
    }
}

fn confused(labels: &[String], matrix: &[Vec<usize>]) -> Vec<ConfusedPair> {
    let mut pairs = Vec::new();
    for (label, row) in labels.iter().zip(matrix) {
        let others = labels.iter().zip(row).filter(|(heard, n)| *heard != label && **n > 0);
        pairs.extend(others.map(|(heard, &n)| ConfusedPair {
            label: label.clone(),
            heard: heard.clone(),
            n,
            share: share(n, row.iter().sum()),
        }));
    }
    pairs.sort_by_key(|pair| Reverse(pair.n));
    pairs.truncate(N_PAIRS);
    pairs
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, labels};
    use super::*;

    fn confusion() -> Confusion {
        let answers =
            [("yes", "yes"), ("yes", "yes"), ("yes", "no"), ("no", "no"), ("no", "yes"), ("no", "yes")];
        Confusion::new(&labels(), &answers.map(|(said, heard)| answer(said, heard, 0.9)))
    }

    #[test]
    fn rows_are_said_and_columns_heard() {
        assert_eq!(confusion().confusion, [[2, 1, 0], [2, 1, 0], [0, 0, 0]]);
    }

    #[test]
    fn figures_by_label_follow_their_definitions() {
        let yes = &confusion().per_label[0];
        assert_eq!((yes.precision, yes.recall, yes.n), (Some(0.5), Some(2.0 / 3.0), 3));
        assert!((yes.f1.unwrap() - 4.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn a_label_without_clips_has_no_shares() {
        let silence = &confusion().per_label[2];
        assert_eq!((silence.precision, silence.recall, silence.f1, silence.n), (None, None, None, 0));
    }

    #[test]
    fn the_most_confused_pair_comes_first() {
        let confused = confusion().confused;
        let pairs: Vec<_> =
            confused.iter().map(|pair| (pair.label.as_str(), pair.heard.as_str(), pair.n)).collect();
        assert_eq!(pairs, [("no", "yes", 2), ("yes", "no", 1)]);
    }
}
