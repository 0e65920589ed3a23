//! Decodes the bytes of an audio file to 16 kHz mono samples.
//!
//! The bytes may come from anyone. Each of the [`Limits`] is checked before memory is spent.

mod blocks;
mod clock;
mod foreign;
mod kin;
mod limits;
mod media;
mod mono;
mod quicktime;
mod resample;
mod wav;

pub use blocks::Blocks;
pub use limits::Limits;
pub use resample::StreamResampler;
pub use wav::quick_wav_seconds;

use std::{fs::File, io::Read, path::Path};

use crate::{Error, SAMPLE_RATE_HZ, Waveform};
use kin::Kin;
use mono::Mono;

/// Decodes an audio file of any length to 16 kHz mono samples.
///
/// The format is known by its content: WAV (also of ADPCM, MP2 or MP3), RF64, W64, AU, AIFF, CAF, FLAC, MP3, MP2, AAC, MP4,
/// `WebM`, Ogg Vorbis or Opus.
/// Integers are divided by their full scale, floats are clamped to [-1, 1], and channels are mixed by
/// their mean, or one counts where the mean is 10 dB weaker than it. A file that was cut off, or streamed without sizes in
/// its header, gives the samples it has, but for an MP4 file cut off before its table of samples, a CAF file with a codec,
/// and an Ogg file cut off within its first second. MP3 or Ogg files that were joined give those of all.
/// Resampling may overshoot [-1, 1] a little.
///
/// # Errors
/// [`Error::NotAudio`] if `bytes` do not begin as an audio file,
/// [`Error::Foreign`] if they are of a format or codec that is not read, [`Error::CutOff`] if too much of it is missing,
/// [`Error::NoSound`] for a video without sound,
/// [`Error::Wav`] and [`Error::Media`] if they are damaged or in an unknown encoding, [`Error::Empty`] and
/// [`Error::NotFinite`] for the samples. Any other error names the limit that was exceeded.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<f32>, Error> {
    let Mono { samples, rate_hz } = mono(bytes, limits)?;
    if samples.is_empty() {
        return Err(Error::Empty);
    }
    if rate_hz == SAMPLE_RATE_HZ {
        return Ok(samples); // without a copy
    }
    Ok(StreamResampler::all(&samples, rate_hz))
}

/// Reads a file and decodes it with [`decode`].
///
/// # Errors
/// [`Error::Io`] if it cannot be read; else as [`decode`].
pub fn decode_file(path: &Path, limits: &Limits) -> Result<Vec<f32>, Error> {
    decode_from(File::open(path)?, limits)
}

/// Reads a file that is open, or the like, and decodes it with [`decode`].
///
/// # Errors
/// As [`decode_file`].
pub fn decode_from(source: impl Read, limits: &Limits) -> Result<Vec<f32>, Error> {
    let mut bytes = Vec::new();
    // One byte more than allowed is enough for `decode` to refuse it; a device would never end.
    let most = (limits.max_bytes as u64).saturating_add(1);
    source.take(most).read_to_end(&mut bytes)?;
    decode(&bytes, limits)
}

/// Resamples mono samples of `rate_hz` to 16 kHz, once they are known to be within `limits`.
///
/// # Errors
/// As [`Limits::check_rate`] and [`Limits::check_samples`].
pub fn resample(samples: &[f32], rate_hz: f64, limits: &Limits) -> Result<Vec<f32>, Error> {
    let rate_hz = limits.check_rate(rate_hz)?;
    limits.check_samples(samples, rate_hz)?;
    Ok(StreamResampler::all(samples, rate_hz))
}

/// Decodes an audio file to one channel at its own sample rate.
fn mono(bytes: &[u8], limits: &Limits) -> Result<Mono, Error> {
    limits.check_size(bytes.len())?;
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    if let Some(kin) = Kin::find(bytes, bytes.len() as u64)? {
        return kin.decode(kin.samples(bytes), limits);
    }
    media::decode(bytes, limits).map_err(|error| foreign::explain(bytes, error))
}

impl Waveform {
    /// Decodes an audio file with [`decode`] and takes its loudest second.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        Ok(Self::from_samples(&decode(bytes, limits)?))
    }
}
