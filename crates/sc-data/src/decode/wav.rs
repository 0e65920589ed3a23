//! Decodes WAV files, also those with wrong sizes in the header because they were streamed.
//!
//! This module finds the chunks itself, because `hound` trusts every size it reads. `hound` refuses a file
//! that was streamed (data size 0 or 0xFFFFFFFF) or cut off, and overlooks the padding byte after a chunk
//! of odd length. The format itself is validated by `hound`, from a header with true sizes.

use std::borrow::Cow;

use hound::{SampleFormat, WavReader, WavSpec};

use super::foreign;
use super::limits::{Limits, first};
use super::media;
use super::mono::{Downmix, Mono};
use super::resample::is_quick;
use crate::Error;

/// Bytes of a format chunk before its extension.
const FORMAT_LEN: usize = 16;
/// Bytes of a format chunk whose tag is [`EXTENSIBLE`].
const EXTENSIBLE_LEN: usize = 40;
/// `WAVE_FORMAT_EXTENSIBLE`: a GUID in the extension holds the sample format.
const EXTENSIBLE: u16 = 0xFFFE;
/// The length in a header whose true lengths are in its chunk `ds64`, or were not known when it was written.
const UNKNOWN_LEN: u32 = 0xFFFF_FFFF;
/// The encodings that `hound` validates: PCM, floats, and [`EXTENSIBLE`] of either.
const HOUND_TAGS: [u16; 3] = [1, FLOAT, EXTENSIBLE];
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
/// Those of Microsoft and of the IMA.
const ADPCM_TAGS: [u16; 2] = [2, 0x11];
/// MP2 and MP3: the samples are a file of their own.
const MPEG_TAGS: [u16; 2] = [0x50, 0x55];

/// Returns the length of a WAV file in seconds if it is decoded in little time, by its header alone: `None` for other
/// files, for compressed samples, and for a rate that takes long to resample.
pub fn quick_wav_seconds(bytes: &[u8]) -> Option<f64> {
    let (format, start, len) = find(bytes, bytes.len() as u64).ok()?;
    Limits::DATASET.check_format(format.channels, format.rate_hz).and_then(|()| format.encoding()).ok()?;
    if !is_quick(format.rate_hz) {
        return None;
    }
    let n_frames = first(&bytes[start..], len).len() / format.frame_len();
    Some(n_frames as f64 / f64::from(format.rate_hz))
}

/// Finds the format of a WAV file that has `file_len` bytes and begins with `bytes`, the place of its samples, and their
/// length in bytes, `u64::MAX` if it was not known. A RIFF chunk is 4 bytes of name, 4 of length, and the contents, padded
/// to even length.
pub(super) fn find(bytes: &[u8], file_len: u64) -> Result<(Format, usize, u64), Error> {
    let [n0, n1, n2, n3, s0, s1, s2, s3, b'W', b'A', b'V', b'E', rest @ ..] = bytes else {
        return Err(Error::NotAudio);
    };
    // The latter two hold sizes of 64 bits in a chunk `ds64` (EBU Tech 3306, ITU-R BS.2088).
    if ![b"RIFF", b"RF64", b"BW64"].contains(&&[*n0, *n1, *n2, *n3]) {
        return Err(Error::NotAudio);
    }
    let size_is_true = u64::from(u32::from_le_bytes([*s0, *s1, *s2, *s3])) + 8 == file_len;

    let mut format = None;
    let mut long_len = None;
    let mut rest = rest;
    while let [n0, n1, n2, n3, l0, l1, l2, l3, body @ ..] = rest {
        let len = u32::from_le_bytes([*l0, *l1, *l2, *l3]);
        let contents = first(body, len.into());
        match &[*n0, *n1, *n2, *n3] {
            b"fmt " => format = Some(Format::parse(contents)?),
            b"ds64" => long_len = data_len(body),
            b"data" => {
                let format = format.ok_or(damaged("no format chunk before the samples"))?;
                let len = match len {
                    UNKNOWN_LEN => long_len.unwrap_or(u64::MAX),
                    // In the header of a stream, whose RIFF size is then wrong, too.
                    0 if !size_is_true => u64::MAX,
                    len => len.into(),
                };
                return Ok((format, bytes.len() - body.len(), len));
            }
            _ => {}
        }
        rest = &body[contents.len()..];
        if len % 2 == 1 {
            rest = behind_padding(rest);
        }
    }
    Err(damaged("no samples: the data chunk is missing"))
}

/// Returns the length of the data in a chunk `ds64`, which begins with those of the file and of the data in 64 bits. In
/// a stream both are 0.
fn data_len(ds64: &[u8]) -> Option<u64> {
    let [file_len, data_len, ..] = ds64.as_chunks().0 else { return None };
    (*file_len != [0; 8]).then(|| u64::from_le_bytes(*data_len))
}

/// Passes over the byte of padding behind a chunk of odd length, unless a writer forgot it: then a name follows.
fn behind_padding(rest: &[u8]) -> &[u8] {
    match rest {
        [b'!'..=b'~', b' '..=b'~', b' '..=b'~', b' '..=b'~', ..] => rest,
        [_, rest @ ..] => rest,
        [] => &[],
    }
}

/// How numbers become samples.
enum Encoding {
    /// As `hound` says.
    Linear(WavSpec),
    /// 64 bits, which `hound` does not read.
    Double,
    ALaw,
    MuLaw,
}

/// Samples whose highest byte comes first, as no WAV file has them.
pub(super) struct HighestFirst {
    /// Bytes of a sample.
    pub width: usize,
    /// They have a sign, which WAV's 8 bits do not have.
    pub is_signed_byte: bool,
}

impl HighestFirst {
    /// Returns the samples as WAV has them.
    fn turned(&self, data: &[u8]) -> Vec<u8> {
        let sign = if self.is_signed_byte { 0x80 } else { 0 };
        data.chunks_exact(self.width).flat_map(|sample| sample.iter().rev()).map(|byte| byte ^ sign).collect()
    }
}

/// The fields of the format chunk, not validated.
pub(super) struct Format {
    chunk: Vec<u8>,
    tag: u16,
    channels: u16,
    rate_hz: u32,
    /// Bytes of one sample of every channel.
    frame_len: u16,
    /// Bits of one sample.
    bits: u16,
}

impl Format {
    /// The fields of `WAVEFORMATEX`: tag, channels, rate, bytes a second, frame length, bits.
    pub fn parse(chunk: &[u8]) -> Result<Self, Error> {
        let [t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, f0, f1, b0, b1, ..] = chunk else {
            return Err(damaged("the format chunk is cut off"));
        };
        let [tag, channels] = [[*t0, *t1], [*c0, *c1]].map(u16::from_le_bytes);
        let [frame_len, bits] = [[*f0, *f1], [*b0, *b1]].map(u16::from_le_bytes);
        let tag = if tag == EXTENSIBLE { true_tag(chunk, bits) } else { tag };
        let frame_len = match tag {
            A_LAW | MU_LAW => channels,
            tag if HOUND_TAGS.contains(&tag) => true_frame_len(frame_len, channels, bits),
            _ => frame_len,
        };
        let rate_hz = u32::from_le_bytes([*r0, *r1, *r2, *r3]);
        Ok(Self { chunk: chunk.to_vec(), tag, channels, rate_hz, frame_len, bits })
    }

    /// Bytes that belong together: a sample of every channel, or several if they are compressed.
    pub fn frame_len(&self) -> usize {
        usize::from(self.frame_len).max(1)
    }

    /// True if the samples are an MP2 or MP3 file.
    pub fn is_mpeg(&self) -> bool {
        MPEG_TAGS.contains(&self.tag)
    }

    /// Decodes samples, in another order of bytes than WAV's if one is given.
    pub fn decode(
        &self,
        samples: &[u8],
        order: Option<&HighestFirst>,
        limits: &Limits,
    ) -> Result<Mono, Error> {
        limits.check_format(self.channels, self.rate_hz)?;
        let frames = self.encoding().and_then(|encoding| self.frames(samples, order, &encoding, limits));
        match frames {
            Err(Error::Wav(hound::Error::Unsupported)) if samples.is_empty() => Err(Error::Empty),
            Err(Error::Wav(hound::Error::Unsupported)) => self.decode_coded(samples, limits),
            frames => frames,
        }
    }

    /// Decodes samples that `symphonia` reads: as a WAV file of their own, with true sizes.
    fn decode_coded(&self, samples: &[u8], limits: &Limits) -> Result<Mono, Error> {
        let decoded = if self.is_mpeg() {
            media::decode(samples, limits)
        } else {
            media::decode(&self.file(samples), limits)
        };
        decoded.map_err(not_as_said)
    }

    fn frames(
        &self,
        samples: &[u8],
        order: Option<&HighestFirst>,
        encoding: &Encoding,
        limits: &Limits,
    ) -> Result<Mono, Error> {
        let n_frames = samples.len() / self.frame_len(); // what follows the last whole one was cut off
        limits.check_length(n_frames, self.rate_hz)?;
        let samples = &samples[..n_frames * self.frame_len()];
        // A copy only now that it is within the limits.
        let samples = order.map_or(Cow::Borrowed(samples), |order| order.turned(samples).into());
        let samples = mix(&samples, encoding, self.channels.into(), self.frame_len())?;
        Ok(Mono { samples, rate_hz: self.rate_hz })
    }

    /// Refuses a format beyond `limits`, and one that is not read.
    pub fn check(&self, limits: &Limits) -> Result<(), Error> {
        limits.check_format(self.channels, self.rate_hz)?;
        match self.encoding() {
            Err(Error::Wav(hound::Error::Unsupported)) => Ok(()),
            encoding => encoding.map(drop),
        }
    }

    /// Returns how the samples are read here.
    ///
    /// # Errors
    /// [`hound::Error::Unsupported`] if `symphonia` may read them; else why they are not read.
    fn encoding(&self) -> Result<Encoding, Error> {
        match self.tag {
            A_LAW => Ok(Encoding::ALaw),
            MU_LAW => Ok(Encoding::MuLaw),
            FLOAT if self.bits == 64 => Ok(Encoding::Double),
            tag if HOUND_TAGS.contains(&tag) && self.bits == 64 => {
                Err(Error::Foreign { format: "integers of 64 bits" })
            }
            tag if HOUND_TAGS.contains(&tag) => self.validate().map(Encoding::Linear),
            tag if ADPCM_TAGS.contains(&tag) || self.is_mpeg() => Err(hound::Error::Unsupported.into()),
            tag => Err(foreign::name_in_wav(tag)),
        }
    }

    /// Writes a WAV file. What is too long for its sizes goes on to the end of the file, as in a stream.
    fn file(&self, samples: &[u8]) -> Vec<u8> {
        let size = |bytes: usize| u32::try_from(bytes).unwrap_or(UNKNOWN_LEN).to_le_bytes();
        let padding = &[0][..self.chunk.len() % 2];
        let format = [b"WAVEfmt ", &size(self.chunk.len())[..], &self.chunk, padding].concat();
        let len = format.len() + 8 + samples.len();
        [b"RIFF", &size(len)[..], &format, b"data", &size(samples.len()), samples].concat()
    }

    /// Validates the format with `hound`, from a header without the fields that writers get wrong.
    fn validate(&self) -> Result<WavSpec, Error> {
        let mut chunk = [0; EXTENSIBLE_LEN];
        let len = if self.tag == EXTENSIBLE { EXTENSIBLE_LEN } else { FORMAT_LEN };
        let given = self.chunk.get(..len).ok_or(damaged("the format chunk is cut off"))?;
        chunk[..len].copy_from_slice(given);

        let bytes_a_second = self.rate_hz.wrapping_mul(u32::from(self.frame_len));
        chunk[8..12].copy_from_slice(&bytes_a_second.to_le_bytes());
        chunk[12..14].copy_from_slice(&self.frame_len.to_le_bytes());
        // The extension: its length is 22, and fewer valid bits than the container has are the upper
        // ones, so that a sample's full scale is the container's either way.
        chunk[16..20].copy_from_slice(&[22, 0, 0, 0]);

        let mut header = Vec::with_capacity(28 + len);
        header.extend_from_slice(b"RIFF\0\0\0\0WAVEfmt ");
        header.extend_from_slice(&(len as u32).to_le_bytes());
        header.extend_from_slice(&chunk[..len]);
        header.extend_from_slice(b"data\0\0\0\0");
        Ok(WavReader::new(header.as_slice())?.spec())
    }
}

/// Returns the tag in the GUID of an [`EXTENSIBLE`] format, unless `hound` reads it from there.
fn true_tag(chunk: &[u8], bits: u16) -> u16 {
    let tag = chunk.get(24..).and_then(|guid| guid.first_chunk()).map(|tag| u16::from_le_bytes(*tag));
    tag.filter(|tag| !HOUND_TAGS.contains(tag) || (*tag, bits) == (FLOAT, 64)).unwrap_or(EXTENSIBLE)
}

/// Returns the frame length that the bits ask for: some writers give that of one channel, or none. Only 24 bits may
/// lie in containers of four bytes.
fn true_frame_len(given: u16, channels: u16, bits: u16) -> u16 {
    if bits == 24 && given == channels.saturating_mul(4) {
        given
    } else {
        channels.saturating_mul(bits.div_ceil(8))
    }
}

/// Converts interleaved little-endian samples to one channel.
///
/// `hound`'s iterator reads every sample through `io::Read`. That takes 170 µs for a second of 16-bit
/// samples at 16 kHz; this function takes 2 µs.
fn mix(data: &[u8], encoding: &Encoding, channels: usize, frame_len: usize) -> Result<Vec<f32>, Error> {
    match encoding {
        Encoding::Linear(spec) => linear(data, spec, frame_len),
        Encoding::Double => floats(data, channels, |b| f64::from_le_bytes(b) as f32),
        Encoding::ALaw => Ok(downmix(data, channels, |[byte]| a_law(byte))),
        Encoding::MuLaw => Ok(downmix(data, channels, |[byte]| mu_law(byte))),
    }
}

fn linear(data: &[u8], spec: &WavSpec, frame_len: usize) -> Result<Vec<f32>, Error> {
    let channels = usize::from(spec.channels);
    if !frame_len.is_multiple_of(channels) {
        return Err(damaged("the frame length is no multiple of the channels"));
    }
    let width = frame_len / channels;
    match (spec.sample_format, spec.bits_per_sample, width) {
        (SampleFormat::Int, 8, 1) => Ok(downmix(data, channels, |[b]| f32::from(b) / 128.0 - 1.0)),
        (SampleFormat::Int, 16, 2) => {
            Ok(downmix(data, channels, |b| f32::from(i16::from_le_bytes(b)) / 32_768.0))
        }
        (SampleFormat::Int, 24, 3) => Ok(downmix(data, channels, |[a, b, c]| full_scale([0, a, b, c]))),
        // 24 bits in the lower part of a 32-bit container.
        (SampleFormat::Int, 24, 4) => Ok(downmix(data, channels, |[a, b, c, _]| full_scale([0, a, b, c]))),
        (SampleFormat::Int, 32, 4) => Ok(downmix(data, channels, full_scale)),
        (SampleFormat::Float, 32, 4) => floats(data, channels, f32::from_le_bytes),
        _ => Err(hound::Error::Unsupported.into()),
    }
}

fn full_scale(bytes: [u8; 4]) -> f32 {
    i32::from_le_bytes(bytes) as f32 / 2_147_483_648.0 // 2^31
}

/// Expands a byte of A-law (ITU-T G.711): a sign, three bits of exponent and four of mantissa, every other bit inverted.
fn a_law(byte: u8) -> f32 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = (byte >> 4 & 7, u16::from(byte & 0x0F) << 4);
    let magnitude = if exponent == 0 { mantissa + 8 } else { (mantissa + 0x108) << (exponent - 1) };
    signed(magnitude, byte & 0x80 == 0)
}

/// Expands a byte of µ-law (ITU-T G.711): the same parts as of A-law, all bits inverted.
fn mu_law(byte: u8) -> f32 {
    const BIAS: u16 = 0x84;
    let byte = !byte;
    let (exponent, mantissa) = (byte >> 4 & 7, u16::from(byte & 0x0F) << 3);
    signed(((mantissa + BIAS) << exponent) - BIAS, byte & 0x80 != 0)
}

fn signed(magnitude: u16, is_negative: bool) -> f32 {
    let sample = f32::from(magnitude) / 32_768.0;
    if is_negative { -sample } else { sample }
}

fn floats<const WIDTH: usize>(
    data: &[u8],
    channels: usize,
    to_f32: impl Fn([u8; WIDTH]) -> f32,
) -> Result<Vec<f32>, Error> {
    if !data.as_chunks().0.iter().all(|&bytes| to_f32(bytes).is_finite()) {
        return Err(Error::NotFinite);
    }
    Ok(downmix(data, channels, |bytes| to_f32(bytes).clamp(-1.0, 1.0)))
}

fn downmix<const WIDTH: usize>(
    data: &[u8],
    channels: usize,
    to_f32: impl Fn([u8; WIDTH]) -> f32,
) -> Vec<f32> {
    let (samples, _) = data.as_chunks::<WIDTH>();
    let mut mix = Downmix::default();
    mix.push(samples.iter().map(|&bytes| to_f32(bytes)), channels);
    mix.finish()
}

/// Says of samples in which a decoder finds no sound that the file is wrong about them.
pub(super) fn not_as_said(error: Error) -> Error {
    match error {
        Error::NotAudio => damaged("the samples are not of the encoding that the header names"),
        error => error,
    }
}

fn damaged(reason: &'static str) -> Error {
    Error::Wav(hound::Error::FormatError(reason))
}
