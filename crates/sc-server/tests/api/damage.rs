//! Clips that are damaged: each gets an answer that says so, or is heard all the same.

use std::{fs, path::Path};

use crate::helpers::{TestServer, read, wav};

/// A file of every format.
fn clips() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sc-data/tests/media");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The header fields of a plain WAV file, and what is written over them.
const WRONG_FIELDS: [(&str, usize, &[u8]); 6] = [
    ("no channel", 22, &[0, 0]),
    ("9 channels", 22, &[9, 0]),
    ("no sample rate", 24, &[0, 0, 0, 0]),
    ("3 kHz", 24, &[0xb8, 0x0b, 0, 0]),
    ("no bit", 34, &[0, 0]),
    ("no sample", 40, &[0, 0, 0, 0]),
];

#[test]
fn a_clip_of_any_format_that_is_cut_or_has_wrong_bits_gets_an_answer() {
    let server = TestServer::start();
    for (name, file) in clips() {
        let cuts = [1, 12, 30, 100, file.len() / 2, file.len() - 1];
        let mut damaged: Vec<_> =
            cuts.iter().map(|&length| (format!("{length} bytes"), file[..length].to_vec())).collect();
        for at in (0..64).chain((64..file.len()).step_by(file.len() / 24)) {
            let mut flipped = file.clone();
            flipped[at] ^= 1 << (at % 8);
            damaged.push((format!("byte {at}"), flipped));
        }
        for (what, bytes) in damaged {
            let (status, body) = read(server.predict(bytes));
            assert!(matches!(status, 200 | 413 | 415 | 422), "{name}, {what}: {status} {body}");
            assert_eq!(body["error"].is_string(), status != 200, "{name}, {what}: {body}");
        }
    }
    assert_eq!(server.predict(wav(200.0, 1.0, 16_000)).status(), 200);
}

#[test]
fn a_clip_of_no_channel_rate_or_sample_is_422_and_says_so() {
    let server = TestServer::start();
    for (what, at, value) in WRONG_FIELDS {
        let mut clip = wav(200.0, 1.0, 16_000);
        clip[at..at + value.len()].copy_from_slice(value);

        let (status, body) = read(server.predict(clip));

        assert_eq!(status, 422, "{what}: {body}");
        assert!(body["error"].as_str().unwrap().len() > 10, "{what}: {body}");
    }
}
