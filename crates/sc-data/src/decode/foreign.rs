//! Names of formats that are not read, so that an error says what a file is.

use symphonia::core::codecs::audio::{AudioCodecId, well_known as codec};

use crate::Error;

/// The bytes that files of a format begin with.
const BEGINNINGS: [(&[u8], &str); 19] = [
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
const IN_WAV: [(u16, &str); 21] = [
    (0x0020, "Yamaha ADPCM in WAV"),
    (0x0022, "TrueSpeech in WAV"),
    (0x0031, "GSM 6.10 in WAV"),
    (0x0032, "GSM 6.10 in WAV"),
    (0x0042, "G.723.1 in WAV"),
    (0x0045, "G.726 in WAV"),
    (0x0050, "MP2 in WAV"),
    (0x0055, "MP3 in WAV"),
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

/// Returns the error that names the format of `bytes`, if it is one of those.
pub(super) fn name(bytes: &[u8]) -> Option<Error> {
    if bytes.is_empty() {
        return Some(Error::Empty);
    }
    let begins = |(beginning, _): &&(&[u8], _)| bytes.starts_with(beginning);
    let in_ogg =
        |(name, _): &&(&[u8], _)| bytes.starts_with(b"OggS") && bytes.get(28..28 + name.len()) == Some(name);
    let found =
        BEGINNINGS.iter().find(begins).or_else(|| IN_OGG.iter().find(in_ogg)).map(|(_, format)| *format);
    found.or_else(|| pattern(bytes)).or_else(|| in_mp4(bytes)).map(|format| Error::Foreign { format })
}

/// Names a format that is known by more than its first bytes.
fn pattern(bytes: &[u8]) -> Option<&'static str> {
    const SYNC: u8 = 0x47; // every 188 bytes (ISO/IEC 13818-1)
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some("AVI"),
        [SYNC, ..] if [188, 376].iter().all(|at| bytes.get(*at) == Some(&SYNC)) => Some("MPEG-TS"),
        [0x56, 0xE0..=0xFF, ..] => Some("AAC in LATM"), // 11 bits (ISO/IEC 14496-3)
        _ => None,
    }
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

/// Returns the error that names the encoding of a WAV file with this tag, if it is one of those.
pub(super) fn name_in_wav(tag: u16) -> Option<Error> {
    IN_WAV.iter().find(|(other, _)| *other == tag).map(|(_, format)| Error::Foreign { format })
}
