//! The interval of a share that was measured on a sample.

/// The normal distribution's 97.5 % quantile: two sides of 2.5 % leave 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Returns the 95 % interval of the share that `successes` of `n` estimates, by Wilson's score (JASA 22, 1927).
///
/// Unlike the normal approximation it stays within [0, 1] and holds near 0 and 1, where accuracy lies.
///
/// ```
/// let [low, high] = sc_train::wilson_interval(4_792, 4_890); // 98.0 %
/// assert!((low - 0.9757).abs() < 1e-4 && (high - 0.9835).abs() < 1e-4);
/// ```
pub fn wilson_interval(successes: usize, n: usize) -> [f64; 2] {
    interval_of_share(successes as f64 / n.max(1) as f64, n as f64)
}

/// The same of a `share` of `n` trials that are no whole number, since some of them depend on each other.
pub(crate) fn interval_of_share(share: f64, n: f64) -> [f64; 2] {
    if n <= 0.0 {
        return [0.0, 1.0]; // nothing is known
    }
    let centre = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    [((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)]
}

/// Returns true for the interval of a share of nothing: that of any trial is narrower.
pub(crate) fn is_of_nothing([low, high]: [f64; 2]) -> bool {
    low <= 0.0 && high >= 1.0
}

/// Writes a share and its interval, in percent; a dash of nothing.
pub(crate) fn with_interval(share: f64, interval: [f64; 2]) -> String {
    if is_of_nothing(interval) {
        return "–".into();
    }
    let [low, high] = interval;
    format!("{:.1} ({:.1} to {:.1})", 100.0 * share, 100.0 * low, 100.0 * high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_published_values() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        for (successes, n, expected) in [
            (81, 263, [0.2553, 0.3662]),
            (15, 148, [0.0624, 0.1605]),
            (0, 20, [0.0, 0.1611]),
            (1, 29, [0.0061, 0.1718]),
        ] {
            let interval = wilson_interval(successes, n);
            let off = (interval[0] - expected[0]).abs().max((interval[1] - expected[1]).abs());
            assert!(off < 5e-5, "{successes} of {n}: {interval:?}, expected {expected:?}");
        }
    }

    #[test]
    fn a_share_of_nothing_is_a_dash() {
        assert_eq!(with_interval(0.0, wilson_interval(0, 0)), "–");
        assert_eq!(with_interval(0.0, wilson_interval(0, 1)), "0.0 (0.0 to 79.3)");
        assert_eq!(with_interval(1.0, wilson_interval(1, 1)), "100.0 (20.7 to 100.0)");
    }

    #[test]
    fn it_stays_between_nothing_and_all() {
        for (successes, n) in [(0, 0), (0, 5), (5, 5), (1_000_000, 1_000_000)] {
            let [low, high] = wilson_interval(successes, n);
            assert!(0.0 <= low && low < high && high <= 1.0, "{successes} of {n}: {low} to {high}");
        }
    }
}
