//! Decoded samples before they are resampled.

/// One channel of samples in [-1, 1] at the rate they were recorded with.
pub(super) struct Mono {
    pub samples: Vec<f32>,
    pub rate_hz: u32,
}
