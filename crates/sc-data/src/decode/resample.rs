//! Resamples any sample rate to 16 kHz.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, Resampler, ResamplerConstructionError, SincInterpolationParameters,
    WindowFunction,
};

use super::limits::MAX_PEAK;
use crate::SAMPLE_RATE_HZ;

/// Least length of the filter, in samples at the lower of the two rates. The pass band then reaches to 0.97
/// of half that rate.
const FILTER_LEN: usize = 512;
/// Longest block that is resampled by a Fourier transform. A longer one means an odd ratio of rates.
const MAX_BLOCK: u32 = 4096;

/// Resamples a stream to 16 kHz, aligned in time with its input. The output depends on the input samples
/// alone, not on the pieces they come in.
///
/// ```
/// use sc_data::StreamResampler;
///
/// let mut resampler = StreamResampler::new(48_000);
/// let mut samples = resampler.push(&[0.0; 4_800]);
/// samples.extend(resampler.finish());
/// assert_eq!(samples.len(), 1_600);
/// ```
pub struct StreamResampler {
    /// None at 16 kHz.
    resampler: Option<Box<dyn Resampler<f32>>>,
    rate_hz: u32,
    /// Samples that do not fill a block yet.
    pending: Vec<f32>,
    /// Samples that went in.
    n_in: u64,
    /// Samples that came out.
    n_out: u64,
    /// Samples still to drop at the beginning: the filter's delay.
    n_delayed: usize,
}

impl StreamResampler {
    /// Makes a resampler for samples of `rate_hz`, which is within [`Limits`](crate::Limits).
    ///
    /// # Panics
    /// If `rate_hz` is 0.
    pub fn new(rate_hz: u32) -> Self {
        let resampler =
            (rate_hz != SAMPLE_RATE_HZ).then(|| resampler(rate_hz).expect("a rate above 0 has a resampler"));
        let n_delayed = resampler.as_ref().map_or(0, |resampler| resampler.output_delay());
        Self { resampler, rate_hz, pending: Vec::new(), n_in: 0, n_out: 0, n_delayed }
    }

    /// Resamples a whole signal at once.
    ///
    /// # Panics
    /// If `rate_hz` is 0.
    pub fn all(samples: &[f32], rate_hz: u32) -> Vec<f32> {
        let mut stream = Self::new(rate_hz);
        let mut out = stream.push(samples);
        out.extend(stream.finish());
        out
    }

    /// Takes more samples and returns those that are ready at 16 kHz. NaN becomes 0, and what is far beyond [-1, 1] is
    /// clamped to [-16, 16].
    pub fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        let samples = samples.iter().copied().map(sound);
        self.n_in += samples.len() as u64;
        let Some(resampler) = &mut self.resampler else {
            self.n_out += samples.len() as u64;
            return samples.collect();
        };
        self.pending.extend(samples);
        let (mut out, mut used) = (Vec::new(), 0);
        while self.pending.len() - used >= resampler.input_frames_next() {
            let block = &self.pending[used..][..resampler.input_frames_next()];
            used += block.len();
            out.extend(resample(resampler.as_mut(), block));
        }
        self.pending.drain(..used);
        let n_delayed = self.n_delayed.min(out.len());
        self.n_delayed -= n_delayed;
        out.drain(..n_delayed);
        self.n_out += out.len() as u64;
        out
    }

    /// Returns the remaining samples. All calls together return `round(n * 16000 / rate_hz)` samples, and at
    /// least one if there was any input.
    pub fn finish(mut self) -> Vec<f32> {
        let n_samples = self.n_in as f64 * f64::from(SAMPLE_RATE_HZ) / f64::from(self.rate_hz);
        let n_samples = (n_samples.round() as u64).max(self.n_in.min(1));
        let n_left = n_samples.saturating_sub(self.n_out) as usize;
        let mut rest = Vec::new();
        while rest.len() < n_left {
            let n_missing = self.resampler.as_ref().map_or(0, |resampler| resampler.input_frames_next());
            rest.extend(self.push(&vec![0.0; n_missing - self.pending.len().min(n_missing)]));
        }
        rest.truncate(n_left);
        rest
    }
}

/// Returns a sample that leaves the others of its block as they are. The transform would carry NaN to all of them.
fn sound(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-MAX_PEAK, MAX_PEAK) }
}

/// Resamples one block.
fn resample(resampler: &mut dyn Resampler<f32>, block: &[f32]) -> Vec<f32> {
    let mono = InterleavedSlice::new(block, 1, block.len()).expect("one channel fills its slice");
    resampler.process(&mono, None).expect("the block has the size asked for").take_data()
}

/// Builds the quick and exact resampler if the ratio allows it, else the one for any ratio.
fn resampler(rate_hz: u32) -> Result<Box<dyn Resampler<f32>>, ResamplerConstructionError> {
    if !is_quick(rate_hz) {
        return sinc(rate_hz);
    }
    let (block_in, block_out) = ratio(rate_hz);
    // An even number of blocks: half of it, the filter's delay, is then whole on both sides.
    let n_blocks = (FILTER_LEN as u32).div_ceil(block_in.min(block_out)).next_multiple_of(2);
    let [rate_in, rate_out, chunk] = [rate_hz, SAMPLE_RATE_HZ, n_blocks * block_in].map(|n| n as usize);
    Ok(Box::new(Fft::new(rate_in, rate_out, chunk, 1, FixedSync::Both)?))
}

/// Returns true for a rate that the quick resampler takes. The other one takes ten times as long.
pub(super) fn is_quick(rate_hz: u32) -> bool {
    ratio(rate_hz).0 <= MAX_BLOCK
}

/// Returns both rates in the smallest whole numbers: 44.1 kHz is 441 samples for every 160.
fn ratio(rate_hz: u32) -> (u32, u32) {
    let divisor = gcd(rate_hz, SAMPLE_RATE_HZ);
    (rate_hz / divisor, SAMPLE_RATE_HZ / divisor)
}

/// Builds a windowed sinc, interpolated from a table. It is aligned to a sample, since rubato rounds its delay.
fn sinc(rate_hz: u32) -> Result<Box<dyn Resampler<f32>>, ResamplerConstructionError> {
    let ratio = f64::from(SAMPLE_RATE_HZ) / f64::from(rate_hz);
    // Its length is counted in samples of the input.
    let sinc_len = FILTER_LEN / 4 * rate_hz.div_ceil(SAMPLE_RATE_HZ) as usize;
    let parameters = SincInterpolationParameters::new(sinc_len, WindowFunction::BlackmanHarris2);
    Ok(Box::new(Async::new_sinc(ratio, 1.0, &parameters, 1024, 1, FixedAsync::Input)?))
}

/// Returns the greatest common divisor, by Euclid's algorithm.
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
            let difference = worst_difference(&StreamResampler::all(&tone(rate_hz), rate_hz), &tone(16_000));
            assert!(difference < 1e-4, "{rate_hz} Hz: {difference}");
        }
    }

    #[test]
    fn at_odd_rates_it_is_so_to_a_sample() {
        for rate_hz in [8_001, 15_999, 44_101, 191_999] {
            let resampled = StreamResampler::all(&tone(rate_hz), rate_hz);
            let expected = tone(16_000);
            let steepest = worst_difference(&expected, &expected[1..]);
            let difference = worst_difference(&resampled, &expected);
            assert!(difference < 1.01 * steepest, "{rate_hz} Hz: {difference}, {steepest} a sample");
        }
    }

    #[test]
    fn a_sample_that_is_no_sound_does_not_end_the_stream() {
        for rate_hz in [8_000, 16_000, 44_100, 48_000, 44_101] {
            for sample in [f32::NAN, f32::INFINITY, f32::MIN] {
                let mut samples = tone(rate_hz);
                samples[1_000] = sample;
                let resampled = StreamResampler::all(&samples, rate_hz);
                assert!(resampled.iter().all(|sample| sample.abs() < 32.0), "{sample} at {rate_hz} Hz");
            }
        }
    }

    /// Rates that recordings have, in Hz.
    const RATES: [u32; 4] = [8_000, 11_025, 44_100, 48_000];

    /// A second of a steady tone, resampled, without its beginning and end: they are steps, which hold all frequencies.
    fn resampled_tone(hz: f64, rate_hz: u32) -> Vec<f32> {
        let sample = |n| (TAU * hz * f64::from(n) / f64::from(rate_hz)).sin() as f32;
        let samples: Vec<f32> = (0..rate_hz).map(sample).collect();
        StreamResampler::all(&samples, rate_hz)[2_000..14_000].to_vec()
    }

    /// Returns the amplitude of a tone in a signal at 16 kHz, and the effective value of all else.
    fn tone_and_rest(samples: &[f32], hz: f64) -> (f64, f64) {
        let angle = |n: usize| TAU * hz * n as f64 / 16_000.0;
        let waves = |n: usize| [angle(n).sin(), angle(n).cos()];
        // The least squares: two equations.
        let (mut a, mut b) = ([[0.0; 2]; 2], [0.0; 2]);
        for (n, &sample) in samples.iter().enumerate() {
            let wave = waves(n);
            for i in 0..2 {
                b[i] += wave[i] * f64::from(sample);
                (0..2).for_each(|j| a[i][j] += wave[i] * wave[j]);
            }
        }
        let determinant = a[0][0] * a[1][1] - a[0][1] * a[1][0];
        let x = [b[0] * a[1][1] - b[1] * a[0][1], b[1] * a[0][0] - b[0] * a[1][0]].map(|x| x / determinant);
        let rest = samples.iter().enumerate().map(|(n, &sample)| {
            let [sine, cosine] = waves(n);
            (f64::from(sample) - x[0] * sine - x[1] * cosine).powi(2)
        });
        (x[0].hypot(x[1]), (rest.sum::<f64>() / samples.len() as f64).sqrt())
    }

    fn decibel(ratio: f64) -> f64 {
        20.0 * ratio.log10()
    }

    #[test]
    fn the_pass_band_is_flat_and_holds_no_image_of_a_tone() {
        for rate_hz in RATES {
            let edge = 0.94 * f64::from(rate_hz.min(16_000)) / 2.0; // it ends, 3 dB down, at 0.97
            for step in 1..=40 {
                let hz = edge * f64::from(step) / 40.0;
                let (amplitude, rest) = tone_and_rest(&resampled_tone(hz, rate_hz), hz);
                assert!(decibel(amplitude).abs() < 0.05, "{hz} Hz at {rate_hz}: {} dB", decibel(amplitude));
                assert!(decibel(rest) < -80.0, "{hz} Hz at {rate_hz}: {} dB of other tones", decibel(rest));
            }
        }
    }

    #[test]
    fn aliases_are_80_db_down() {
        for rate_hz in [44_100, 48_000] {
            for step in 0..40 {
                let hz = 8_000.0 + 240.0 + f64::from(step) * (f64::from(rate_hz) / 2.0 - 8_300.0) / 40.0;
                let samples = resampled_tone(hz, rate_hz);
                let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
                let level = decibel((2.0 * energy / samples.len() as f64).sqrt());
                assert!(level < -80.0, "{hz} Hz at {rate_hz}: {level} dB");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn pieces_of_any_size_give_the_same_samples(
            rate_hz in prop_oneof![Just(8_000_u32), Just(16_000), Just(44_100), Just(48_000), 4_000..=192_000_u32],
            sizes in prop::collection::vec(1..5_000_usize, 1..20),
        ) {
            let samples = tone(rate_hz);
            let mut resampler = StreamResampler::new(rate_hz);
            let (mut rest, mut resampled) = (samples.as_slice(), Vec::new());
            for size in sizes.iter().cycle() {
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                resampled.extend(resampler.push(piece));
                rest = after;
                if rest.is_empty() { break; }
            }
            resampled.extend(resampler.finish());
            prop_assert_eq!(resampled, StreamResampler::all(&samples, rate_hz));
        }

        #[test]
        fn the_length_is_that_of_the_same_time(rate_hz in 4_000..=192_000_u32, n in 1..20_000_usize) {
            let expected = (n as f64 * 16_000.0 / f64::from(rate_hz)).round().max(1.0);
            prop_assert_eq!(StreamResampler::all(&vec![0.5; n], rate_hz).len(), expected as usize);
        }
    }
}
