//! Decodes a file of any length block by block, in little memory.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::panic::{self, AssertUnwindSafe};

use symphonia::core::errors::Error as MediaError;
use symphonia::core::io::ReadOnlySource;

use super::limits::Limits;
use super::media::{self, Track};
use super::mono::{Downmix, Mono};
use super::resample::StreamResampler;
use super::{foreign, kin};
use crate::Error;

/// Seconds of sound in a block.
const BLOCK_S: usize = 10;
/// Bytes of a WAV file in a block: 33 s of 16-bit samples at 16 kHz.
const BLOCK_LEN: usize = 1 << 20;
/// The longest header of a WAV file, in bytes: other chunks may come before the samples.
const MAX_HEADER: u64 = 1 << 20;

/// The limits of a data set's files, without those of size and length.
const LIMITS: Limits = Limits { max_bytes: usize::MAX, max_seconds: u32::MAX, ..Limits::DATASET };

/// The sound of a file as 16 kHz mono samples, block by block. The blocks together are what [`decode`] gives of the
/// whole, but that each block chooses for itself between the mean of its channels and the first.
///
/// [`decode`]: super::decode
pub struct Blocks {
    source: Source,
    /// Made for the rate of the first block.
    resampler: Option<(u32, StreamResampler)>,
    is_empty: bool,
}

enum Source {
    Wav(WavBlocks),
    Other(Track<'static>),
    /// Nothing is left.
    End,
}

impl Blocks {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// As [`decode`](super::decode).
    pub fn open(mut file: File) -> Result<Self, Error> {
        let mut header = Vec::new();
        file.by_ref().take(MAX_HEADER).read_to_end(&mut header).map_err(unreadable)?;
        if kin::is_kin(&header) {
            file.read_to_end(&mut header).map_err(unreadable)?;
            header = kin::as_wav(&header)?.ok_or(Error::NotAudio)?;
        }
        let source = if let Some(layout) = Layout::find(&header) {
            Source::Wav(WavBlocks::new(layout, header, file))
        } else {
            let foreign = foreign::name(&header);
            Source::Other(open_track(header, file).map_err(|error| foreign.unwrap_or(error))?)
        };
        Ok(Self { source, resampler: None, is_empty: true })
    }

    /// Returns the next samples, or `None` at the end.
    ///
    /// # Errors
    /// As [`decode`](super::decode). Nothing follows an error.
    pub fn next_block(&mut self) -> Result<Option<Vec<f32>>, Error> {
        match guarded(|| self.source.next_block()) {
            Ok(Some(block)) => self.resample(&block).map(Some),
            Ok(None) => self.finish(),
            Err(error) => {
                self.source = Source::End;
                Err(error)
            }
        }
    }

    fn resample(&mut self, Mono { samples, rate_hz }: &Mono) -> Result<Vec<f32>, Error> {
        self.is_empty &= samples.is_empty();
        let (rate_so_far, resampler) =
            self.resampler.get_or_insert_with(|| (*rate_hz, StreamResampler::new(*rate_hz)));
        if rate_so_far != rate_hz {
            return Err(MediaError::Unsupported("its sample rate changes").into());
        }
        Ok(resampler.push(samples))
    }

    fn finish(&mut self) -> Result<Option<Vec<f32>>, Error> {
        self.source = Source::End;
        match self.resampler.take() {
            Some((_, resampler)) if !self.is_empty => Ok(Some(resampler.finish())),
            _ if self.is_empty => Err(Error::Empty),
            _ => Ok(None),
        }
    }
}

impl Source {
    fn next_block(&mut self) -> Result<Option<Mono>, Error> {
        match self {
            Self::Wav(wav) => wav.next_block(),
            Self::Other(track) => next_block(track),
            Self::End => Ok(None),
        }
    }
}

/// Opens a file of which `header` was read.
fn open_track(header: Vec<u8>, mut file: File) -> Result<Track<'static>, Error> {
    if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        file.seek(io::SeekFrom::Start(media::tags_len(&header))).map_err(unreadable)?;
        guarded(|| Track::open(file))
    } else {
        let whole = Cursor::new(header).chain(file);
        guarded(|| Track::open(ReadOnlySource::new(whole)))
    }
}

/// Collects packets to a block.
fn next_block(track: &mut Track) -> Result<Option<Mono>, Error> {
    let (mut mix, mut rate_hz) = (Downmix::default(), 0);
    while rate_hz == 0 || mix.len() < BLOCK_S * rate_hz as usize {
        let Some(sound) = track.next_sound() else { break };
        media::append(&mut mix, &mut rate_hz, &sound, &LIMITS)?;
    }
    match track.failure.take() {
        Some(error) if mix.len() == 0 && !track.has_sound => Err(error.into()),
        _ if mix.len() == 0 => Ok(None),
        _ => Ok(Some(Mono { samples: mix.finish(), rate_hz })),
    }
}

/// The samples of a WAV file.
///
/// A block of them behind the file's header, with the block's sizes in it, is a WAV file, too.
struct WavBlocks {
    header: Vec<u8>,
    samples: Box<dyn Read + Send>,
    block_len: usize,
}

/// The place of the samples in a WAV file.
struct Layout {
    /// Their first byte.
    start: usize,
    /// Their length. Zero if it was not known when the header was written.
    len: u32,
    /// Bytes that belong together: a sample of every channel, or several if they are compressed.
    frame_len: usize,
}

impl Layout {
    fn find(header: &[u8]) -> Option<Self> {
        let [_, _, _, _, _, _, _, _, b'W', b'A', b'V', b'E', ..] = header else { return None };
        let (mut start, mut frame_len) = (12, None);
        loop {
            let [n0, n1, n2, n3, l0, l1, l2, l3, body @ ..] = header.get(start..)? else { return None };
            let len = u32::from_le_bytes([*l0, *l1, *l2, *l3]);
            start += 8;
            match (&[*n0, *n1, *n2, *n3], body) {
                (b"fmt ", [_, _, _, _, _, _, _, _, _, _, _, _, l0, l1, ..]) => {
                    frame_len = Some(usize::from(u16::from_le_bytes([*l0, *l1]).max(1)));
                }
                (b"data", _) => return Some(Self { start, len, frame_len: frame_len? }),
                _ => {}
            }
            start = start.checked_add(len as usize + len as usize % 2)?;
        }
    }
}

impl WavBlocks {
    fn new(Layout { start, len, frame_len }: Layout, mut header: Vec<u8>, file: File) -> Self {
        let begun = Cursor::new(header.split_off(start)).chain(file);
        // Sizes of 0 and of all ones mean that the length was not known.
        let len = if [0, u32::MAX].contains(&len) { u64::MAX } else { len.into() };
        let block_len = (BLOCK_LEN / frame_len).max(1) * frame_len;
        Self { header, samples: Box::new(begun.take(len)), block_len }
    }

    fn next_block(&mut self) -> Result<Option<Mono>, Error> {
        let mut block = self.header.clone();
        self.samples.by_ref().take(self.block_len as u64).read_to_end(&mut block).map_err(unreadable)?;
        let data_start = self.header.len();
        if block.len() == data_start {
            return Ok(None);
        }
        let sizes = [block.len() - 8, block.len() - data_start].map(|size| (size as u32).to_le_bytes());
        block[4..8].copy_from_slice(&sizes[0]);
        block[data_start - 4..data_start].copy_from_slice(&sizes[1]);
        super::mono(&block, &LIMITS).map(Some)
    }
}

/// Runs a decoder. Its bug is no reason to take the caller down.
fn guarded<T>(decode: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    panic::catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or(Err(Error::Media(MediaError::DecodeError("its decoder gave up"))))
}

fn unreadable(error: io::Error) -> Error {
    Error::Media(MediaError::IoError(error))
}
