//! Decodes a file of any length block by block, in little memory.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read, Seek, Take};

use symphonia::core::io::ReadOnlySource;

use super::foreign;
use super::kin::Kin;
use super::limits::Limits;
use super::media::{self, Track, guarded};
use super::mono::{Downmix, Mono};
use super::quicktime::QuickTime;
use super::resample::StreamResampler;
use super::wav;
use crate::Error;

/// Seconds of sound in a block. Longer ones are no quicker: with 10 s, `sc-train classify --detect` takes up to 10 MB more.
const BLOCK_S: usize = 4;
/// Bytes of samples in a block: 4 s of 16 bits at 16 kHz.
const BLOCK_LEN: usize = 1 << 17;
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
/// whole, but that each block chooses for itself between the mean of its channels and one of them, and that the sample
/// rate may change.
///
/// [`decode`]: super::decode
pub struct Blocks {
    /// None after the end or an error.
    source: Option<Source>,
    /// The rate of the last block with samples, and what was made for it.
    resampler: Option<(u32, StreamResampler)>,
    /// Told once all samples before it were returned.
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
            Some(kin) if kin.format.is_mpeg() => Source::Track(open_mpeg(&kin, &header, file)?),
            Some(kin) => Source::Frames(FrameBlocks::new(kin, header, file)),
            None => {
                Source::Track(open_track(&header, file).map_err(|error| foreign::explain(&header, error))?)
            }
        };
        Ok(Self { source: Some(source), resampler: None, fault: None })
    }

    /// Returns the next samples, or `None` at the end.
    ///
    /// # Errors
    /// [`Error::Damaged`] where the file is damaged or was cut off; else as [`decode_file`](super::decode_file). The samples
    /// before an error were returned, and nothing follows it. That a file was cut off is known of WAV (but with MP2 or MP3
    /// in it), W64, CAF, FLAC and Matroska files that say their length.
    pub fn next_block(&mut self) -> Result<Option<Vec<f32>>, Error> {
        let Some(mut source) = self.source.take() else { return self.fault.take().map_or(Ok(None), Err) };
        match guarded(|| source.next_block()) {
            Ok(Some(block)) => {
                self.source = Some(source);
                return Ok(Some(self.resample(&block)));
            }
            Ok(None) => self.fault = source.is_damaged().then_some(Error::Damaged),
            Err(error) => self.fault = Some(error),
        }
        self.finish().map(Some)
    }

    fn resample(&mut self, Mono { samples, rate_hz }: &Mono) -> Vec<f32> {
        if samples.is_empty() {
            return Vec::new();
        }
        let former = self.resampler.take_if(|(rate_so_far, _)| rate_so_far != rate_hz);
        let mut all = former.map(|(_, resampler)| resampler.finish()).unwrap_or_default();
        let (_, resampler) = self.resampler.get_or_insert_with(|| (*rate_hz, StreamResampler::new(*rate_hz)));
        all.extend(resampler.push(samples));
        all
    }

    fn finish(&mut self) -> Result<Vec<f32>, Error> {
        match self.resampler.take() {
            Some((_, resampler)) => Ok(resampler.finish()),
            None => Err(self.fault.take().unwrap_or(Error::Empty)),
        }
    }
}

impl Source {
    fn next_block(&mut self) -> Result<Option<Mono>, Error> {
        match self {
            Self::Frames(frames) => frames.next_block(),
            Self::Track(track) => next_block(track),
        }
    }

    /// Returns true if the sound ended because the file is damaged or cut off there.
    fn is_damaged(&self) -> bool {
        match self {
            Self::Frames(frames) => frames.is_cut_off(),
            Self::Track(track) => track.is_damaged(),
        }
    }
}

/// Reads the beginning of a file: of a pipe, no more than tells where its samples are.
fn read_header(file: &mut File) -> Result<Vec<u8>, Error> {
    let mut header = Vec::new();
    if is_pipe(file) {
        file.by_ref().take(LIVE_BLOCK_LEN as u64).read_to_end(&mut header)?;
        if let Ok(Some(kin)) = Kin::find(&header, 0)
            && !kin.format.is_mpeg()
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
        kin.format.check(&LIMITS)?;
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
    let movie = QuickTime::read(&mut Cursor::new(untagged));
    let mut stream = Cursor::new(begun.to_vec()).chain(rest);
    let tags = stream.by_ref().take(media::tags_len(begun));
    io::copy(&mut { tags }, &mut io::sink())?;
    guarded(|| Track::begin(ReadOnlySource::new(stream), &movie))
}

/// Collects packets to a block, which ends before a fault and before another sample rate.
fn next_block(track: &mut Track) -> Result<Option<Mono>, Error> {
    let (mut mix, mut rate_hz) = (Downmix::default(), 0);
    while rate_hz == 0 || mix.len() < BLOCK_S * rate_hz as usize {
        let Some(sound) = track.next_sound() else { break };
        let appended = media::append(&mut mix, &mut rate_hz, &sound, &LIMITS);
        if mix.len() == 0 {
            appended?;
        } else if appended.is_err() {
            track.hold(); // the next block begins with it
            break;
        }
    }
    Ok((mix.len() > 0).then(|| Mono { samples: mix.finish(), rate_hz }))
}

/// The samples of a WAV, AU, W64 or CAF file. Each block of them becomes a WAV file of its own.
struct FrameBlocks {
    kin: Kin,
    samples: Take<Chain<Cursor<Vec<u8>>, File>>,
    /// Bytes of a block: whole frames.
    block_len: usize,
    /// What is wrong behind the last block.
    fault: Option<Error>,
}

impl FrameBlocks {
    fn new(kin: Kin, mut header: Vec<u8>, file: File) -> Self {
        let len = if is_pipe(&file) { LIVE_BLOCK_LEN } else { BLOCK_LEN };
        let begun = Cursor::new(header.split_off(kin.start)).chain(file);
        let samples = begun.take(kin.len);
        let frame_len = kin.format.frame_len();
        let block_len = (len / frame_len).max(1) * frame_len;
        Self { kin, samples, block_len, fault: None }
    }

    fn next_block(&mut self) -> Result<Option<Mono>, Error> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut block = Vec::new();
        self.samples.by_ref().take(self.block_len as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok(None);
        }
        self.kin.decode(&block, &LIMITS).or_else(|error| self.before(&block, error)).map(Some)
    }

    /// Decodes the frames before one with a fault.
    fn before(&mut self, block: &[u8], fault: Error) -> Result<Mono, Error> {
        let frame_len = self.kin.format.frame_len();
        let (mut sound, mut step) = (None, block.len() / frame_len);
        let mut n_frames = 0;
        while step > 0 {
            let longer = (n_frames + step) * frame_len;
            match self.kin.decode(&block[..longer.min(block.len())], &LIMITS) {
                Ok(mono) => (sound, n_frames) = (Some(mono), n_frames + step),
                Err(_) => step /= 2,
            }
        }
        let Some(sound) = sound else { return Err(fault) };
        self.fault = Some(fault);
        Ok(sound)
    }

    /// Returns true if the file ended before its samples did.
    fn is_cut_off(&self) -> bool {
        self.kin.len < UNKNOWN_LEN && self.samples.limit() > MOST_MISCOUNTED
    }
}
