//! Disturbances that leave a word what it is: shifts in time, noise behind it, gaps in what is heard.
//!
//! Each draws from the `Rng` it is given, so a seed repeats it.

use rand::{Rng, RngExt};

use crate::Waveform;

/// Moves a sound by up to `most` samples either way; what enters is silence.
pub fn time_shift(waveform: &mut Waveform, most: usize, rng: &mut impl Rng) {
    let by = rng.random_range(0..=2 * most).min(2 * waveform.samples().len());
    let samples = waveform.samples_mut();
    let n_samples = samples.len();
    if by >= most {
        let later = (by - most).min(n_samples);
        samples.copy_within(..n_samples - later, later);
        samples[..later].fill(0.0);
    } else {
        let earlier = (most - by).min(n_samples);
        samples.copy_within(earlier.., 0);
        samples[n_samples - earlier..].fill(0.0);
    }
}

/// Adds `noise` at a signal-to-noise ratio drawn from `snr_db`; nothing, if either is silent.
pub fn add_noise(
    waveform: &mut Waveform,
    noise: &Waveform,
    snr_db: std::ops::Range<f32>,
    rng: &mut impl Rng,
) {
    let ratio = 10.0_f32.powf(-rng.random_range(snr_db) / 10.0);
    let gain = (power(waveform) / power(noise) * ratio).sqrt();
    if gain.is_finite() {
        let samples = waveform.samples_mut().iter_mut();
        samples.zip(noise.samples()).for_each(|(sample, noise)| *sample += gain * noise);
    }
}

fn power(waveform: &Waveform) -> f32 {
    waveform.samples().iter().map(|sample| sample * sample).sum()
}

/// Hides stripes of a spectrogram, so that no single moment or band decides
/// (Park et al., arXiv:1904.08779).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecAugment {
    /// Stripes along time, and the most frames each hides.
    pub time_masks: usize,
    /// See `time_masks`.
    pub max_frames: usize,
    /// Stripes along frequency, and the most bands each hides.
    pub frequency_masks: usize,
    /// See `frequency_masks`.
    pub max_bands: usize,
}

impl Default for SpecAugment {
    /// As in BC-ResNet and KWT (arXiv:2106.04140, arXiv:2104.00769), with time masks of 200 ms.
    fn default() -> Self {
        Self { time_masks: 2, max_frames: 20, frequency_masks: 2, max_bands: 7 }
    }
}

impl SpecAugment {
    /// Fills stripes of `features`, `[n_frames, n_mels]`, with their mean.
    pub fn apply(&self, features: &mut [f32], n_mels: usize, rng: &mut impl Rng) {
        let n_frames = features.len() / n_mels;
        let mean = features.iter().sum::<f32>() / features.len() as f32;
        for _ in 0..self.time_masks {
            let frames = stripe(n_frames, self.max_frames, rng);
            features[frames.start * n_mels..frames.end * n_mels].fill(mean);
        }
        for _ in 0..self.frequency_masks {
            let bands = stripe(n_mels, self.max_bands, rng);
            features.chunks_exact_mut(n_mels).for_each(|frame| frame[bands.clone()].fill(mean));
        }
    }
}

/// A stripe of none to `most` of `size`, anywhere.
fn stripe(size: usize, most: usize, rng: &mut impl Rng) -> std::ops::Range<usize> {
    let width = rng.random_range(0..=most.min(size));
    let start = rng.random_range(0..=size - width);
    start..start + width
}
