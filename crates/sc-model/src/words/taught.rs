//! The answer of a taught word beside those of the network.

use serde::{Deserialize, Serialize};

/// The change of a taught word's log odds with its score. On words that no training had, a score higher by 0.05 is 3.3
/// times as likely of the word as of other speech: ln 3.3 / 0.05.
const SLOPE: f32 = 24.0;

/// Settings of a taught word. Its name is its label's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaughtWord {
    /// Least score at which the word is accepted: similarity to the word, less that to ordinary speech.
    pub least_score: f32,
    /// Number of recordings that taught it.
    pub n_recordings: usize,
}

impl TaughtWord {
    /// Moves the least score of a word for a record whose threshold changes, so that every score keeps its confidence.
    pub(crate) fn move_threshold(&mut self, from: f32, to: f32) {
        self.least_score += (log_odds(to) - log_odds(from)) / SLOPE;
    }
}

/// Returns the confidence in a taught word of this score: at its least score the one from which the record accepts it.
pub(crate) fn confidence(score: f32, word: &TaughtWord, threshold: f32) -> f32 {
    let log_odds = SLOPE * (score - word.least_score) + log_odds(threshold);
    1.0 / (1.0 + (-log_odds).exp())
}

/// Returns the confidence from which a taught word is accepted: even odds, if the threshold is below them.
fn least_confidence(threshold: f32) -> f32 {
    threshold.max(0.5)
}

/// Returns the logarithm of the odds from which a taught word is accepted. Of 1 it would be infinite.
fn log_odds(threshold: f32) -> f32 {
    let confidence = least_confidence(threshold).min(1.0 - f32::EPSILON);
    (confidence / (1.0 - confidence)).ln()
}

/// Returns the probabilities of the network's labels and of the taught words, together 1.
///
/// The likeliest answer keeps its own probability, and the others share the rest. It is the taught word of the highest
/// confidence, if that reaches `threshold` and even odds, and no keyword of the network is likelier; else it is the
/// network's. So a taught word changes no answer of the network where it is not the better one.
pub(crate) fn combine(
    network: &[f32],
    is_keyword: impl Fn(usize) -> bool,
    taught: impl Iterator<Item = f32>,
    threshold: f32,
) -> Vec<f32> {
    let mut all = network.to_vec();
    all.extend(taught);
    let likeliest = |range: std::ops::Range<usize>| range.max_by(|a, b| all[*a].total_cmp(&all[*b]));
    let n = network.len();
    let (Some(own), Some(word)) = (likeliest(0..n), likeliest(n..all.len())) else { return all };
    let is_better = all[word] >= least_confidence(threshold)
        && (0..n).all(|label| !is_keyword(label) || all[label] <= all[word]);
    let best = if is_better { word } else { own };
    let best_probability = all[best];
    for probability in &mut all[n..] {
        *probability = probability.min(best_probability);
    }
    let others: f32 = all.iter().sum::<f32>() - best_probability;
    let scale = if others > 0.0 { (1.0 - best_probability) / others } else { 0.0 };
    for probability in &mut all {
        *probability *= scale;
    }
    all[best] = best_probability;
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_answer_is_the_likeliest_and_a_lower_threshold_loses_no_word(
            network in prop::collection::vec(0.01_f32..1.0, 3),
            taught in prop::collection::vec(0.0_f32..=1.0, 1..4),
            threshold in 0.0_f32..=1.0,
        ) {
            let sum: f32 = network.iter().sum();
            let network: Vec<f32> = network.iter().map(|share| share / sum).collect();
            let answer = |threshold| {
                let all = combine(&network, |label| label < 2, taught.iter().copied(), threshold);
                let (best, likeliest) = all.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap();
                let own = [&network[..], &taught[..]].concat()[best];
                (best, *likeliest, own)
            };
            let (best, likeliest, own) = answer(threshold);
            prop_assert!((likeliest - own).abs() < 1e-6, "it keeps its own: {} of {}", likeliest, own);
            if best >= network.len() {
                prop_assert_eq!(answer(threshold / 2.0).0, best);
            }
        }
    }

    /// Answers for the labels yes, no, `_unknown_` and two taught words, at a threshold of 0.9.
    fn answers(network: [f32; 3], taught: [f32; 2]) -> Vec<f32> {
        let all = combine(&network, |label| label < 2, taught.into_iter(), 0.9);
        assert!((all.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{all:?}");
        all
    }

    #[test]
    fn a_keyword_keeps_its_confidence_beside_a_taught_word_that_is_less_likely() {
        assert!((answers([0.95, 0.01, 0.04], [0.94, 0.1])[0] - 0.95).abs() < 1e-6);
        assert!((answers([0.3, 0.1, 0.6], [0.85, 0.1])[2] - 0.6).abs() < 1e-6);
    }

    #[test]
    fn a_taught_word_wins_over_other_speech_and_over_a_keyword_that_is_less_likely() {
        assert!((answers([0.01, 0.01, 0.98], [0.2, 0.92])[4] - 0.92).abs() < 1e-6);
        assert!((answers([0.91, 0.01, 0.08], [0.97, 0.2])[3] - 0.97).abs() < 1e-6);
    }

    #[test]
    fn without_taught_words_the_networks_answers_stay() {
        let network = [0.2, 0.3, 0.5];
        assert_eq!(combine(&network, |label| label < 2, std::iter::empty(), 0.9), network);
    }

    #[test]
    fn the_confidence_at_the_least_score_is_the_threshold() {
        let word = TaughtWord { least_score: 0.12, n_recordings: 5 };
        assert!((confidence(0.12, &word, 0.94) - 0.94).abs() < 1e-5);
        assert!(confidence(0.05, &word, 0.94) < 0.8 && confidence(0.2, &word, 0.94) > 0.98);
    }

    #[test]
    fn a_word_is_accepted_from_its_least_score_on_whatever_the_threshold() {
        let word = TaughtWord { least_score: 0.12, n_recordings: 5 };
        for threshold in [0.0, 0.1, 0.3, 0.5, 0.9, 0.998] {
            let is_accepted = |score| {
                let word = std::iter::once(confidence(score, &word, threshold));
                // The network is sure of another sound: what is accepted is the likeliest all the same.
                let all = combine(&[0.0, 1.0], |label| label == 0, word, threshold);
                all[2] > all[1]
            };
            assert!(is_accepted(0.121) && !is_accepted(0.119), "{threshold}");
        }
    }
}
