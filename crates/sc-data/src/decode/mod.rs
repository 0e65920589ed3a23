//! Any recording's bytes to 16 kHz mono samples.
//!
//! What a recording costs is bounded by [`Limits`], each checked before memory is spent on it: the
//! bytes may come from anyone.

mod limits;
mod media;
mod mono;
mod resample;
mod wav;

pub use limits::Limits;
pub use resample::StreamResampler;

use crate::{Error, SAMPLE_RATE_HZ, Waveform};
use mono::Mono;

/// Decodes a recording to 16 kHz mono samples, of whatever length it has.
///
/// Understood, by content, are WAV, AIFF, CAF, FLAC, MP3, AAC, MP4, `WebM`, Ogg Vorbis and Opus.
/// Integers are divided by their full scale, floats clamped to [-1, 1]; any rate and number of
/// channels within `limits` will do, the channels mixed by their mean. A file that was cut off, or
/// streamed with no sizes in its header, gives the samples that are there. Resampling may overshoot
/// [-1, 1] a little.
///
/// # Errors
/// [`Error::NotAudio`] if `bytes` do not begin as a recording, [`Error::Wav`] and [`Error::Media`] if
/// they are damaged or encoded in an unknown way, [`Error::Empty`] and [`Error::NotFinite`] for the samples;
/// the others name the limit that was exceeded.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<f32>, Error> {
    limits.check_size(bytes.len())?;
    let decoded = match wav::decode(bytes, limits) {
        // No WAV file, or one of A-law, µ-law or 64-bit floats.
        Err(first @ (Error::NotAudio | Error::Wav(hound::Error::Unsupported))) => {
            media::decode(bytes, limits)
                .map_err(|second| if matches!(second, Error::NotAudio) { first } else { second })
        }
        decoded => decoded,
    };
    let Mono { samples, rate_hz } = decoded?;
    if samples.is_empty() {
        return Err(Error::Empty);
    }
    if rate_hz == SAMPLE_RATE_HZ {
        return Ok(samples); // without a copy
    }
    Ok(StreamResampler::all(&samples, rate_hz))
}

impl Waveform {
    /// Decodes any recording [`decode`] understands and takes its loudest second.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        Ok(Self::from_samples(&decode(bytes, limits)?))
    }
}
