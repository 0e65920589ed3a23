//! WAV files and their kin: AU, W64 and CAF files, which hold the samples of WAV.

use super::limits::{Limits, first};
use super::mono::Mono;
use super::wav::{self, Format, HighestFirst};
use crate::Error;

/// What a WAV, AU, W64 or CAF file says of its samples.
pub(super) struct Kin {
    /// That of a WAV file with the same samples.
    pub format: Format,
    /// The place of their first byte.
    pub start: usize,
    /// Their length in bytes: more than there are if they were cut off, `u64::MAX` if it was not known.
    pub len: u64,
    /// Their order of bytes, if it is not WAV's.
    pub order: Option<HighestFirst>,
}

impl Kin {
    /// Reads the header of a WAV, AU, W64 or CAF file that has `file_len` bytes, if `bytes` begin as one.
    ///
    /// # Errors
    /// [`Error::Wav`] for a WAV file whose header is damaged or goes on behind `bytes`, [`Error::Foreign`] for an AU
    /// file whose encoding is no WAV file's.
    pub fn find(bytes: &[u8], file_len: u64) -> Result<Option<Self>, Error> {
        match bytes {
            [b'.', b's', b'n', b'd', rest @ ..] => au(bytes, rest).transpose(),
            [b'r', b'i', b'f', b'f', ..] => Ok(w64(bytes)),
            [b'c', b'a', b'f', b'f', ..] => Ok(caf(bytes)),
            _ => match wav::find(bytes, file_len) {
                Err(Error::NotAudio) => Ok(None),
                found => found.map(|(format, start, len)| Some(Self { format, start, len, order: None })),
            },
        }
    }

    /// Returns the samples of the whole file.
    pub fn samples<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        first(file.get(self.start..).unwrap_or_default(), self.len)
    }

    /// Decodes some of the samples.
    pub fn decode(&self, samples: &[u8], limits: &Limits) -> Result<Mono, Error> {
        self.format.decode(samples, self.order.as_ref(), limits)
    }
}

/// Reads the header of an AU file (Sun, *Audio File Format*): magic number, offset of the samples, their size, encoding,
/// rate and channels, each in four bytes, the highest first. `rest` follows the magic number.
fn au(file: &[u8], rest: &[u8]) -> Option<Result<Kin, Error>> {
    let word = |index| rest.as_chunks().0.get(index).map(|bytes| u32::from_be_bytes(*bytes));
    let (offset, encoding, rate_hz, channels) = (word(0)?, word(2)?, word(3)?, word(4)?);
    let start = usize::try_from(offset).ok().filter(|start| *start <= file.len())?;
    // The tag of WAV's format chunk, and the bytes of a sample.
    let (tag, width) = match encoding {
        1 => (7_u16, 1_u16), // µ-law
        27 => (6, 1),        // A-law
        2..=5 => (1, encoding as u16 - 1),
        6 => (3, 4),
        7 => (3, 8),
        _ => {
            return Some(Err(Error::Foreign {
                format: "AU of another encoding than PCM, floats, A-law or µ-law",
            }));
        }
    };
    Some(Ok(Kin {
        format: format(tag, u16::try_from(channels).ok()?, rate_hz, width)?,
        start,
        len: u64::MAX, // all that follows, as the size is often unknown
        order: Some(HighestFirst { width: width.into(), is_signed_byte: encoding == 2 }),
    }))
}

/// Reads the header of a W64 file (Sony): as WAV, but with names of 16 bytes, sizes of 8 that count name and size, and
/// chunks at multiples of 8.
fn w64(file: &[u8]) -> Option<Kin> {
    const HEADER: usize = 24;
    let mut start = HEADER + 16; // the name and the size of the whole, and the name `wave`
    let mut format = None;
    loop {
        let (header, body) = file.get(start..)?.split_at_checked(HEADER)?;
        let (name, size) = header.split_last_chunk::<8>()?;
        let len = u64::from_le_bytes(*size).saturating_sub(HEADER as u64);
        start += HEADER;
        match name {
            [b'f', b'm', b't', b' ', ..] => {
                format = Some(Format::parse(without_padding(first(body, len))).ok()?);
            }
            [b'd', b'a', b't', b'a', ..] => return Some(Kin { format: format?, start, len, order: None }),
            _ => {}
        }
        start = usize::try_from(len).ok()?.checked_add(start)?.checked_next_multiple_of(8)?;
    }
}

/// Leaves out what pads a format chunk behind its extension, whose length is before it.
fn without_padding(format: &[u8]) -> &[u8] {
    const LEN: usize = 18; // with the length of the extension
    let extension =
        format.get(LEN - 2..).and_then(|rest| rest.first_chunk()).map_or(0, |len| u16::from_le_bytes(*len));
    first(format, LEN as u64 + u64::from(extension))
}

/// Reads the header of a CAF file (Apple, *Core Audio Format Specification*) whose samples are not compressed: 8 bytes,
/// then chunks with sizes of 8 bytes, the highest first.
fn caf(file: &[u8]) -> Option<Kin> {
    const EDIT_COUNT: usize = 4; // at the beginning of the data chunk
    let mut start = 8;
    let mut format = None;
    loop {
        let (header, body) = file.get(start..)?.split_at_checked(12)?;
        let (name, size) = header.split_last_chunk::<8>()?;
        let len = u64::try_from(i64::from_be_bytes(*size)).unwrap_or(u64::MAX); // -1 up to the end
        start += header.len();
        match name {
            b"desc" => format = Some(caf_format(body)?),
            b"data" => {
                let ((format, order), len) = (format?, len.saturating_sub(EDIT_COUNT as u64));
                return body.get(EDIT_COUNT..).map(|_| Kin { format, start: start + EDIT_COUNT, len, order });
            }
            _ => {}
        }
        start = usize::try_from(len).ok()?.checked_add(start)?;
    }
}

/// Reads the description of a CAF file: rate, encoding, flags, bytes of a packet, frames of it, channels and bits.
fn caf_format(description: &[u8]) -> Option<(Format, Option<HighestFirst>)> {
    let (rate_hz, words) = description.split_first_chunk()?;
    let word = |index| words.as_chunks().0.get(index).map(|bytes| u32::from_be_bytes(*bytes));
    let (flags, frame_len, channels, bits) = (word(1)?, word(2)?, word(4)?, word(5)?);
    let (is_float, is_lowest_first) = (flags & 1 != 0, flags & 2 != 0);
    let width = frame_len.checked_div(channels).filter(|width| *width > 0)?;
    let tag = match words.first_chunk()? {
        b"lpcm" if bits != width.saturating_mul(8) => return None,
        b"lpcm" if is_float => 3,
        b"lpcm" => 1,
        b"alaw" if width == 1 => 6,
        b"ulaw" if width == 1 => 7,
        _ => return None,
    };
    let order = HighestFirst { width: width.try_into().ok()?, is_signed_byte: tag == 1 && width == 1 };
    let (channels, width) = (channels.try_into().ok()?, width.try_into().ok()?);
    let format = format(tag, channels, f64::from_be_bytes(*rate_hz) as u32, width)?;
    Some((format, (width == 1 || !is_lowest_first).then_some(order)))
}

/// Returns the format of a WAV file with such samples.
fn format(tag: u16, channels: u16, rate_hz: u32, width: u16) -> Option<Format> {
    let frame_len = channels.wrapping_mul(width);
    let mut chunk = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    chunk.extend(rate_hz.to_le_bytes());
    chunk.extend(rate_hz.wrapping_mul(frame_len.into()).to_le_bytes());
    chunk.extend(frame_len.to_le_bytes());
    chunk.extend(width.wrapping_mul(8).to_le_bytes());
    chunk.extend([0, 0]); // no extension
    Format::parse(&chunk).ok()
}
