//! One second of sound, the unit the network hears.

use crate::{Error, Limits, decode};

/// Samples a second in every [`Waveform`].
pub const SAMPLE_RATE_HZ: u32 = 16_000;
/// Samples in a [`Waveform`]: one second.
pub const N_SAMPLES: usize = SAMPLE_RATE_HZ as usize;

/// Exactly one second of 16 kHz mono in [-1, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform(Box<[f32]>);

impl Waveform {
    /// One second of digital silence.
    pub fn silence() -> Self {
        Self(vec![0.0; N_SAMPLES].into_boxed_slice())
    }

    /// Cuts 16 kHz mono samples to the loudest second, or pads them to one.
    pub fn from_samples(samples: &[f32]) -> Self {
        todo!("{}", samples.len())
    }

    /// Decodes any recording [`decode`] understands and takes its loudest second.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        Ok(Self::from_samples(&decode(bytes, limits)?))
    }

    /// The samples, [`N_SAMPLES`] of them.
    pub fn samples(&self) -> &[f32] {
        &self.0
    }

    /// The samples, to be changed in place (augmentation).
    pub fn samples_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}
