//! Knocks, keys and dishes.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::tones::{fade, sine};
use crate::N_SAMPLES;
use crate::augment::span::{Span, times};

/// Short decaying tones at random moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clicks {
    /// Number of clicks in a second.
    pub count: Span<u32>,
    /// Frequency of a click's tone.
    pub pitch_hz: Span<f32>,
    /// Time in which a click fades to 1/e.
    #[serde(deserialize_with = "times")]
    pub decay_s: Span<f32>,
    /// Loudness of a click.
    pub loudness: Span<f32>,
    /// Noise in a click.
    pub grain: Span<f32>,
}

impl Default for Clicks {
    fn default() -> Self {
        Self {
            count: Span::new(1, 12),
            pitch_hz: Span::new(100.0, 6_000.0),
            decay_s: Span::new(0.002, 0.06),
            loudness: Span::new(0.1, 1.0),
            grain: Span::new(-0.5, 0.5),
        }
    }
}

impl Clicks {
    pub(super) fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise = vec![0.0; N_SAMPLES];
        for _ in 0..self.count.draw(rng) {
            let (start, pitch_hz) = (rng.random_range(0..N_SAMPLES), self.pitch_hz.draw(rng));
            let (decay_s, loudness) = (self.decay_s.draw(rng), self.loudness.draw(rng));
            let samples = noise[start..].iter_mut().zip(fade(decay_s)).zip(sine(pitch_hz, 0.0));
            for ((x, envelope), tone) in samples {
                *x += loudness * envelope * (tone + self.grain.draw(rng));
            }
        }
        noise
    }
}
