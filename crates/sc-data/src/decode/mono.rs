//! Decoded audio before it is resampled.

/// One channel of samples in [-1, 1], at the sample rate of the file.
pub(super) struct Mono {
    pub samples: Vec<f32>,
    pub rate_hz: u32,
}
