//! Music.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::tones::{advance, fade, overtones};
use crate::augment::span::{Span, times};
use crate::{N_SAMPLES, SAMPLE_RATE_HZ};

/// Notes of a few harmonics, one after another and together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notes {
    /// Number of notes in a second.
    pub count: Span<u32>,
    /// The lowest note.
    pub lowest_hz: f32,
    /// Semitones of a note above the lowest.
    pub semitones: Span<u32>,
    /// Time in which a note rises.
    pub attack_s: Span<f32>,
    /// Time in which a note fades to 1/e.
    #[serde(deserialize_with = "times")]
    pub decay_s: Span<f32>,
    /// Loudness of each harmonic relative to the one below.
    pub brightness: Span<f32>,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            count: Span::new(1, 6),
            lowest_hz: 55.0,
            semitones: Span::new(0, 48),
            attack_s: Span::new(0.005, 0.1),
            decay_s: Span::new(0.05, 0.6),
            brightness: Span::new(0.2, 0.8),
        }
    }
}

impl Notes {
    pub(super) fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut music = vec![0.0; N_SAMPLES];
        for _ in 0..self.count.draw(rng) {
            let start = rng.random_range(0..N_SAMPLES * 3 / 4);
            let pitch_hz = self.lowest_hz * 2.0_f32.powf(self.semitones.draw(rng) as f32 / 12.0);
            let (attack_s, decay_s) = (self.attack_s.draw(rng), self.decay_s.draw(rng));
            let brightness = self.brightness.draw(rng);
            let loudness = [1, 2, 3, 4].map(|k| brightness.powi(k));
            let mut phase = 0.0;
            for ((i, x), envelope) in music[start..].iter_mut().enumerate().zip(fade(decay_s)) {
                let rise = (i as f32 / SAMPLE_RATE_HZ as f32 / attack_s).min(1.0);
                *x += rise * envelope * overtones(phase, &loudness);
                phase = advance(phase, pitch_hz);
            }
        }
        music
    }
}
