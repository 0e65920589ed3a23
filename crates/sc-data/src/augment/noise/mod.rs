//! Made-up noises of many kinds: a network that has heard six recordings of noise takes the next for a command.
//!
//! Every range is a setting. The defaults are those of the shipped model's runs, see `assets/RUNS.md`.

mod clicks;
mod coloured;
mod cries;
mod drums;
mod glides;
mod hum;
mod notes;
mod tones;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::span::{Probability, Span, choose};
use crate::{N_SAMPLES, SAMPLE_RATE_HZ, Waveform};

pub use clicks::Clicks;
pub use coloured::Coloured;
pub use cries::Cries;
pub use drums::Drums;
pub use glides::Glides;
pub use hum::Hum;
pub use notes::Notes;

/// The kinds of made-up noise, how often each is drawn, and their ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseRecipe {
    /// Weights of the kinds.
    pub weights: NoiseWeights,
    /// A noise is as if from an overdriven input.
    pub overdriven: Probability,
    /// Gain before the input clips.
    pub overdrive: Span<f32>,
    /// Wind, water, hiss.
    pub coloured: Coloured,
    /// Motors and the mains.
    pub hum: Hum,
    /// Knocks, keys and dishes.
    pub clicks: Clicks,
    /// Music.
    pub notes: Notes,
    /// Sirens, birds and whistles.
    pub glides: Glides,
    /// Doors, footsteps and drums.
    pub drums: Drums,
    /// Animals, creaks and gusts.
    pub cries: Cries,
}

/// Weights of the kinds of noise: a kind of weight 2 is drawn twice as often as one of weight 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseWeights {
    /// [`Coloured`].
    pub coloured: u32,
    /// [`Hum`].
    pub hum: u32,
    /// [`Clicks`].
    pub clicks: u32,
    /// [`Notes`].
    pub notes: u32,
    /// [`Glides`]: more often, as the most like speech, whose resonances glide too.
    pub glides: u32,
    /// [`Drums`].
    pub drums: u32,
    /// [`Cries`].
    pub cries: u32,
    /// [`Notes`] and [`Drums`] together.
    pub notes_and_drums: u32,
    /// [`Coloured`] and [`Hum`] together.
    pub coloured_and_hum: u32,
}

impl Default for NoiseRecipe {
    fn default() -> Self {
        Self {
            weights: NoiseWeights::default(),
            overdriven: Probability::new(0.1),
            overdrive: Span::new(2.0, 10.0),
            coloured: Coloured::default(),
            hum: Hum::default(),
            clicks: Clicks::default(),
            notes: Notes::default(),
            glides: Glides::default(),
            drums: Drums::default(),
            cries: Cries::default(),
        }
    }
}

impl Default for NoiseWeights {
    fn default() -> Self {
        Self {
            coloured: 1,
            hum: 1,
            clicks: 1,
            notes: 1,
            glides: 2,
            drums: 1,
            cries: 1,
            notes_and_drums: 1,
            coloured_and_hum: 1,
        }
    }
}

/// Makes a second of one kind of noise.
type Make<R> = fn(&NoiseRecipe, &mut R) -> Vec<f32>;

impl NoiseWeights {
    fn kinds<R: Rng>(&self) -> [(u32, Make<R>); 9] {
        let Self { coloured, hum, clicks, notes, glides, drums, cries, notes_and_drums, coloured_and_hum } =
            *self;
        [
            (coloured, |of, rng| of.coloured.make(rng)),
            (hum, |of, rng| of.hum.make(rng)),
            (clicks, |of, rng| of.clicks.make(rng)),
            (notes, |of, rng| of.notes.make(rng)),
            (glides, |of, rng| of.glides.make(rng)),
            (drums, |of, rng| of.drums.make(rng)),
            (cries, |of, rng| of.cries.make(rng)),
            (notes_and_drums, |of, rng| both(of.notes.make(rng), of.drums.make(rng))),
            (coloured_and_hum, |of, rng| both(of.coloured.make(rng), of.hum.make(rng))),
        ]
    }
}

impl NoiseRecipe {
    /// Makes a second of noise, with its loudest sample at full scale.
    pub fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let make = choose(&self.weights.kinds(), rng);
        let mut noise = make(self, rng);
        scale_to_peak(&mut noise, 1.0);
        if self.overdriven.draw(rng) {
            let drive = self.overdrive.draw(rng);
            for x in &mut noise {
                *x = (*x * drive).clamp(-1.0, 1.0);
            }
        }
        noise
    }
}

/// Two noises at once.
fn both(a: Vec<f32>, b: Vec<f32>) -> Vec<f32> {
    a.into_iter().zip(b).map(|(a, b)| a + b).collect()
}

/// A second of pink noise: as much power in every octave, by Paul Kellet's filter (musicdsp.org, 1999).
pub(crate) fn pink_noise(rng: &mut impl Rng) -> Waveform {
    let mut sums = [0.0_f32; 3];
    let samples: Vec<f32> = (0..N_SAMPLES)
        .map(|_| {
            let white = rng.random_range(-0.1..0.1_f32);
            for (sum, [keep, gain]) in
                sums.iter_mut().zip([[0.997_65, 0.099_046], [0.963, 0.296_516_4], [0.57, 1.052_691_3]])
            {
                *sum = keep * *sum + gain * white;
            }
            sums.iter().sum::<f32>() + 0.184_8 * white
        })
        .collect();
    Waveform::from_samples(&samples)
}

/// A length in samples, of one to a second's.
fn draw_len(seconds: Span<f32>, rng: &mut impl Rng) -> usize {
    let [low, high] = <[f32; 2]>::from(seconds)
        .map(|seconds| ((seconds * SAMPLE_RATE_HZ as f32).round() as usize).clamp(1, N_SAMPLES));
    if low < high { rng.random_range(low..high) } else { low }
}

fn scale_to_peak(sound: &mut [f32], peak: f32) {
    let loudest = sound.iter().fold(1e-9_f32, |loudest, x| loudest.max(x.abs()));
    for x in sound {
        *x *= peak / loudest;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn pink_noise_has_as_much_power_in_every_octave() {
        let noise = pink_noise(&mut ChaCha8Rng::seed_from_u64(1));
        // The power of a mean over `n` samples is that of the octaves below 8 kHz / n, about.
        let power = |n: usize| -> f32 {
            let means = noise.samples().chunks_exact(n).map(|part| part.iter().sum::<f32>() / n as f32);
            means.map(|mean| mean * mean).sum::<f32>() / (N_SAMPLES / n) as f32
        };
        let octaves = [1, 2, 4, 8, 16, 32].map(power);
        for pair in octaves.windows(2) {
            assert!((1.0..1.6).contains(&(pair[0] / pair[1])), "{octaves:?}");
        }
    }

    #[test]
    fn every_noise_is_a_second_of_numbers_within_full_scale() {
        let recipe = NoiseRecipe::default();
        for seed in 0..200 {
            let noise = recipe.make(&mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!(noise.len(), N_SAMPLES);
            assert!(noise.iter().all(|x| x.abs() <= 1.0 + 1e-6), "seed {seed}");
            assert!(noise.iter().any(|x| x.abs() > 0.9), "seed {seed} is silent");
        }
    }
}
