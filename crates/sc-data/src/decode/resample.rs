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

/// A windowed sinc, interpolated from a table: aligned to less than one sample.
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
