//! Motors and the mains.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::tones::{advance, overtones, sine};
use crate::N_SAMPLES;
use crate::augment::span::Span;

/// A tone with harmonics, a little unsteady.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hum {
    /// Fundamental frequency.
    pub pitch_hz: Span<f32>,
    /// Swings of the pitch a second.
    pub wobble_hz: Span<f32>,
    /// Swing of the pitch, as a share of it.
    pub wobble: Span<f32>,
    /// Number of harmonics.
    pub harmonics: u32,
    /// Loudness of each harmonic, divided by its number.
    pub harmonic: Span<f32>,
}

impl Default for Hum {
    fn default() -> Self {
        Self {
            pitch_hz: Span::new(40.0, 500.0),
            wobble_hz: Span::new(0.1, 6.0),
            wobble: Span::new(0.0, 0.05),
            harmonics: 8,
            harmonic: Span::new(0.0, 1.0),
        }
    }
}

impl Hum {
    pub(super) fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let pitch_hz = self.pitch_hz.draw(rng);
        let (wobble_hz, wobble) = (self.wobble_hz.draw(rng), self.wobble.draw(rng));
        let harmonics: Vec<f32> = (1..=self.harmonics).map(|k| self.harmonic.draw(rng) / k as f32).collect();
        let mut phase = 0.0;
        let sample = |swing: f32| {
            phase = advance(phase, pitch_hz * (1.0 + wobble * swing));
            overtones(phase, &harmonics)
        };
        sine(wobble_hz, 0.0).take(N_SAMPLES).map(sample).collect()
    }
}
