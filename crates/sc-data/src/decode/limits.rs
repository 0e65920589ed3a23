//! Limits on the cost of decoding.

use serde::Serialize;

use crate::Error;

/// A sample beyond it was never divided by its full scale: 24 dB above, where no microphone or filter reaches.
pub(super) const MAX_PEAK: f32 = 16.0;

/// Returns the first `len` bytes, or all if there are fewer.
pub(super) fn first(bytes: &[u8], len: u64) -> &[u8] {
    usize::try_from(len).ok().and_then(|len| bytes.get(..len)).unwrap_or(bytes)
}

/// Limits on an audio file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Largest size of the file, in bytes.
    pub max_bytes: usize,
    /// Greatest length of the audio, in seconds. Of any file but WAV, W64, AU and CAF, a fifth of a second more
    /// is cut off, as codecs pad.
    pub max_seconds: u32,
    /// Most channels. They are mixed to one: see [`decode`](crate::decode).
    pub max_channels: u16,
    /// Lowest sample rate, in Hz.
    pub min_rate_hz: u32,
    /// Highest sample rate, in Hz.
    pub max_rate_hz: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 25 << 20, max_seconds: 60, ..Self::DATASET }
    }
}

impl Limits {
    /// Limits on the files of a data set. They are far above the published noise files (95 s, 3 MB), as one's
    /// own clips may have any format.
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

    /// Refuses a header with no channels, with too many, or with a sample rate out of range. A rate of 0 is
    /// always refused.
    ///
    /// # Errors
    /// [`Error::Channels`] or [`Error::SampleRate`], each with the range that is accepted.
    pub fn check_format(&self, channels: u16, rate_hz: u32) -> Result<(), Error> {
        if channels == 0 || channels > self.max_channels {
            return Err(Error::Channels { channels, limit: self.max_channels });
        }
        self.check_rate(rate_hz.into())?;
        Ok(())
    }

    /// Returns a sample rate that is within the limits, without its fraction of a hertz.
    ///
    /// # Errors
    /// [`Error::SampleRate`], with the range that is accepted.
    pub fn check_rate(&self, rate_hz: f64) -> Result<u32, Error> {
        let (min_hz, max_hz) = (self.min_rate_hz.max(1), self.max_rate_hz);
        // Not a number is in no range.
        if !(f64::from(min_hz)..=f64::from(max_hz)).contains(&rate_hz) {
            return Err(Error::SampleRate { rate_hz, min_hz, max_hz });
        }
        Ok(rate_hz as u32)
    }

    /// Refuses too many samples, no samples and samples that are not finite, as [`decode`](super::decode) does, and
    /// samples at the scale of integers, which no file has once it is decoded.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Empty`], [`Error::NotFinite`] or [`Error::NotScaled`].
    pub fn check_samples(&self, samples: &[f32], rate_hz: u32) -> Result<(), Error> {
        if samples.is_empty() {
            return Err(Error::Empty);
        }
        if !samples.iter().all(|sample| sample.is_finite()) {
            return Err(Error::NotFinite);
        }
        let peak = samples.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
        if peak > MAX_PEAK {
            return Err(Error::NotScaled { peak });
        }
        self.check_length(samples.len(), rate_hz)
    }

    pub(super) fn check_length(&self, n_frames: usize, rate_hz: u32) -> Result<(), Error> {
        if n_frames > self.max_frames(rate_hz) {
            return Err(Error::TooLong { limit_s: self.max_seconds });
        }
        Ok(())
    }

    pub(super) fn max_frames(&self, rate_hz: u32) -> usize {
        usize::try_from(u64::from(self.max_seconds) * u64::from(rate_hz)).unwrap_or(usize::MAX)
    }
}
