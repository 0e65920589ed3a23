//! The mel scale and its filter bank.

use crate::SAMPLE_RATE_HZ;

/// Converts Hz to mel on HTK's scale: `2595 log10(1 + hz / 700)`.
pub(crate) fn hz_to_mel(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

/// Converts mel to Hz: the inverse of [`hz_to_mel`].
pub(crate) fn mel_to_hz(mel: f64) -> f64 {
    700.0 * (10_f64.powf(mel / 2595.0) - 1.0)
}

/// One triangle of a filter bank, without the bins at which it is zero.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    /// The first bin above zero.
    pub start: usize,
    /// The weights of the bins from there, each in (0, 1].
    pub weights: Vec<f32>,
}

/// Returns `n_mels` triangles, evenly spaced in mel between 0 Hz and half of [`SAMPLE_RATE_HZ`]. Each
/// reaches from its left neighbour's centre to its right neighbour's, and has a peak of 1. The spectrum has
/// `n_fft / 2 + 1` bins.
///
/// The definition is that of `torchaudio.functional.melscale_fbanks(.., norm=None, mel_scale="htk")`. A
/// triangle narrower than a bin may lie between two bins and have no weights.
pub(crate) fn filter_bank(n_fft: usize, n_mels: usize) -> Vec<Filter> {
    let bin_hz = f64::from(SAMPLE_RATE_HZ) / n_fft as f64;
    let top_mel = hz_to_mel(f64::from(SAMPLE_RATE_HZ) / 2.0);
    let corner_hz = |i: usize| mel_to_hz(top_mel * i as f64 / (n_mels + 1) as f64);
    (0..n_mels).map(|band| triangle([0, 1, 2].map(|i| corner_hz(band + i)), bin_hz, n_fft / 2 + 1)).collect()
}

/// Returns the triangle with these corners, in Hz, sampled at the bins inside it.
fn triangle([left, centre, right]: [f64; 3], bin_hz: f64, n_bins: usize) -> Filter {
    let weight = |bin: usize| {
        let hz = bin as f64 * bin_hz;
        ((hz - left) / (centre - left)).min((right - hz) / (right - centre)) as f32
    };
    let start = (0..n_bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
    let weights = (start..n_bins).map(weight).take_while(|&weight| weight > 0.0).collect();
    Filter { start, weights }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_hertz_is_a_thousand_mel() {
        assert!((hz_to_mel(1000.0) - 1000.0).abs() < 0.02, "{}", hz_to_mel(1000.0));
        assert!((mel_to_hz(hz_to_mel(440.0)) - 440.0).abs() < 1e-9);
    }

    #[test]
    fn neighbouring_triangles_add_up_to_one_between_their_centres() {
        let mut total = vec![0.0; 257];
        for filter in filter_bank(512, 40) {
            for (bin, weight) in (filter.start..).zip(filter.weights) {
                total[bin] += weight;
            }
        }
        // From the first centre (39 Hz) to the last one (7.6 kHz).
        for (bin, weight) in total.iter().enumerate().take(240).skip(2) {
            assert!((weight - 1.0).abs() < 1e-6, "bin {bin}: {weight}");
        }
    }
}
