//! Any sample rate to 16 kHz.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, Resampler, ResamplerConstructionError, SincInterpolationParameters,
    WindowFunction,
};

use crate::SAMPLE_RATE_HZ;

/// Samples that the filter spans at the lower of the two rates, at least: its pass band then reaches
/// to 0.97 of that rate's half.
const FILTER_LEN: usize = 512;
/// The longest block a Fourier transform is used for; past it the ratio is too odd.
const MAX_BLOCK: u32 = 4096;

/// Resamples to 16 kHz: `round(n * 16000 / rate_hz)` samples, at least one, aligned in time with `samples`.
///
/// `rate_hz` is not 0 and `samples` are finite: [`Limits`](super::Limits) and the decoder saw to it.
pub(super) fn to_16_khz(samples: &[f32], rate_hz: u32) -> Vec<f32> {
    let n_samples = samples.len() as f64 * f64::from(SAMPLE_RATE_HZ) / f64::from(rate_hz);
    let mono = InterleavedSlice::new(samples, 1, samples.len()).expect("one channel fills its slice");
    let mut resampled = resampler(rate_hz)
        .expect("a rate above 0 has a resampler")
        .process_all(&mono, samples.len(), None)
        .expect("rubato sizes its own buffers")
        .take_data();
    resampled.truncate(n_samples.round().max(1.0) as usize); // rubato rounds up
    resampled
}

/// The quick and exact resampler where the ratio allows it, else the one for any ratio.
fn resampler(rate_hz: u32) -> Result<Box<dyn Resampler<f32>>, ResamplerConstructionError> {
    // Both rates in the smallest whole numbers: 44.1 kHz is 441 samples for every 160.
    let divisor = gcd(rate_hz, SAMPLE_RATE_HZ);
    let (block_in, block_out) = (rate_hz / divisor, SAMPLE_RATE_HZ / divisor);
    if block_in > MAX_BLOCK {
        return sinc(rate_hz);
    }
    // An even number of blocks: half of it, the filter's delay, is then whole on both sides.
    let n_blocks = (FILTER_LEN as u32).div_ceil(block_in.min(block_out)).next_multiple_of(2);
    let [rate_in, rate_out, chunk] = [rate_hz, SAMPLE_RATE_HZ, n_blocks * block_in].map(|n| n as usize);
    Ok(Box::new(Fft::new(rate_in, rate_out, chunk, 1, FixedSync::Both)?))
}

/// A windowed sinc, interpolated from a table: aligned to a sample, since rubato rounds its delay.
fn sinc(rate_hz: u32) -> Result<Box<dyn Resampler<f32>>, ResamplerConstructionError> {
    let ratio = f64::from(SAMPLE_RATE_HZ) / f64::from(rate_hz);
    // Its length is counted in samples of the input.
    let sinc_len = FILTER_LEN / 4 * rate_hz.div_ceil(SAMPLE_RATE_HZ) as usize;
    let parameters = SincInterpolationParameters::new(sinc_len, WindowFunction::BlackmanHarris2);
    Ok(Box::new(Async::new_sinc(ratio, 1.0, &parameters, 1024, 1, FixedAsync::Input)?))
}

/// The greatest common divisor, by Euclid.
fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    /// Half a second of a tone of 1 kHz that fades in and out.
    fn tone(rate_hz: u32) -> Vec<f32> {
        let sample = |n| {
            let t = f64::from(n) / f64::from(rate_hz);
            ((TAU * t).sin().powi(2) * (TAU * 1_000.0 * t).sin() / 2.0) as f32
        };
        (0..rate_hz / 2).map(sample).collect()
    }

    fn worst_difference(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_is_the_one_recorded_at_16_khz() {
        for rate_hz in [4_000, 8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000] {
            let difference = worst_difference(&to_16_khz(&tone(rate_hz), rate_hz), &tone(16_000));
            assert!(difference < 1e-4, "{rate_hz} Hz: {difference}");
        }
    }

    #[test]
    fn at_odd_rates_it_is_so_to_a_sample() {
        for rate_hz in [8_001, 15_999, 44_101, 191_999] {
            let resampled = to_16_khz(&tone(rate_hz), rate_hz);
            let expected = tone(16_000);
            let steepest = worst_difference(&expected, &expected[1..]);
            let difference = worst_difference(&resampled, &expected);
            assert!(difference < 1.01 * steepest, "{rate_hz} Hz: {difference}, {steepest} a sample");
        }
    }

    #[test]
    fn tones_above_8_khz_do_not_come_back_as_others() {
        let sample = |n| (TAU * f64::from(n) * 11_000.0 / 44_100.0).sin() as f32;
        let samples: Vec<_> = (0..44_100).map(sample).collect();
        let resampled = to_16_khz(&samples, 44_100);
        // Its beginning and end are steps, which hold all frequencies.
        let loudest = resampled[1_000..15_000].iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
        assert!(loudest < 1e-4, "{loudest}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_length_is_that_of_the_same_time(rate_hz in 4_000..=192_000_u32, n in 1..20_000_usize) {
            let expected = (n as f64 * 16_000.0 / f64::from(rate_hz)).round().max(1.0);
            prop_assert_eq!(to_16_khz(&vec![0.5; n], rate_hz).len(), expected as usize);
        }
    }
}
