//! Sirens, birds and whistles.

use std::f32::consts::TAU;

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::draw_len;
use super::tones::{advance, overtones, sine};
use crate::augment::span::Span;
use crate::{N_SAMPLES, SAMPLE_RATE_HZ};

/// Tones that glide and waver, a long one or many short ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Glides {
    /// Numbers of tones to choose from; a lone one lasts the whole second.
    pub counts: Vec<u32>,
    /// Length of one of several.
    pub length_s: Span<f32>,
    /// Distance that a tone glides.
    pub octaves: Span<f32>,
    /// The lowest beginning.
    pub lowest_hz: f32,
    /// Octaves of a tone's beginning above the lowest.
    pub begin_octaves: Span<f32>,
    /// Swings of the pitch a second.
    pub waver_hz: Span<f32>,
    /// Root of the swing of the pitch, as a share of it.
    pub waver_root: Span<f32>,
    /// Power of a harmonic's number by which it is softer.
    pub fading: Span<f32>,
    /// Number of harmonics.
    pub harmonics: Span<u32>,
    /// Loudness of a tone.
    pub loudness: Span<f32>,
}

impl Default for Glides {
    fn default() -> Self {
        Self {
            counts: vec![1, 1, 2, 4, 8, 16],
            length_s: Span::new(0.02, 0.5),
            octaves: Span::new(-2.0, 2.0),
            lowest_hz: 150.0,
            begin_octaves: Span::new(0.0, 5.0),
            waver_hz: Span::new(0.1, 40.0),
            waver_root: Span::new(0.0, 0.6),
            fading: Span::new(0.2, 3.0),
            harmonics: Span::new(1, 8),
            loudness: Span::new(0.2, 1.0),
        }
    }
}

impl Glides {
    pub(super) fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise = vec![0.0; N_SAMPLES];
        let count = *self.counts.choose(rng).unwrap_or(&1);
        for _ in 0..count {
            let len = if count == 1 { N_SAMPLES } else { draw_len(self.length_s, rng) };
            let start = rng.random_range(0..=N_SAMPLES - len);
            self.add(&mut noise[start..start + len], count == 1, rng);
        }
        noise
    }

    /// Adds one tone; a lone one is as loud throughout, one of several swells and fades.
    fn add(&self, noise: &mut [f32], is_alone: bool, rng: &mut impl Rng) {
        let len = noise.len();
        let octaves = self.octaves.draw(rng);
        let mut pitch_hz = self.lowest_hz * 2.0_f32.powf(self.begin_octaves.draw(rng));
        let rise = 2.0_f32.powf(octaves / len as f32);
        let (waver_hz, waver) = (self.waver_hz.draw(rng), self.waver_root.draw(rng).powi(2));
        let fading = self.fading.draw(rng);
        let n_harmonics = self.harmonics.draw(rng);
        let loudness = self.loudness.draw(rng);
        let harmonics: Vec<f32> = (1..=n_harmonics).map(|k| loudness / (k as f32).powf(fading)).collect();
        let swings = sine(waver_hz, rng.random_range(0.0..TAU));
        let fading_hz = SAMPLE_RATE_HZ as f32 / (2 * len) as f32;
        let envelope = if is_alone { sine(0.0, TAU / 4.0) } else { sine(fading_hz, 0.0) };
        let mut phase = 0.0;
        for ((x, swing), envelope) in noise.iter_mut().zip(swings).zip(envelope) {
            let hz = pitch_hz * (1.0 + waver * swing);
            pitch_hz *= rise;
            phase = advance(phase, hz);
            // Harmonics above half of the sample rate would come back as other tones.
            let n_heard = (7_500.0 / hz) as usize;
            *x += envelope * overtones(phase, &harmonics[..n_heard.min(harmonics.len())]);
        }
    }
}
