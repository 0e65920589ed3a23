//! Augmentations: what happens to a word on its way to a microphone, and sounds that are no word.
//!
//! Training draws from these, and evaluation applies them one by one. Each draws from the `Rng` it is given, so that
//! a seed repeats it.

mod noise;
mod room;
mod span;
mod speech;
mod stretch;
mod telephone;

use std::ops::Range;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::Waveform;

pub(crate) use noise::pink_noise;
pub use noise::{Clicks, Coloured, Cries, Drums, Glides, Hum, NoiseRecipe, NoiseWeights, Notes};
pub use room::Room;
pub use span::{Number, Probability, Span, choose, times};
pub use speech::{Neighbour, Splice, crop, shuffle_thirds, spoken};
pub use stretch::{pitch, speed, tempo};
pub use telephone::telephone;

/// Moves a sound by up to `most` samples either way; what enters is silence.
pub fn time_shift(waveform: &mut Waveform, most: usize, rng: &mut impl Rng) {
    let by = rng.random_range(0..=most) as isize;
    shift(waveform, if rng.random() { by } else { -by });
}

/// Moves a sound to `by` samples later, or earlier if negative; what enters is silence.
pub(crate) fn shift(waveform: &mut Waveform, by: isize) {
    let samples = waveform.samples_mut();
    let n_entering = by.unsigned_abs().min(samples.len());
    let n_left = samples.len() - n_entering;
    if by < 0 {
        samples.copy_within(n_entering.., 0);
        samples[n_left..].fill(0.0);
    } else {
        samples.copy_within(..n_left, n_entering);
        samples[..n_entering].fill(0.0);
    }
}

/// Adds another sound at a signal-to-noise ratio, clipped to [-1, 1]; nothing, if either is silent.
pub fn mix(waveform: &mut Waveform, other: &Waveform, snr_db: f32) {
    add(waveform, other, gain(waveform.energy(), other, snr_db));
}

/// Returns what the samples of `other` are multiplied by for a signal-to-noise ratio to a signal of this energy.
pub(crate) fn gain(energy: f32, other: &Waveform, snr_db: f32) -> f32 {
    let power_ratio = 10.0_f32.powf(-snr_db / 10.0);
    (energy / other.energy() * power_ratio).sqrt()
}

/// Adds another sound times `gain`, clipped to [-1, 1]; nothing, if `gain` is not finite.
pub(crate) fn add(waveform: &mut Waveform, other: &Waveform, gain: f32) {
    if !gain.is_finite() {
        return;
    }
    for (sample, other) in waveform.samples_mut().iter_mut().zip(other.samples()) {
        *sample = (*sample + gain * other).clamp(-1.0, 1.0);
    }
}

/// Hides stripes of a spectrogram, so that no single moment or band decides
/// (Park et al., arXiv:1904.08779).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpecAugment {
    /// Number of time masks.
    pub time_masks: usize,
    /// Most frames that each of them hides.
    pub max_frames: usize,
    /// Number of frequency masks.
    pub frequency_masks: usize,
    /// Most bands that each of them hides.
    pub max_bands: usize,
}

impl Default for SpecAugment {
    /// The masks of BC-ResNet and KWT (arXiv:2106.04140, arXiv:2104.00769), with time masks of 200 ms.
    fn default() -> Self {
        Self { time_masks: 2, max_frames: 20, frequency_masks: 2, max_bands: 7 }
    }
}

impl SpecAugment {
    /// Fills stripes of `features`, `[n_frames, n_mels]`, with their mean. The mean is neither loud nor
    /// silent, so that the network cannot learn to find the edges.
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

/// Draws a stripe of 0 to `most` rows out of `size`, at any position.
fn stripe(size: usize, most: usize, rng: &mut impl Rng) -> Range<usize> {
    let width = rng.random_range(0..=most.min(size));
    let start = rng.random_range(0..=size - width);
    start..start + width
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "samples are moved and replaced, not computed")]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::waveform::tone;

    #[test]
    fn a_shift_moves_an_impulse_and_fills_with_silence() {
        for seed in 0..50 {
            let mut waveform = Waveform::silence();
            waveform.samples_mut()[8_000] = 1.0;
            time_shift(&mut waveform, 1_600, &mut ChaCha8Rng::seed_from_u64(seed));
            let position = waveform.samples().iter().position(|&sample| sample == 1.0).unwrap();
            assert!((6_400..=9_600).contains(&position), "seed {seed}: {position}");
            assert_eq!(waveform.samples().iter().sum::<f32>(), 1.0, "seed {seed}");
        }
    }

    #[test]
    fn noise_is_added_at_the_ratio_asked_for() {
        let (signal, noise) = (tone(440.0, 0.25), tone(1_000.0, 0.01));
        let mut added = signal.clone();
        mix(&mut added, &noise, 10.0);
        added.samples_mut().iter_mut().zip(signal.samples()).for_each(|(sum, signal)| *sum -= signal);
        let snr_db = 10.0 * (signal.energy() / added.energy()).log10();
        assert!((snr_db - 10.0).abs() < 0.01, "{snr_db} dB");
    }

    #[test]
    fn silence_neither_drowns_in_noise_nor_disturbs() {
        let mut waveform = Waveform::silence();
        mix(&mut waveform, &Waveform::silence(), 10.0);
        mix(&mut waveform, &tone(440.0, 0.5), 10.0);
        assert_eq!(waveform, Waveform::silence());
        let mut waveform = tone(440.0, 0.5);
        mix(&mut waveform, &Waveform::silence(), 10.0);
        assert_eq!(waveform, tone(440.0, 0.5));
    }

    proptest! {
        #[test]
        fn no_more_is_hidden_than_the_masks_allow(seed: u64) {
            let mut features: Vec<f32> = (0..101 * 40).map(|i| i as f32).collect();
            SpecAugment::default().apply(&mut features, 40, &mut ChaCha8Rng::seed_from_u64(seed));
            let rows = features.chunks_exact(40).filter(|row| row.iter().all(|value| *value == row[0])).count();
            prop_assert!(rows <= 2 * 20, "{rows} frames");
            let changed = features.iter().enumerate().filter(|&(i, &value)| value != i as f32).count();
            prop_assert!(changed <= 2 * 20 * 40 + 2 * 7 * 101, "{changed} values");
        }

        #[test]
        fn any_masks_fit_any_features(
            seed: u64, masks in 0..4_usize, most in 0..300_usize, n_frames in 0..50_usize, n_mels in 1..50_usize
        ) {
            let masks = SpecAugment { time_masks: masks, max_frames: most, frequency_masks: masks, max_bands: most };
            masks.apply(&mut vec![1.0; n_frames * n_mels], n_mels, &mut ChaCha8Rng::seed_from_u64(seed));
        }
    }
}
