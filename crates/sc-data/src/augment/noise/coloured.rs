//! Wind, water, hiss.

use std::f32::consts::TAU;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::tones::sine;
use crate::N_SAMPLES;
use crate::augment::span::{Probability, Span, shares};

/// White noise through first-order filters, swelling slowly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Coloured {
    /// Number of filters.
    pub filters: Span<u32>,
    /// Share of its last output that a filter keeps.
    #[serde(deserialize_with = "shares")]
    pub keep: Span<f32>,
    /// A filter lets pass the high sounds rather than the low ones.
    pub high_pass: Probability,
    /// Swells a second.
    pub swell_hz: Span<f32>,
    /// Depth of a swell, 1 down to silence.
    pub swell_depth: Span<f32>,
}

impl Default for Coloured {
    fn default() -> Self {
        Self {
            filters: Span::new(0, 3),
            keep: Span::new(0.0, 0.99),
            high_pass: Probability::new(0.3),
            swell_hz: Span::new(0.2, 8.0),
            swell_depth: Span::new(0.0, 0.9),
        }
    }
}

impl Coloured {
    pub(super) fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise: Vec<f32> = (0..N_SAMPLES).map(|_| rng.random_range(-1.0..1.0)).collect();
        for _ in 0..self.filters.draw(rng) {
            let (keep, high_pass) = (self.keep.draw(rng), self.high_pass.draw(rng));
            let mut low = 0.0;
            for x in &mut noise {
                low = keep * low + (1.0 - keep) * *x;
                *x = if high_pass { *x - low } else { low };
            }
        }
        let (swell_hz, depth) = (self.swell_hz.draw(rng), self.swell_depth.draw(rng));
        let swell = sine(swell_hz, rng.random_range(0.0..TAU));
        noise.iter_mut().zip(swell).for_each(|(x, swell)| *x *= 1.0 + depth * swell);
        noise
    }
}
