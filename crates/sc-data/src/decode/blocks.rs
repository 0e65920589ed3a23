//! Decodes a file of any length block by block, in little memory.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read, Seek, Take};

use symphonia::core::errors::Error as MediaError;
use symphonia::core::io::ReadOnlySource;

use super::foreign;
use super::kin::Kin;
use super::limits::Limits;
use super::media::{self, Track, guarded};
use super::mono::{Downmix, Mono};
use super::quicktime;
use super::resample::StreamResampler;
use super::wav;
use crate::Error;

/// Seconds of sound in a block.
const BLOCK_S: usize = 10;
/// Bytes of samples in a block: 33 s of 16 bits at 16 kHz.
const BLOCK_LEN: usize = 1 << 20;
/// The same for a pipe: half a second of 16 bits at 16 kHz. It may come from a microphone, which is not waited for any
/// longer.
const LIVE_BLOCK_LEN: usize = 1 << 14;
/// A length that is believed is less: recorders that do not know it write 2 GB, a little less, or 4 GB.
const UNKNOWN_LEN: u64 = 0x7FFF_0000;
/// Bytes that may be missing: some writers count the header too.
const MOST_MISCOUNTED: u64 = 1 << 10;
/// The longest header of a WAV, AU, W64 or CAF file, in bytes: other chunks may come before the samples.
const MAX_HEADER: u64 = 1 << 20;

/// The limits of a data set's files, without those of size and length.
const LIMITS: Limits = Limits { max_bytes: usize::MAX, max_seconds: u32::MAX, ..Limits::DATASET };

/// The sound of a file as 16 kHz mono samples, block by block. The blocks together are what [`decode`] gives of the
/// whole, but that each block chooses for itself between the mean of its channels and one of them.
///
/// [`decode`]: super::decode
pub struct Blocks {
    /// None after the end or an error.
    source: Option<Source>,
    /// Made for the rate of the first block with samples.
    resampler: Option<(u32, StreamResampler)>,
    fault: Option<Error>,
}

enum Source {
    Frames(FrameBlocks),
    Track(Track<'static>),
}

impl Blocks {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// As [`decode_file`](super::decode_file).
    pub fn open(mut file: File) -> Result<Self, Error> {
        let header = read_header(&mut file)?;
        if header.is_empty() {
            return Err(Error::Empty);
        }
        let source = match find_frames(&header, &file)? {
            Some(kin) if kin.format()?.is_mpeg() => Source::Track(open_mpeg(&kin, &header, file)?),
            Some(kin) => Source::Frames(FrameBlocks::new(kin, header, file)?),
            None => {
                Source::Track(open_track(&header, file).map_err(|error| foreign::explain(&header, error))?)
            }
        };
        Ok(Self { source: Some(source), resampler: None, fault: None })
    }

    /// Returns the next samples, or `None` at the end.
    ///
    /// # Errors
    /// As [`decode_file`](super::decode_file). Nothing follows an error.
    pub fn next_block(&mut self) -> Result<Option<Vec<f32>>, Error> {
        let Some(mut source) = self.source.take() else { return Ok(None) };
        let Some(block) = guarded(|| source.next_block())? else {
            self.fault = source.into_fault();
            return self.finish().map(Some);
        };
        let samples = self.resample(&block)?;
        self.source = Some(source);
        Ok(Some(samples))
    }

    /// Returns why the sound ended too early, once it has ended: the file is damaged there, or cut off. That it was cut
    /// off is known of WAV (but with MP2 or MP3 in it), W64, CAF, FLAC and Matroska files that say their length.
    pub fn fault(&self) -> Option<&Error> {
        self.fault.as_ref()
    }

    fn resample(&mut self, Mono { samples, rate_hz }: &Mono) -> Result<Vec<f32>, Error> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let (rate_so_far, resampler) =
            self.resampler.get_or_insert_with(|| (*rate_hz, StreamResampler::new(*rate_hz)));
        if rate_so_far != rate_hz {
            return Err(MediaError::Unsupported("its sample rate changes").into());
        }
        Ok(resampler.push(samples))
    }

    fn finish(&mut self) -> Result<Vec<f32>, Error> {
        let (_, resampler) = self.resampler.take().ok_or(Error::Empty)?;
        Ok(resampler.finish())
    }
}

impl Source {
    fn next_block(&mut self) -> Result<Option<Mono>, Error> {
        match self {
            Self::Frames(frames) => frames.next_block(),
            Self::Track(track) => next_block(track),
        }
    }

    fn into_fault(self) -> Option<Error> {
        match self {
            Self::Frames(frames) => frames.into_fault(),
            Self::Track(track) => track.into_fault(),
        }
    }
}

/// Reads the beginning of a file: of a pipe, no more than tells where its samples are.
fn read_header(file: &mut File) -> Result<Vec<u8>, Error> {
    let mut header = Vec::new();
    if is_pipe(file) {
        file.by_ref().take(LIVE_BLOCK_LEN as u64).read_to_end(&mut header)?;
        if let Ok(Some(kin)) = Kin::find(&header, 0)
            && !kin.format()?.is_mpeg()
        {
            return Ok(header);
        }
    }
    file.take(MAX_HEADER - header.len() as u64).read_to_end(&mut header)?;
    Ok(header)
}

fn is_pipe(file: &File) -> bool {
    !file.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// Finds the samples of a WAV, AU, W64 or CAF file.
fn find_frames(header: &[u8], file: &File) -> Result<Option<Kin>, Error> {
    let is_whole = (header.len() as u64) < MAX_HEADER;
    let file_len = if is_whole { header.len() as u64 } else { file.metadata().map_or(0, |file| file.len()) };
    let kin = match Kin::find(header, file_len) {
        Err(Error::Wav(_)) if !is_whole => None, // the samples may begin further on
        found => found?,
    };
    if let Some(kin) = &kin {
        kin.format()?.check(&LIMITS)?;
    }
    Ok(kin)
}

/// Opens the MP2 or MP3 file in a file of which `header` was read.
fn open_mpeg(kin: &Kin, header: &[u8], file: File) -> Result<Track<'static>, Error> {
    let begun = kin.samples(header);
    if begun.is_empty() {
        return Err(Error::Empty);
    }
    let rest = file.take(kin.len - begun.len() as u64);
    open_stream(begun, rest).map_err(wav::not_as_said)
}

/// Opens a file of which `header` was read.
fn open_track(header: &[u8], file: File) -> Result<Track<'static>, Error> {
    if is_pipe(&file) {
        return open_stream(header, file);
    }
    foreign::check(media::without_tags(header))?;
    let begin = io::SeekFrom::Start(media::tags_len(header));
    let from_begin = || -> Result<File, Error> {
        let mut file = file.try_clone()?;
        file.seek(begin)?;
        Ok(file)
    };
    guarded(|| Track::open(from_begin))
}

/// Opens what can be read only once, and begins with `begun`.
fn open_stream(begun: &[u8], rest: impl Read + Send + Sync + 'static) -> Result<Track<'static>, Error> {
    let untagged = media::without_tags(begun);
    foreign::check(untagged)?;
    let is_highest_first = quicktime::is_highest_first(&mut Cursor::new(untagged));
    let mut stream = Cursor::new(begun.to_vec()).chain(rest);
    let tags = stream.by_ref().take(media::tags_len(begun));
    io::copy(&mut { tags }, &mut io::sink())?;
    guarded(|| Track::begin(ReadOnlySource::new(stream), is_highest_first))
}

/// Collects packets to a block.
fn next_block(track: &mut Track) -> Result<Option<Mono>, Error> {
    let (mut mix, mut rate_hz) = (Downmix::default(), 0);
    while rate_hz == 0 || mix.len() < BLOCK_S * rate_hz as usize {
        let Some(sound) = track.next_sound() else { break };
        media::append(&mut mix, &mut rate_hz, &sound, &LIMITS)?;
    }
    Ok((mix.len() > 0).then(|| Mono { samples: mix.finish(), rate_hz }))
}

/// The samples of a WAV, AU, W64 or CAF file. Each block of them becomes a WAV file of its own.
struct FrameBlocks {
    kin: Kin,
    samples: Take<Chain<Cursor<Vec<u8>>, File>>,
    /// Bytes of a block: whole frames.
    block_len: usize,
}

impl FrameBlocks {
    fn new(kin: Kin, mut header: Vec<u8>, file: File) -> Result<Self, Error> {
        let len = if is_pipe(&file) { LIVE_BLOCK_LEN } else { BLOCK_LEN };
        let begun = Cursor::new(header.split_off(kin.start)).chain(file);
        let samples = begun.take(kin.len);
        let frame_len = kin.format()?.frame_len();
        let block_len = (len / frame_len).max(1) * frame_len;
        Ok(Self { kin, samples, block_len })
    }

    fn next_block(&mut self) -> Result<Option<Mono>, Error> {
        let mut block = Vec::new();
        self.samples.by_ref().take(self.block_len as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok(None);
        }
        self.kin.decode(&block, &LIMITS).map(Some)
    }

    /// Returns the fault of a file that ended before its samples did.
    fn into_fault(self) -> Option<Error> {
        let is_cut_off = self.kin.len < UNKNOWN_LEN && self.samples.limit() > MOST_MISCOUNTED;
        is_cut_off.then(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}
