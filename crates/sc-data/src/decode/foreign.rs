//! Names of formats that are not read, so that an error says what a file is.

use symphonia::core::codecs::audio::{AudioCodecId, well_known as codec};

use crate::Error;

/// The bytes that files of a format begin with.
const BEGINNINGS: [(&[u8], &str); 28] = [
    (b"#!AMR", "AMR"),
    (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "WMA"),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"TTA1", "True Audio"),
    (b"ajkg", "Shorten"),
    (b"DSD ", "DSD"),
    (b"FRM8", "DSD"),
    (b".RMF", "RealAudio"),
    (b".ra\xFD", "RealAudio"),
    (b"\x0B\x77", "AC-3"),
    (b"\x7F\xFE\x80\x01", "DTS"),
    (b"Creative Voice File", "Creative Voice"),
    (b"FLV\x01", "FLV"),
    (b"FWS", "Flash"),
    (b".SoX", "SoX"),
    (b"MThd", "MIDI: notes and no sound"),
    (b"\0\0\x01\xBA", "MPEG-PS"),
    (b"\x1F\x07\0", "DV"),
    (b"NIST_1A", "NIST SPHERE"),
    (b"\x64\xA3", "IRCAM"),
    (b"2BIT", "AVR"),
    (b"PVF1", "PVF"),
    (b" paf", "PAF"),
    (b"MATLAB", "MATLAB"),
    (b"nut/multimedia container", "NUT"),
];

/// Names of the first packet of an Ogg stream.
const IN_OGG: [(&[u8], &str); 2] = [(b"Speex   ", "Speex"), (b"\x80theora", "Ogg video")];

/// Descriptions of sound in MP4 and `QuickTime` that symphonia passes over.
const IN_MP4: [(&[u8], &str); 6] = [
    (b"samr", "AMR"),
    (b"sawb", "AMR"),
    (b"ima4", "ADPCM in QuickTime"),
    (b"ms\0\x02", "ADPCM in QuickTime"),
    (b"alaw", "A-law in QuickTime"),
    (b"ulaw", "µ-law in QuickTime"),
];

/// The bytes that files of a known container begin with at a place, for those in which nothing is found.
const CONTAINERS: [(usize, &[u8], &str); 10] = [
    (4, b"ftyp", "MP4"),
    (4, b"moov", "QuickTime"),
    (4, b"mdat", "QuickTime"),
    (0, b"OggS\0", "Ogg"),
    (0, b"caff", "CAF"),
    (8, b"AIF", "AIFF"),
    (0, b"fLaC", "FLAC"),
    (0, b"\x1A\x45\xDF\xA3", "WebM"),
    (0, b"riff\x2E\x91\xCF\x11", "W64"),
    (0, b".snd", "AU"),
];

/// Codecs that symphonia knows by name only, or some of whose kinds it does not read.
const CODECS: [(AudioCodecId, &str); 9] = [
    (codec::CODEC_ID_AAC, "AAC of more than two channels or of another kind than LC"),
    (codec::CODEC_ID_AC3, "AC-3"),
    (codec::CODEC_ID_EAC3, "AC-3"),
    (codec::CODEC_ID_DCA, "DTS"),
    (codec::CODEC_ID_TTA, "True Audio"),
    (codec::CODEC_ID_WAVPACK, "WavPack"),
    (codec::CODEC_ID_MUSEPACK, "Musepack"),
    (codec::CODEC_ID_TRUEHD, "TrueHD"),
    (codec::CODEC_ID_SPEEX, "Speex"),
];

/// Tags of WAV's format chunk (RFC 2361).
const IN_WAV: [(u16, &str); 19] = [
    (0x0020, "Yamaha ADPCM in WAV"),
    (0x0022, "TrueSpeech in WAV"),
    (0x0031, "GSM 6.10 in WAV"),
    (0x0032, "GSM 6.10 in WAV"),
    (0x0042, "G.723.1 in WAV"),
    (0x0045, "G.726 in WAV"),
    (0x0064, "G.726 in WAV"),
    (0x0065, "G.722 in WAV"),
    (0x0083, "G.729 in WAV"),
    (0x00FF, "AAC in WAV"),
    (0x0160, "WMA in WAV"),
    (0x0161, "WMA in WAV"),
    (0x028F, "G.722 in WAV"), // as ffmpeg writes it
    (0x1610, "AAC in WAV"),
    (0x2000, "AC-3 in WAV"),
    (0x566F, "Vorbis in WAV"),
    (0x674F, "Vorbis in WAV"),
    (0xA109, "Speex in WAV"),
    (0xF1AC, "FLAC in WAV"),
];

/// Refuses a file that begins as one of a format that is not read. Its bytes may hold what looks like frames of MPEG or
/// AAC, so that it is refused before they are searched.
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    let begins = |(beginning, _): &&(&[u8], _)| bytes.starts_with(beginning);
    let found = BEGINNINGS.iter().find(begins).map(|(_, format)| *format);
    found.or_else(|| pattern(bytes)).map_or(Ok(()), |format| Err(Error::Foreign { format }))
}

/// Names what a file holds, if `error` says less of it.
pub(super) fn explain(bytes: &[u8], error: Error) -> Error {
    let found = || in_ogg(bytes).or_else(|| in_mp4(bytes)).map(|format| Error::Foreign { format });
    let explained = match &error {
        Error::NotAudio => found().or_else(|| container(bytes).map(|format| Error::CutOff { format })),
        Error::Foreign { .. } | Error::NoSound | Error::Media(_) => found(),
        _ => None,
    };
    explained.unwrap_or(error)
}

/// Names a format that is known by more than its first bytes.
fn pattern(bytes: &[u8]) -> Option<&'static str> {
    const SYNC: u8 = 0x47; // begins each packet of 188 bytes (ISO/IEC 13818-1)
    let has_sync = |places: [usize; 3]| places.iter().all(|at| bytes.get(*at) == Some(&SYNC));
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some("AVI"),
        [0x56, 0xE0..=0xFF, ..] => Some("AAC in LATM"), // 11 bits (ISO/IEC 14496-3)
        _ if has_sync([0, 188, 376]) => Some("MPEG-TS"),
        _ if has_sync([4, 196, 388]) => Some("M2TS"), // the same, each behind 4 bytes of time
        _ => None,
    }
}

/// Names the first stream in an Ogg file that is one of [`IN_OGG`].
fn in_ogg(bytes: &[u8]) -> Option<&'static str> {
    let packet = bytes.get(28..).filter(|_| bytes.starts_with(b"OggS"))?;
    IN_OGG.iter().find(|(name, _)| packet.starts_with(name)).map(|(_, format)| *format)
}

/// Names the container that a file begins as.
fn container(bytes: &[u8]) -> Option<&'static str> {
    let begins =
        |(at, name, _): &&(usize, &[u8], _)| bytes.get(*at..).is_some_and(|from| from.starts_with(name));
    CONTAINERS.iter().find(begins).map(|(.., format)| *format)
}

/// Names the first sound in an MP4 file that is one of [`IN_MP4`].
fn in_mp4(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let descriptions = (0..bytes.len()).filter_map(|at| bytes[at..].strip_prefix(b"stsd")?.get(12..));
    let named = |description: &[u8]| IN_MP4.iter().find(|(name, _)| description.starts_with(name));
    descriptions.filter_map(named).map(|(_, format)| *format).next()
}

/// Returns the error that names a codec, if it is one of those.
pub(super) fn name_codec(codec: AudioCodecId) -> Option<Error> {
    CODECS.iter().find(|(other, _)| *other == codec).map(|(_, format)| Error::Foreign { format })
}

/// Returns the error that names the encoding of a WAV file with this tag, which is not read.
pub(super) fn name_in_wav(tag: u16) -> Error {
    let named = IN_WAV.iter().find(|(other, _)| *other == tag);
    let other = "WAV of another encoding than PCM, floats, A-law, µ-law, ADPCM, MP2 or MP3";
    Error::Foreign { format: named.map_or(other, |(_, format)| format) }
}
