//! Limits on the cost of decoding.

use crate::Error;

/// What a recording may cost.
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
        Self { max_bytes: 25 << 20, max_seconds: 60, ..Self::DATASET }
    }
}

impl Limits {
    /// For a data set's recordings. Far above the published noise recordings (95 s, 3 MB); clips of one's own
    /// may be of any format.
    pub const DATASET: Self = Self {
        max_bytes: 64 << 20,
        max_seconds: 600,
        max_channels: 8,
        min_rate_hz: 4_000,
        max_rate_hz: 192_000,
    };

    pub(super) fn check_size(&self, n_bytes: usize) -> Result<(), Error> {
        if n_bytes > self.max_bytes {
            return Err(Error::TooManyBytes { limit: self.max_bytes });
        }
        Ok(())
    }

    /// Refuses what a header announces: no channels, too many, or a rate out of range (0 always is).
    ///
    /// # Errors
    /// [`Error::Channels`] or [`Error::SampleRate`], with what would be right.
    pub fn check_format(&self, channels: u16, rate_hz: u32) -> Result<(), Error> {
        if channels == 0 || channels > self.max_channels {
            return Err(Error::Channels { channels, limit: self.max_channels });
        }
        let min_hz = self.min_rate_hz.max(1);
        let max_hz = self.max_rate_hz;
        if rate_hz < min_hz || rate_hz > max_hz {
            return Err(Error::SampleRate { rate_hz, min_hz, max_hz });
        }
        Ok(())
    }

    /// Refuses samples that are too many, none, or not all finite, as [`decode`] does.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Empty`] or [`Error::NotFinite`].
    pub fn check_samples(&self, samples: &[f32], rate_hz: u32) -> Result<(), Error> {
        if samples.is_empty() {
            return Err(Error::Empty);
        }
        if !samples.iter().all(|sample| sample.is_finite()) {
            return Err(Error::NotFinite);
        }
        self.check_length(samples.len(), rate_hz)
    }

    pub(super) fn check_length(&self, n_frames: usize, rate_hz: u32) -> Result<(), Error> {
        if n_frames as u64 > u64::from(self.max_seconds) * u64::from(rate_hz) {
            return Err(Error::TooLong { limit_s: self.max_seconds });
        }
        Ok(())
    }
}
