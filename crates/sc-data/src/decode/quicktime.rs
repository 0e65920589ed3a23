//! What symphonia does not say of an MP4 or `QuickTime` file: which byte of a sample comes first, and when its sound begins.

use std::io::{Read, Seek, SeekFrom};
use std::iter;

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

/// What a file says of its sound.
#[derive(Default)]
pub(super) struct QuickTime {
    /// Samples of one of the [`KINDS`] have their highest byte first.
    pub is_highest_first: bool,
    /// Seconds before the sound begins.
    pub late_s: f64,
    /// Seconds of sound before its beginning: what an encoder put there, or a user cut off.
    pub skip_s: f64,
}

impl QuickTime {
    /// Reads the description of a file, if it has one.
    pub fn read(source: &mut (impl Read + Seek)) -> Self {
        let movie = movie(source).unwrap_or_default();
        let (late_s, skip_s) = beginning(&movie).unwrap_or_default();
        Self { is_highest_first: is_highest_first(&movie), late_s, skip_s }
    }
}

fn is_highest_first(movie: &[u8]) -> bool {
    let mut entries = (0..movie.len()).filter_map(|at| entry(&movie[at..]));
    let entry = entries.find(|entry| KINDS.iter().any(|kind| entry.starts_with(*kind)));
    entry.is_some_and(|entry| !entry.windows(LOWEST_FIRST.len()).any(|bytes| bytes == LOWEST_FIRST))
}

/// Returns the seconds before the first sound track begins, and those of its sound that come before its beginning, by its
/// list of edits (ISO/IEC 14496-12, section 8.6.6): empty edits, and the first other one.
fn beginning(movie: &[u8]) -> Option<(f64, f64)> {
    let is_sound = |track: &&[u8]| {
        let handler = child(track, b"mdia").and_then(|media| child(media, b"hdlr"));
        handler.and_then(|handler| handler.get(8..12)) == Some(b"soun")
    };
    let track =
        children(movie).filter(|(name, _)| *name == b"trak").map(|(_, track)| track).find(is_sound)?;
    let movie_hz = ticks_a_second(child(movie, b"mvhd")?)?;
    let media_hz = ticks_a_second(child(child(track, b"mdia")?, b"mdhd")?)?;
    let mut late: u64 = 0;
    for (length, start) in edits(child(child(track, b"edts")?, b"elst")?) {
        if start >= 0 {
            return Some((late as f64 / movie_hz, start as f64 / media_hz));
        }
        late = late.saturating_add(length);
    }
    None
}

/// Yields the length and the beginning of each edit. That of an empty one is -1.
fn edits(list: &[u8]) -> impl Iterator<Item = (u64, i64)> {
    let width = if list.first() == Some(&1) { 8 } else { 4 };
    list.get(8..).unwrap_or_default().chunks_exact(2 * width + 4).map(move |edit| {
        let (length, start) = edit.split_at(width);
        let above = 64 - 8 * width; // bits, which a negative number fills
        (number(length), (number(&start[..width]) << above).cast_signed() >> above)
    })
}

/// Returns the ticks of a second by an atom `mvhd` or `mdhd`: behind version, flags and two times.
fn ticks_a_second(header: &[u8]) -> Option<f64> {
    let at = if header.first() == Some(&1) { 20 } else { 12 };
    let ticks = number(header.get(at..at + 4)?);
    (ticks > 0).then_some(ticks as f64)
}

/// Returns the contents of an atom within another one.
fn child<'a>(atom: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    children(atom).find(|(other, _)| *other == name).map(|(_, contents)| contents)
}

/// Yields name and contents of the atoms within another one.
fn children(mut atom: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    iter::from_fn(move || {
        let (header, rest) = atom.split_at_checked(8)?;
        let (size, name) = header.split_at(4);
        let contents = first(rest, number(size).checked_sub(8)?);
        atom = &rest[contents.len()..];
        Some((name, contents))
    })
}

fn number(highest_first: &[u8]) -> u64 {
    highest_first.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
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
