//! Doors, footsteps and drums.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::tones::{advance, fade};
use crate::augment::span::{Probability, Span, shares, times};
use crate::{N_SAMPLES, SAMPLE_RATE_HZ};

/// A falling tone and a burst of filtered noise, in any shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drums {
    /// Number of beats in a second.
    pub count: Span<u32>,
    /// Frequency at which the tone begins.
    pub pitch_hz: Span<f32>,
    /// Frequency to which the tone falls.
    pub lowest_hz: Span<f32>,
    /// Time in which the tone falls.
    #[serde(deserialize_with = "times")]
    pub fall_s: Span<f32>,
    /// Share of its last output that the noise's filter keeps.
    #[serde(deserialize_with = "shares")]
    pub keep: Span<f32>,
    /// The filter lets pass the high sounds rather than the low ones.
    pub high_pass: Probability,
    /// Time in which a beat fades to 1/e.
    #[serde(deserialize_with = "times")]
    pub decay_s: Span<f32>,
    /// Loudness of a beat.
    pub loudness: Span<f32>,
    /// Share of the noise in a beat.
    pub hiss: Span<f32>,
}

impl Default for Drums {
    fn default() -> Self {
        Self {
            count: Span::new(1, 8),
            pitch_hz: Span::new(60.0, 600.0),
            lowest_hz: Span::new(30.0, 120.0),
            fall_s: Span::new(0.005, 0.1),
            keep: Span::new(0.0, 0.97),
            high_pass: Probability::new(0.4),
            decay_s: Span::new(0.02, 0.25),
            loudness: Span::new(0.1, 1.0),
            hiss: Span::new(0.0, 1.0),
        }
    }
}

impl Drums {
    pub(super) fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise = vec![0.0; N_SAMPLES];
        for _ in 0..self.count.draw(rng) {
            let start = rng.random_range(0..N_SAMPLES);
            let (mut pitch_hz, lowest_hz) = (self.pitch_hz.draw(rng), self.lowest_hz.draw(rng));
            let fall = 1.0 - 1.0 / (self.fall_s.draw(rng) * SAMPLE_RATE_HZ as f32);
            let (keep, high_pass) = (self.keep.draw(rng), self.high_pass.draw(rng));
            let (decay_s, loudness, hiss) =
                (self.decay_s.draw(rng), self.loudness.draw(rng), self.hiss.draw(rng));
            let (mut phase, mut low) = (0.0_f32, 0.0);
            for (x, envelope) in noise[start..].iter_mut().zip(fade(decay_s)) {
                let grain: f32 = rng.random_range(-1.0..1.0);
                low = keep * low + (1.0 - keep) * grain;
                let burst = if high_pass { grain - low } else { low / (1.0 - keep).sqrt() };
                *x += loudness * envelope * (hiss * burst + (1.0 - hiss) * phase.sin());
                pitch_hz = lowest_hz + (pitch_hz - lowest_hz) * fall;
                phase = advance(phase, pitch_hz);
            }
        }
        noise
    }
}
