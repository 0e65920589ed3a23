//! Filters of second order.

use std::f32::consts::TAU;

use crate::SAMPLE_RATE_HZ;

/// A second-order section, high-pass or low-pass (Bristow-Johnson, Cookbook formulae for audio EQ).
pub(crate) struct Section {
    b: [f32; 2],
    a: [f32; 2],
    state: [f32; 2],
}

impl Section {
    /// Passes what is above `hz`.
    pub(crate) fn high_pass(hz: f32, quality: f32) -> Self {
        Self::new(hz, quality, true)
    }

    /// Passes what is below `hz`.
    pub(crate) fn low_pass(hz: f32, quality: f32) -> Self {
        Self::new(hz, quality, false)
    }

    fn new(hz: f32, quality: f32, is_high_pass: bool) -> Self {
        let (sin, cos) = (TAU * hz / SAMPLE_RATE_HZ as f32).sin_cos();
        let alpha = sin / (2.0 * quality);
        let side = if is_high_pass { 1.0 + cos } else { 1.0 - cos };
        let middle = if is_high_pass { -side } else { side };
        let scale = 1.0 / (1.0 + alpha);
        Self {
            b: [side / 2.0 * scale, middle * scale],
            a: [-2.0 * cos * scale, (1.0 - alpha) * scale],
            state: [0.0; 2],
        }
    }

    /// Returns what comes out for the next sample.
    pub(crate) fn pass(&mut self, x: f32) -> f32 {
        let Self { b: [b0, b1], a: [a1, a2], state: [s1, s2] } = self;
        let y = *b0 * x + *s1;
        *s1 = *b1 * x - *a1 * y + *s2;
        *s2 = *b0 * x - *a2 * y;
        y
    }
}
