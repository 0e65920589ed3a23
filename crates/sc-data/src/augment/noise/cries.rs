//! Animals, creaks and gusts.

use std::f32::consts::TAU;

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::tones::{advance, sine};
use super::{draw_len, scale_to_peak};
use crate::augment::span::{Span, shares};
use crate::{N_SAMPLES, SAMPLE_RATE_HZ};

/// A buzz, a hiss or both through three resonances that move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cries {
    /// Number of cries in a second.
    pub count: Span<u32>,
    /// Length of a cry.
    pub length_s: Span<f32>,
    /// Distance that the pitch glides.
    pub octaves: Span<f32>,
    /// The lowest pitch.
    pub lowest_hz: f32,
    /// Octaves of a cry's pitch above the lowest.
    pub begin_octaves: Span<f32>,
    /// Shares of hiss to choose from.
    pub hiss: Vec<f32>,
    /// Frequencies at which each resonance begins and ends.
    pub resonances_hz: [Span<f32>; 3],
    /// Sharpness of a resonance: the radius of its pole.
    #[serde(deserialize_with = "shares")]
    pub radius: Span<f32>,
    /// Loudness of a cry.
    pub loudness: Span<f32>,
}

impl Default for Cries {
    fn default() -> Self {
        Self {
            count: Span::new(1, 5),
            length_s: Span::new(0.05, 1.0),
            octaves: Span::new(-1.0, 1.0),
            lowest_hz: 50.0,
            begin_octaves: Span::new(0.0, 4.5),
            hiss: vec![0.0, 0.1, 0.5, 1.0],
            resonances_hz: [
                Span::new(200.0, 1_200.0),
                Span::new(600.0, 3_000.0),
                Span::new(1_500.0, 6_000.0),
            ],
            radius: Span::new(0.93, 0.99),
            loudness: Span::new(0.2, 1.0),
        }
    }
}

impl Cries {
    pub(super) fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise = vec![0.0; N_SAMPLES];
        for _ in 0..self.count.draw(rng) {
            let len = draw_len(self.length_s, rng);
            let start = rng.random_range(0..=N_SAMPLES - len);
            let mut cry = self.source(len, rng);
            for hz in &self.resonances_hz {
                let (from_hz, to_hz) = (hz.draw(rng), hz.draw(rng));
                resonate(&mut cry, from_hz, to_hz, self.radius.draw(rng));
            }
            scale_to_peak(&mut cry, self.loudness.draw(rng));
            let envelope = sine(SAMPLE_RATE_HZ as f32 / (2 * len) as f32, 0.0);
            for ((x, cry), envelope) in noise[start..start + len].iter_mut().zip(cry).zip(envelope) {
                *x += envelope * cry;
            }
        }
        noise
    }

    /// A buzz and a hiss, before any resonance.
    fn source(&self, len: usize, rng: &mut impl Rng) -> Vec<f32> {
        let octaves = self.octaves.draw(rng);
        let mut pitch_hz = self.lowest_hz * 2.0_f32.powf(self.begin_octaves.draw(rng));
        let rise = 2.0_f32.powf(octaves / len as f32);
        let hiss = *self.hiss.choose(rng).unwrap_or(&0.0);
        let mut phase = 0.0;
        let mut sample = || {
            pitch_hz *= rise;
            phase = advance(phase, pitch_hz);
            hiss * rng.random_range(-1.0..1.0) + (1.0 - hiss) * (phase / TAU - 0.5)
        };
        (0..len).map(|_| sample()).collect()
    }
}

/// Adds to a sound its resonance, which moves from one frequency to another.
fn resonate(sound: &mut [f32], from_hz: f32, to_hz: f32, radius: f32) {
    /// Samples for which a resonance stays as it is: 5 ms.
    const STEP: usize = SAMPLE_RATE_HZ as usize / 200;
    let len = sound.len() as f32;
    let (mut last, mut before) = (0.0, 0.0);
    for (step, part) in sound.chunks_mut(STEP).enumerate() {
        let share = (step * STEP) as f32 / len;
        let turn = TAU * (from_hz + share * (to_hz - from_hz)) / SAMPLE_RATE_HZ as f32;
        let (feedback, decay) = (2.0 * radius * turn.cos(), radius * radius);
        for x in part {
            let resonant = *x + feedback * last - decay * before;
            (before, last) = (last, resonant);
            *x += (1.0 - radius) * resonant;
        }
    }
}
