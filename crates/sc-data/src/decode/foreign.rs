//! Names of formats that are not read, so that an error says what a file is.

use crate::Error;

/// The bytes that files of a format begin with.
const BEGINNINGS: [(&[u8], &str); 16] = [
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
    (b"MThd", "MIDI: notes and no sound"),
];

/// Names of the first packet of an Ogg stream.
const IN_OGG: [(&[u8], &str); 2] = [(b"Speex   ", "Speex"), (b"\x80theora", "Ogg video")];

/// Tags of WAV's format chunk (RFC 2361).
const IN_WAV: [(u16, &str); 12] = [
    (0x0022, "TrueSpeech in WAV"),
    (0x0031, "GSM 6.10 in WAV"),
    (0x0032, "GSM 6.10 in WAV"),
    (0x0042, "G.723.1 in WAV"),
    (0x0045, "G.726 in WAV"),
    (0x0064, "G.726 in WAV"),
    (0x0065, "G.722 in WAV"),
    (0x0083, "G.729 in WAV"),
    (0x0160, "WMA in WAV"),
    (0x0161, "WMA in WAV"),
    (0x2000, "AC-3 in WAV"),
    (0xA109, "Speex in WAV"),
];

/// Returns the error that names the format of `bytes`, if it is one of those.
pub(super) fn name(bytes: &[u8]) -> Option<Error> {
    let begins = |(beginning, _): &&(&[u8], _)| bytes.starts_with(beginning);
    let in_ogg =
        |(name, _): &&(&[u8], _)| bytes.starts_with(b"OggS") && bytes.get(28..28 + name.len()) == Some(name);
    let found = BEGINNINGS.iter().find(begins).or_else(|| IN_OGG.iter().find(in_ogg));
    found.map(|(_, format)| Error::Foreign { format })
}

/// Returns the error that names the encoding of a WAV file with this tag, if it is one of those.
pub(super) fn name_in_wav(tag: u16) -> Option<Error> {
    IN_WAV.iter().find(|(other, _)| *other == tag).map(|(_, format)| Error::Foreign { format })
}
