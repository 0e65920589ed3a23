//! Confidence that means something: temperature and threshold, fitted on validation.

use sc_data::Labels;

use crate::LabelledAnswer;

/// Share of the keywords heard rightly that the threshold may lose. Of speech that holds no keyword, half as much again is
/// accepted at half of this share (`assets/RUNS.md`).
const LOST_SHARE: f64 = 0.03;

/// The temperature that makes the true labels most likely (Guo et al., arXiv:1706.04599), for answers
/// given at temperature 1.
///
/// The loss has one minimum in the logarithm of the temperature: golden-section search narrows it down. Answers that are
/// all right would be certain at any temperature, so they leave it at 1.
pub fn temperature(answers: &[LabelledAnswer]) -> f32 {
    if answers.iter().all(LabelledAnswer::is_correct) {
        return 1.0;
    }
    let ratio = (5.0_f32.sqrt() - 1.0) / 2.0;
    let loss = |log_temperature: f32| mean_loss(answers, log_temperature.exp());
    let (mut low, mut high) = (0.1_f32.ln(), 10.0_f32.ln());
    while high - low > 1e-3 {
        let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(left) < loss(right) { high = right } else { low = left }
    }
    f32::midpoint(low, high).exp()
}

/// Cross-entropy at a temperature. A probability's logarithm is its logit, but for a constant.
fn mean_loss(answers: &[LabelledAnswer], temperature: f32) -> f64 {
    let loss = |answer: &LabelledAnswer| {
        let powers = answer.prediction.predictions.iter().map(|scored| {
            let logit = scored.probability.max(f32::MIN_POSITIVE).ln();
            (scored.label == answer.label, (logit / temperature).exp())
        });
        let (wanted, all) = powers.fold((0.0_f32, 0.0_f32), |(wanted, all), (is_wanted, power)| {
            (if is_wanted { power } else { wanted }, all + power)
        });
        -f64::from((wanted / all).max(f32::MIN_POSITIVE).ln())
    };
    answers.iter().map(loss).sum::<f64>() / answers.len().max(1) as f64
}

/// The highest threshold that loses no more than [`LOST_SHARE`] of the keywords heard rightly: it keeps
/// out as many other sounds as that price allows.
///
/// Of too few keywords to lose one, the least confident says little of other voices. The threshold is then half-way from it
/// to even odds, in the logarithm of the odds.
pub fn threshold(labels: &Labels, answers: &[LabelledAnswer]) -> f32 {
    let heard = answers.iter().filter(|answer| labels.has_keyword(&answer.label) && answer.is_correct());
    let mut confidences: Vec<f32> = heard.map(|answer| answer.prediction.confidence).collect();
    confidences.sort_by(f32::total_cmp);
    let n_lost = (LOST_SHARE * confidences.len() as f64) as usize;
    let threshold = confidences.get(n_lost).copied().unwrap_or(0.0);
    if n_lost > 0 || threshold <= 0.5 {
        return threshold;
    }
    let odds = threshold / (1.0 - threshold).max(f32::EPSILON);
    odds.sqrt() / (1.0 + odds.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::tests::{answer, labels};

    /// Nine answers in ten are right, all with the same confidence.
    fn answers(confidence: f32) -> Vec<LabelledAnswer> {
        (0..100).map(|i| answer("yes", if i % 10 == 0 { "no" } else { "yes" }, confidence)).collect()
    }

    #[test]
    fn overconfidence_is_cooled_and_modesty_warmed() {
        assert!(temperature(&answers(0.99)) > 1.1);
        assert!(temperature(&answers(0.6)) < 0.9);
        let right = temperature(&answers(0.9));
        assert!((0.9..1.1).contains(&right), "{right}");
    }

    #[test]
    fn answers_that_are_all_right_are_no_reason_for_certainty() {
        let answers = vec![answer("yes", "yes", 0.7); 9];
        assert_eq!(temperature(&answers).to_bits(), 1.0_f32.to_bits());
    }

    #[test]
    fn the_threshold_loses_the_least_confident_keywords() {
        let answers: Vec<LabelledAnswer> =
            (0..1000).map(|i| answer("yes", "yes", 0.5 + i as f32 / 2000.0)).collect();
        let threshold = threshold(&labels(), &answers);
        let lost = answers.iter().filter(|answer| answer.prediction.confidence < threshold).count();
        assert_eq!(lost, 30);
    }

    #[test]
    fn a_handful_of_confident_keywords_sets_no_high_threshold() {
        let answers = |confidence| vec![answer("yes", "yes", confidence); 20];
        assert!((threshold(&labels(), &answers(0.9)) - 0.75).abs() < 1e-3, "odds of 9 become 3");
        assert!(threshold(&labels(), &answers(1.0)) < 1.0);
        assert_eq!(threshold(&labels(), &answers(0.4)).to_bits(), 0.4_f32.to_bits());
    }

    #[test]
    fn without_keywords_there_is_no_threshold() {
        assert_eq!(threshold(&labels(), &[]).to_bits(), 0.0_f32.to_bits());
    }
}
