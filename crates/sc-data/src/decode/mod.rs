//! Any recording's bytes to 16 kHz mono samples.

use crate::Error;

/// What a recording may cost: checked while it is decoded, before memory is spent on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the file.
    pub max_bytes: usize,
    /// Length of the recording.
    pub max_seconds: u32,
    /// Channels, mixed to one by their mean.
    pub max_channels: u16,
    /// Lowest sample rate.
    pub min_rate_hz: u32,
    /// Highest sample rate.
    pub max_rate_hz: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 25 << 20, max_seconds: 60, max_channels: 8, min_rate_hz: 4_000, max_rate_hz: 192_000 }
    }
}

/// Decodes a recording to 16 kHz mono samples in [-1, 1], of whatever length it has.
///
/// # Errors
/// [`Error`] says what was wrong with `bytes`, or which of `limits` they exceed.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<f32>, Error> {
    todo!("{} {limits:?}", bytes.len())
}
