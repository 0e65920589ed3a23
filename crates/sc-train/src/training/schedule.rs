//! The learning rate by step.

use std::f64::consts::PI;

/// A straight rise to `peak` over `warmup` steps, then half a cosine down to zero at `total`
/// (Loshchilov and Hutter, arXiv:1608.03983). `step` counts from 0; the first is above zero.
pub fn learning_rate(step: usize, warmup: usize, total: usize, peak: f64) -> f64 {
    let done = (step + 1) as f64;
    if step < warmup {
        return peak * done / warmup as f64;
    }
    let progress = (done - warmup as f64) / (total.max(warmup + 1) - warmup) as f64;
    peak * 0.5 * (1.0 + (PI * progress.min(1.0)).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_to_the_peak_and_falls_to_zero() {
        let rates: Vec<f64> = (0..100).map(|step| learning_rate(step, 10, 100, 0.5)).collect();
        assert!(rates[0] > 0.0);
        assert!((rates[9] - 0.5).abs() < 1e-12);
        assert!(rates[..10].is_sorted() && rates[9..].is_sorted_by(|a, b| a >= b));
        assert!(rates[99].abs() < 1e-12);
    }

    #[test]
    fn a_run_shorter_than_its_warmup_is_no_division_by_zero() {
        assert!(learning_rate(5, 10, 3, 0.5).is_finite());
        assert!(learning_rate(12, 10, 10, 0.5).abs() < 1e-12);
    }
}
