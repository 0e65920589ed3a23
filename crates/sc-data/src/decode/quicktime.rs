//! What symphonia does not say of a `QuickTime` file: which byte of a sample comes first.

use std::io::{Read, Seek, SeekFrom};

use symphonia::core::codecs::audio::{AudioCodecId, well_known as codec};

use super::limits::first;

/// Kinds of samples whose lowest byte comes first only if an atom `enda` says so (Apple, *`QuickTime` File Format*).
const KINDS: [&[u8; 4]; 4] = [b"in24", b"in32", b"fl32", b"fl64"];
/// What that atom then says.
const LOWEST_FIRST: &[u8] = b"enda\0\x01";
/// Most atoms before the one that describes the samples.
const MAX_ATOMS: usize = 1_000;
/// Most bytes of that atom.
const MAX_MOVIE: u64 = 16 << 20;

/// Returns true for samples of one of the [`KINDS`] whose highest byte comes first.
pub(super) fn is_highest_first(source: &mut (impl Read + Seek)) -> bool {
    let movie = movie(source).unwrap_or_default();
    let mut entries = (0..movie.len()).filter_map(|at| entry(&movie[at..]));
    let entry = entries.find(|entry| KINDS.iter().any(|kind| entry.starts_with(*kind)));
    entry.is_some_and(|entry| !entry.windows(LOWEST_FIRST.len()).any(|bytes| bytes == LOWEST_FIRST))
}

/// Returns the codec of the same samples with their highest byte first.
pub(super) fn with_highest_first(lowest_first: AudioCodecId) -> AudioCodecId {
    match lowest_first {
        codec::CODEC_ID_PCM_S24LE => codec::CODEC_ID_PCM_S24BE,
        codec::CODEC_ID_PCM_S32LE => codec::CODEC_ID_PCM_S32BE,
        codec::CODEC_ID_PCM_F32LE => codec::CODEC_ID_PCM_F32BE,
        codec::CODEC_ID_PCM_F64LE => codec::CODEC_ID_PCM_F64BE,
        other => other,
    }
}

/// Returns the first description in an atom `stsd`: behind flags, a count and a size, it begins with the kind of samples.
fn entry(atom: &[u8]) -> Option<&[u8]> {
    let (header, entry) = atom.strip_prefix(b"stsd")?.split_at_checked(12)?;
    let size = header.last_chunk().map(|size| u32::from_be_bytes(*size))?;
    Some(first(entry, size.into()))
}

/// Returns the contents of the atom `moov`. An atom is 4 bytes of length, 4 of name, and the contents. A length of 1 means
/// that 8 bytes of length follow the name.
fn movie(source: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    for _ in 0..MAX_ATOMS {
        let (size, name) = (u32::from_be_bytes(read(source)?), read(source)?);
        let len = match size {
            1 => u64::from_be_bytes(read(source)?).checked_sub(16)?,
            size => u64::from(size).checked_sub(8)?,
        };
        if &name == b"moov" {
            let mut movie = Vec::new();
            source.take(len.min(MAX_MOVIE)).read_to_end(&mut movie).ok()?;
            return Some(movie);
        }
        source.seek(SeekFrom::Current(len.try_into().ok()?)).ok()?;
    }
    None
}

fn read<const LEN: usize>(source: &mut impl Read) -> Option<[u8; LEN]> {
    let mut bytes = [0; LEN];
    source.read_exact(&mut bytes).ok().map(|()| bytes)
}
