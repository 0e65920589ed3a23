//! Decodes all formats but plain WAV with `symphonia`, and Opus with `opus-pure`.

use std::io::{self, Cursor};
use std::mem;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use opus_pure::OpusDecoder;
use symphonia::core::{
    audio::Channels,
    codecs::CodecParameters,
    codecs::audio::{
        AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_OPUS,
    },
    errors::Error as MediaError,
    formats::{
        FormatOptions, FormatReader, TrackType,
        probe::Hint,
        well_known::{FORMAT_ID_FLAC, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_MP3},
    },
    io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource},
    meta::MetadataOptions,
    packet::Packet,
    units::{Duration, TimeBase, Timestamp},
};

use super::clock::{self, Clock};
use super::foreign;
use super::limits::Limits;
use super::mono::{Downmix, Mono};
use super::quicktime::{self, QuickTime};
use crate::Error;

/// Sample rate of decoded Opus, whatever the input's was (RFC 6716, section 2). A decoder can also decode to 16 kHz, by
/// another filter, which gives other samples than other decoders' resampled to 16 kHz (13.6 dB).
const OPUS_RATE_HZ: u32 = 48_000;
/// A codec pads the sound at both ends by up to a fifth of a second together: AAC by 3,072 samples, at 16 kHz.
const MAX_PADDING_MS: u32 = 200;
/// The longest Opus packet: 120 ms (RFC 6716, section 3.2.5).
const OPUS_MAX_FRAMES: usize = OPUS_RATE_HZ as usize * 120 / 1000;
/// Silence is returned in pieces.
static SILENCE: [f32; 4_096] = [0.0; 4_096];

/// Decodes an audio file to one channel; see [`decode`](super::decode).
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Mono, Error> {
    let bytes = without_tags(bytes);
    foreign::check(bytes)?;
    guarded(|| read(bytes, limits))
}

/// Runs a decoder. Its bug is no reason to take the caller down.
pub(super) fn guarded<T>(decode: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    panic::catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or(Err(Error::Media(MediaError::DecodeError("its decoder gave up"))))
}

fn read(bytes: &[u8], limits: &Limits) -> Result<Mono, Error> {
    let mut track = Track::open(|| Ok(Cursor::new(bytes)))?;
    let (mut mix, mut rate_hz) = (Downmix::default(), 0);
    while let Some(sound) = track.next_sound() {
        append(&mut mix, &mut rate_hz, &sound, limits)?;
    }
    let mut samples = mix.finish();
    samples.truncate(limits.max_frames(rate_hz));
    Ok(Mono { samples, rate_hz })
}

/// The sound of a file, packet by packet, with silence where its stamps say that there is none.
pub(super) struct Track<'a> {
    format: Box<dyn FormatReader + 'a>,
    id: u32,
    decoder: Decoder,
    clock: Clock,
    part: Part,
    /// The decoder holds sound which was not returned yet.
    is_held: bool,
    /// Frames of silence before that.
    n_silent: usize,
    /// The end of the newest packet of any track.
    reached: Timestamp,
    /// The sound ended too early.
    is_damaged: bool,
}

impl<'a> Track<'a> {
    /// Finds the first sound of a file without tags. What its end should say misleads symphonia in a file that was cut
    /// off, so that such a file is read once more as it comes, without a look ahead.
    pub fn open<S: MediaSource + 'a>(source: impl Fn() -> Result<S, Error>) -> Result<Self, Error> {
        let movie = QuickTime::read(&mut source()?);
        Self::begin(source()?, &movie)
            .or_else(|first| Self::begin(ReadOnlySource::new(source()?), &movie).map_err(|_| first))
    }

    /// Finds the first sound of a source without tags.
    pub fn begin(source: impl MediaSource + 'a, movie: &QuickTime) -> Result<Self, Error> {
        let format = probe(source)?;
        let (id, decoder) = choose(format.as_ref(), movie)?;
        let mut track = Self {
            part: Part::new(format.as_ref()),
            format,
            id,
            decoder,
            clock: Clock::late(movie.late_s),
            is_held: false,
            n_silent: 0,
            reached: Timestamp::ZERO,
            is_damaged: false,
        };
        track.is_held = track.advance()?;
        Ok(track)
    }

    /// Returns the next samples: those of a packet, or silence. The end is where the file ends, is cut off or is damaged
    /// from there on.
    pub fn next_sound(&mut self) -> Option<Sound<'_>> {
        if !mem::take(&mut self.is_held) && !self.goes_on() {
            return None;
        }
        let sound = self.decoder.sound();
        if self.n_silent == 0 {
            return Some(sound);
        }
        let n_silent = self.n_silent.min(SILENCE.len() / sound.channels.max(1));
        self.n_silent -= n_silent;
        self.is_held = true;
        Some(Sound { samples: &SILENCE[..n_silent * sound.channels], ..sound })
    }

    /// Lets the next sound be the last packet's once more.
    pub fn hold(&mut self) {
        self.is_held = true;
    }

    /// Returns true if the sound ended because the file is damaged or cut off there.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Decodes the next packet with samples. An error ends the sound.
    fn goes_on(&mut self) -> bool {
        match self.advance() {
            Ok(has_sound) => has_sound,
            Err(error) => {
                self.is_damaged = self.is_damage(&error);
                false
            }
        }
    }

    /// Returns true unless the file came to its end. So FLAC does too where it is cut off, and Matroska where it is
    /// damaged, as its reader takes what is there for an element longer than the file: of both the length counts that a
    /// file has which is not a stream's.
    fn is_damage(&self, error: &Error) -> bool {
        let is_end = matches!(error, Error::Media(MediaError::IoError(error))
            if error.kind() == io::ErrorKind::UnexpectedEof);
        // In ticks of a millisecond, or of less.
        let least = self.reached.saturating_add(Duration::new(MAX_PADDING_MS.into()));
        let is_short = |len: Duration| i64::try_from(len.get()).is_ok_and(|len| least.get() < len);
        let says_length = [FORMAT_ID_FLAC, FORMAT_ID_MKV].contains(&self.format.format_info().format);
        !is_end || says_length && self.format.media_info().duration.is_some_and(is_short)
    }

    /// Decodes the next packet with samples, if there is one. Passes over damaged packets, as players do.
    fn advance(&mut self) -> Result<bool, Error> {
        let mut failure = None;
        while let Some(mut packet) = self.next_packet()? {
            self.reached = packet.pts.saturating_add(packet.dur);
            let base = self.time_base(packet.track_id);
            let start_s = clock::seconds(packet.pts, base);
            self.clock.begin(start_s);
            if packet.track_id != self.id {
                continue;
            }
            self.part.keep_others(&mut packet);
            match self.decoder.decode(&packet) {
                Ok(n_frames) => {
                    let rate_hz = f64::from(self.decoder.rate_hz);
                    let trimmed_s = self.decoder.trimmed_s(&packet, base);
                    let gap_s = self.clock.gap_before(start_s, n_frames as f64 / rate_hz + trimmed_s);
                    self.n_silent += (gap_s * rate_hz).round() as usize;
                    if !self.decoder.range.is_empty() {
                        return Ok(true);
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(false), |error| Err(error.into()))
    }

    /// Returns the next packet, also of the files that follow in a chain of Ogg files (RFC 3533, section 4).
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            match self.format.next_packet() {
                Err(MediaError::ResetRequired) => {
                    (self.id, self.decoder) = choose(self.format.as_ref(), &QuickTime::default())?;
                    self.clock.restart();
                }
                packet => return Ok(packet?),
            }
        }
    }

    fn time_base(&self, id: u32) -> Option<TimeBase> {
        self.format.tracks().iter().find(|track| track.id == id)?.time_base
    }
}

/// Chooses the sound among the tracks of a file. Returns the track's number and its decoder.
fn choose(format: &dyn FormatReader, movie: &QuickTime) -> Result<(u32, Decoder), Error> {
    let track = format.default_track(TrackType::Audio).ok_or_else(|| no_sound(format))?;
    let codec = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let mut codec = codec.ok_or(unsupported("its codec is not known"))?.clone();
    if movie.is_highest_first {
        codec.codec = quicktime::with_highest_first(codec.codec);
    }
    let is_mp4 = format.format_info().format == FORMAT_ID_ISOMP4;
    Ok((track.id, Decoder::new(&codec, is_mp4, movie.skip_s)?))
}

/// Returns the error that says whether there is a track that may be sound.
fn no_sound(format: &dyn FormatReader) -> Error {
    let may_be_sound = |codec: &CodecParameters| codec.audio().is_some();
    if format.tracks().iter().any(|track| track.codec_params.as_ref().is_none_or(may_be_sound)) {
        return Error::Foreign { format: "an unknown codec" };
    }
    Error::NoSound
}

/// The first of the MP3 files that were joined to one.
struct Part {
    /// The time after the frames that its header counts: symphonia trims all that follow.
    end: Timestamp,
    /// The kind of its frames.
    kind: Option<[u8; 2]>,
}

impl Part {
    fn new(format: &dyn FormatReader) -> Self {
        let is_mp3 = format.format_info().format == FORMAT_ID_MP3;
        let track = format.default_track(TrackType::Audio).filter(|_| is_mp3);
        let n_frames =
            track.and_then(|track| Some(track.num_frames? + u64::from(track.padding.unwrap_or(0))));
        let end = n_frames.and_then(|n_frames| i64::try_from(n_frames).ok()).unwrap_or(i64::MAX);
        Self { end: Timestamp::new(end), kind: None }
    }

    /// Takes the trimming from the frames of other parts. They are of the same kind, which what looks like a frame in
    /// other bytes after the end is not.
    fn keep_others(&mut self, packet: &mut Packet) {
        let kind = frame_kind(&packet.data);
        if packet.pts < self.end {
            self.kind = kind;
        } else if self.kind == kind {
            packet.trim_end = Duration::ZERO;
        }
    }
}

/// Returns the version, layer and sample rate of an MPEG frame (ISO/IEC 11172-3, section 2.4.1.3).
fn frame_kind(frame: &[u8]) -> Option<[u8; 2]> {
    match frame {
        [_, version_and_layer, rate, ..] => Some([version_and_layer & 0xFE, rate & 0x0C]),
        _ => None,
    }
}

/// Returns the file behind its `ID3v2` tags (id3.org, version 2.4, section 3.1): a cover is larger than what symphonia
/// searches for the first frame.
pub(super) fn without_tags(bytes: &[u8]) -> &[u8] {
    bytes.get(tags_len(bytes) as usize..).unwrap_or_default()
}

/// Returns the length of the `ID3v2` tags that a file begins with. The last one may be longer than `bytes`.
pub(super) fn tags_len(mut bytes: &[u8]) -> u64 {
    let mut len = 0;
    while let [b'I', b'D', b'3', _, _, flags, s0, s1, s2, s3, rest @ ..] = bytes {
        let size = [s0, s1, s2, s3].iter().fold(0, |size, byte| size << 7 | usize::from(**byte & 0x7F));
        let footer = if flags & 0x10 == 0 { 0 } else { 10 };
        len += (10 + size + footer) as u64;
        bytes = rest.get(size + footer..).unwrap_or_default();
    }
    len
}

fn probe<'a>(source: impl MediaSource + 'a) -> Result<Box<dyn FormatReader + 'a>, Error> {
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let format = symphonia::default::get_probe().probe(&Hint::new(), stream, format, metadata);
    format.map_err(|error| match error {
        MediaError::Unsupported(_) | MediaError::IoError(_) => Error::NotAudio,
        damaged => damaged.into(),
    })
}

/// Appends a packet's samples, and refuses those beyond `limits`. Codecs pad the sound, so that it may be a little longer.
pub(super) fn append(
    mix: &mut Downmix,
    rate_so_far: &mut u32,
    sound: &Sound,
    limits: &Limits,
) -> Result<(), Error> {
    let Sound { samples, channels, rate_hz } = *sound;
    limits.check_format(channels as u16, rate_hz)?;
    if *rate_so_far != 0 && *rate_so_far != rate_hz {
        return Err(unsupported("its sample rate changes").into());
    }
    *rate_so_far = rate_hz;
    let n_frames = mix.len() + samples.len() / channels;
    let max_padding = rate_hz / 1_000 * MAX_PADDING_MS;
    limits.check_length(n_frames.saturating_sub(max_padding as usize), rate_hz)?;
    if !samples.iter().all(|sample| sample.is_finite()) {
        return Err(Error::NotFinite);
    }
    mix.push(samples.iter().map(|sample| sample.clamp(-1.0, 1.0)), channels);
    Ok(())
}

/// A packet's samples, interleaved.
pub(super) struct Sound<'a> {
    pub samples: &'a [f32],
    pub channels: usize,
    pub rate_hz: u32,
}

/// A track's decoder with the samples of its last packet.
struct Decoder {
    codec: Codec,
    /// Seconds still to skip: what the encoder put before the beginning.
    skip_s: f64,
    samples: Vec<f32>,
    /// Those of `samples` that are sound.
    range: Range<usize>,
    channels: usize,
    rate_hz: u32,
}

enum Codec {
    Opus {
        decoder: Box<OpusDecoder>,
        channels: usize,
        /// Factor on the samples.
        gain: f32,
    },
    Other(Box<dyn AudioDecoder>),
}

impl Decoder {
    fn new(parameters: &AudioCodecParameters, is_mp4: bool, skip_s: f64) -> Result<Self, Error> {
        let (codec, skip_s) = if parameters.codec == CODEC_ID_OPUS {
            let channels = parameters.channels.as_ref().map_or(2, Channels::count);
            let decoder = OpusDecoder::new(OPUS_RATE_HZ as i32, channels)
                .map_err(|_| Error::Foreign { format: "Opus of more than two channels" })?;
            let (pre_skip, gain) = opus_head(parameters, is_mp4);
            let codec = Codec::Opus { decoder: Box::new(decoder), channels, gain };
            (codec, f64::from(pre_skip) / f64::from(OPUS_RATE_HZ))
        } else {
            let codecs = symphonia::default::get_codecs();
            let decoder = codecs.make_audio_decoder(parameters, &AudioDecoderOptions::default());
            (Codec::Other(decoder.map_err(|error| refusal(parameters.codec, error))?), skip_s)
        };
        Ok(Self { codec, skip_s, samples: Vec::new(), range: 0..0, channels: 1, rate_hz: OPUS_RATE_HZ })
    }

    fn sound(&self) -> Sound<'_> {
        Sound { samples: &self.samples[self.range.clone()], channels: self.channels, rate_hz: self.rate_hz }
    }

    /// Decodes a packet, and returns its frames, also those that are no sound.
    fn decode(&mut self, packet: &Packet) -> Result<usize, MediaError> {
        let (n_frames, end) = match &mut self.codec {
            Codec::Opus { decoder, channels, gain } => {
                self.channels = *channels;
                self.samples.resize(OPUS_MAX_FRAMES * self.channels, 0.0);
                let n_frames = decoder
                    .decode(&packet.data, OPUS_MAX_FRAMES, &mut self.samples)
                    .map_err(|_| MediaError::DecodeError("a damaged Opus packet"))?;
                self.samples[..n_frames * self.channels].iter_mut().for_each(|sample| *sample *= *gain);
                (n_frames, n_frames.saturating_sub(packet.trim_end.get() as usize))
            }
            Codec::Other(decoder) => {
                let sound = decoder.decode(packet)?;
                sound.copy_to_vec_interleaved(&mut self.samples);
                (self.channels, self.rate_hz) = (sound.spec().channels().count(), sound.spec().rate());
                let n_frames = self.samples.len() / self.channels.max(1);
                (n_frames, n_frames)
            }
        };
        let begin = n_frames.min((self.skip_s * f64::from(self.rate_hz)).round() as usize);
        self.skip_s -= begin as f64 / f64::from(self.rate_hz);
        self.range = begin * self.channels..end.max(begin) * self.channels;
        Ok(n_frames)
    }

    /// Returns the length of what symphonia took from a packet's sound.
    fn trimmed_s(&self, packet: &Packet, base: Option<TimeBase>) -> f64 {
        match self.codec {
            Codec::Opus { .. } => 0.0,
            Codec::Other(_) => clock::seconds(
                Timestamp::ZERO.saturating_add(packet.trim_start).saturating_add(packet.trim_end),
                base,
            ),
        }
    }
}

/// Names the codec, if it is one that is not read.
fn refusal(codec: AudioCodecId, error: MediaError) -> Error {
    let is_foreign = matches!(error, MediaError::Unsupported(_));
    foreign::name_codec(codec).filter(|_| is_foreign).unwrap_or(error.into())
}

/// Returns the samples to skip at the beginning and the factor on all, from the `OpusHead` of Ogg and `WebM` (RFC 7845,
/// section 5.1). MP4 has the same fields with their highest byte first.
fn opus_head(parameters: &AudioCodecParameters, is_mp4: bool) -> (u16, f32) {
    let Some([b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', _, _, s0, s1, _, _, _, _, g0, g1, ..]) =
        parameters.extra_data.as_deref()
    else {
        return (0, 1.0);
    };
    let number = if is_mp4 { u16::from_be_bytes } else { u16::from_le_bytes };
    let gain_db = f32::from(number([*g0, *g1]).cast_signed()) / 256.0;
    (number([*s0, *s1]), 10.0_f32.powf(gain_db / 20.0))
}

fn unsupported(what: &'static str) -> MediaError {
    MediaError::Unsupported(what)
}
