//! The sample rate of all decoded sound.

/// Samples a second in every [`Waveform`](crate::Waveform).
pub const SAMPLE_RATE_HZ: u32 = 16_000;
/// Samples in a [`Waveform`](crate::Waveform): one second.
pub const N_SAMPLES: usize = SAMPLE_RATE_HZ as usize;
