//! Kinds of WAV by other names: AU and W64 files are written anew as WAV, whose samples they hold.

use crate::Error;

/// Returns true if `header` begins as an AU or W64 file.
pub(super) fn is_kin(header: &[u8]) -> bool {
    header.starts_with(b".snd") || header.starts_with(b"riff")
}

/// Returns the WAV file that says the same as an AU or W64 file, if `bytes` are one.
///
/// # Errors
/// [`Error::Foreign`] for an AU file whose encoding is no WAV file's.
pub(super) fn as_wav(bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    match bytes {
        [b'.', b's', b'n', b'd', rest @ ..] => au(bytes, rest).transpose(),
        [b'r', b'i', b'f', b'f', ..] => Ok(w64(bytes)),
        _ => Ok(None),
    }
}

/// Rewrites an AU file (Sun, *Audio File Format*): magic number, offset of the samples, their size, encoding, rate
/// and channels, each in four bytes, the highest first.
fn au(file: &[u8], header: &[u8]) -> Option<Result<Vec<u8>, Error>> {
    let word = |index| header.as_chunks().0.get(index).map(|bytes| u32::from_be_bytes(*bytes));
    let (offset, encoding, rate_hz, channels) = (word(0)?, word(2)?, word(3)?, word(4)?);
    let data = file.get(offset as usize..)?;
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
    let mut data: Vec<u8> =
        data.chunks_exact(width.into()).flat_map(|sample| sample.iter().rev()).copied().collect();
    if encoding == 2 {
        for sample in &mut data {
            *sample ^= 0x80; // WAV's 8 bits have no sign
        }
    }
    let format = format_chunk(tag, u16::try_from(channels).ok()?, rate_hz, width);
    Some(Ok(wav(&format, &data)))
}

/// Rewrites a W64 file (Sony): as WAV, but with names of 16 bytes, sizes of 8 that count name and size, and chunks
/// at multiples of 8.
fn w64(file: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 24;
    let mut rest = file.get(HEADER + 16..)?; // the name and the size of the whole, and the name `wave`
    let mut format = None;
    while let [n0, n1, n2, n3, ..] = rest {
        let (_, size) = rest.get(..HEADER)?.split_last_chunk::<8>()?;
        let end = usize::try_from(u64::from_le_bytes(*size)).unwrap_or(usize::MAX).max(HEADER);
        let body = rest.get(HEADER..end).unwrap_or(&rest[HEADER..]);
        match &[*n0, *n1, *n2, *n3] {
            b"fmt " => format = Some(body),
            b"data" => return Some(wav(format?, body)),
            _ => {}
        }
        rest = rest.get(end.checked_next_multiple_of(8)?..)?;
    }
    None
}

fn format_chunk(tag: u16, channels: u16, rate_hz: u32, width: u16) -> Vec<u8> {
    let frame_len = channels.wrapping_mul(width);
    let mut chunk = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    chunk.extend(rate_hz.to_le_bytes());
    chunk.extend(rate_hz.wrapping_mul(frame_len.into()).to_le_bytes());
    chunk.extend(frame_len.to_le_bytes());
    chunk.extend((8 * width).to_le_bytes());
    chunk.extend([0, 0]); // no extension
    chunk
}

fn wav(format: &[u8], data: &[u8]) -> Vec<u8> {
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let padding = &[0][..body.len() % 2];
        [name, &(body.len() as u32).to_le_bytes()[..], body, padding].concat()
    };
    let chunks = [chunk(b"fmt ", format), chunk(b"data", data)].concat();
    let size = chunks.len() as u32 + 4;
    [b"RIFF", &size.to_le_bytes()[..], b"WAVE", &chunks].concat()
}
