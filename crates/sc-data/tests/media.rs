//! Every format that is understood, as ffmpeg writes it: see `scripts/media_samples.sh`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::{
    fs::{self, File},
    path::Path,
};

use hound::{SampleFormat, WavSpec};
use proptest::prelude::*;
use sc_data::{Blocks, Error, Limits, decode};

/// A codec may delay the sound by so many samples: 128 ms.
const MAX_DELAY: usize = 2_048;

fn read(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/media").join(name)).unwrap()
}

fn decoded(name: &str) -> Vec<f32> {
    decode(&read(name), &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// How much stronger `expected` is than its difference from `got`, at the delay of `got` that suits it best.
fn snr_db(expected: &[f32], got: &[f32]) -> f64 {
    let distance = |delay: usize| -> f64 {
        let [expected, got] = if delay < MAX_DELAY {
            [&expected[MAX_DELAY - delay..], got]
        } else {
            [expected, &got[(delay - MAX_DELAY).min(got.len())..]]
        };
        expected.iter().zip(got).map(|(a, b)| f64::from(a - b).powi(2)).sum()
    };
    let energy: f64 = expected.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let least = (0..=2 * MAX_DELAY).map(distance).fold(f64::INFINITY, f64::min);
    10.0 * (energy / least.max(1e-12)).log10()
}

#[test]
fn lossless_formats_give_the_samples_of_the_wav_file() {
    let word = decoded("word.wav");
    for name in
        ["word.aiff", "word.flac", "word.caf", "alac.m4a", "double.wav", "word.au", "word.w64", "rf64.wav"]
    {
        assert_eq!(decoded(name), word, "{name}");
    }
}

/// All samples of a file, block by block.
fn in_blocks(path: &Path) -> Result<Vec<f32>, Error> {
    let mut blocks = Blocks::open(File::open(path).unwrap())?;
    let mut samples = Vec::new();
    while let Some(block) = blocks.next_block()? {
        samples.extend(block);
    }
    Ok(samples)
}

#[test]
fn blocks_give_the_samples_of_the_whole() {
    for file in fs::read_dir("tests/media").unwrap() {
        let path = file.unwrap().path();
        let whole = decode(&fs::read(&path).unwrap(), &Limits::default());
        let blocks = in_blocks(&path);
        match (whole, blocks) {
            (Ok(whole), Ok(blocks)) => assert!(whole == blocks, "{}", path.display()),
            (Err(whole), Err(blocks)) => {
                assert_eq!(whole.to_string(), blocks.to_string(), "{}", path.display());
            }
            (whole, blocks) => panic!("{}: {whole:?}, {blocks:?}", path.display()),
        }
    }
}

#[test]
fn a_wav_file_of_several_blocks_is_the_same_at_every_rate() {
    let dir = tempfile::tempdir().unwrap();
    for (rate_hz, channels, name) in [(16_000, 1, "a.wav"), (44_100, 2, "b.wav"), (8_000, 1, "c.wav")] {
        let path = dir.path().join(name);
        let spec =
            WavSpec { channels, sample_rate: rate_hz, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let samples: Vec<i16> =
            (0..rate_hz * u32::from(channels) * 40).map(|n| (n % 1_009 * 31) as i16).collect();
        let mut bytes = sc_test::wav::encode_as(spec, &samples);
        fs::write(&path, &bytes).unwrap();
        let limits = Limits { max_seconds: 60, ..Limits::default() };
        assert!(in_blocks(&path).unwrap() == decode(&bytes, &limits).unwrap(), "{rate_hz} Hz");

        // As a stream writes it: without sizes, and cut off within a sample.
        bytes[4..8].fill(0xFF);
        bytes[40..44].fill(0);
        bytes.truncate(bytes.len() - 1_001);
        fs::write(&path, &bytes).unwrap();
        assert!(in_blocks(&path).unwrap() == decode(&bytes, &limits).unwrap(), "{rate_hz} Hz, streamed");
    }
}

#[test]
fn a_file_that_is_no_sound_is_refused_in_blocks_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    for bytes in [&b"notes"[..], b"", b"RIFF\0\0\0\0WAVEfmt "] {
        fs::write(&path, bytes).unwrap();
        assert!(in_blocks(&path).is_err(), "{bytes:?}");
    }
    let empty = sc_test::wav::encode(&[], 16_000);
    fs::write(&path, empty).unwrap();
    assert!(matches!(in_blocks(&path), Err(Error::Empty)));
}

#[test]
fn logarithmic_samples_are_expanded() {
    // 8 bits of A-law or µ-law: 35 dB and a little more for speech (ITU-T G.711).
    for name in ["alaw.wav", "mulaw.wav"] {
        let snr_db = snr_db(&decoded("word.wav"), &decoded(name));
        assert!(snr_db > 33.0, "{name}: {snr_db} dB");
    }
}

#[test]
fn differences_of_four_bits_are_added_up() {
    // As dictaphones and telephone systems write them.
    for name in ["ima-adpcm.wav", "ms-adpcm.wav"] {
        let snr_db = snr_db(&decoded("word.wav"), &decoded(name));
        assert!(snr_db > 18.0, "{name}: {snr_db} dB");
    }
}

#[test]
fn sound_behind_a_large_cover_is_found() {
    let size: u32 = 1_500_000;
    let syncsafe = [21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7F);
    let tag = [&b"ID3\x04\0\0"[..], &syncsafe, &vec![0xFF; size as usize]].concat();
    let tagged = [tag.clone(), read("word.mp3")].concat();
    assert_eq!(decode(&tagged, &Limits::default()).unwrap(), decoded("word.mp3"));
    let error = decode(&tag, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::NotAudio), "{error}");
}

#[test]
fn lossy_formats_give_what_other_decoders_do() {
    for (name, judge) in [
        ("word.mp3", "word.mp3.wav"),
        ("word.mp2", "word.mp2.wav"),
        ("word.ogg", "word.ogg.wav"),
        ("word.m4a", "word.m4a.wav"),
        ("word.aac", "word.m4a.wav"),
        ("word.opus", "word.opus.wav"),
        ("word.webm", "word.opus.wav"),
    ] {
        let snr_db = snr_db(&decoded(judge), &decoded(name));
        assert!(snr_db >= 40.0, "{name}: {snr_db} dB");
    }
}

#[test]
fn a_recording_longer_than_allowed_is_refused_while_it_is_decoded() {
    let limits = Limits { max_seconds: 0, ..Limits::default() };
    for name in ["word.flac", "word.mp3", "word.opus", "word.webm"] {
        let error = decode(&read(name), &limits).unwrap_err();
        assert!(matches!(error, Error::TooLong { limit_s: 0 }), "{name}: {error}");
    }
}

#[test]
fn text_is_no_recording() {
    let text = "All work and no play makes Jack a dull boy.\n".repeat(500);
    let error = decode(text.as_bytes(), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::NotAudio), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_files_decode_or_refuse_but_never_panic(
        name in prop::sample::select(vec![
            "word.aiff", "word.flac", "word.caf", "alac.m4a", "word.mp3", "word.ogg", "word.m4a", "word.aac",
            "word.opus", "word.webm", "word.mp2", "word.au", "word.w64", "rf64.wav", "ima-adpcm.wav", "ms-adpcm.wav",
        ]),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = read(name);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(length.index(bytes.len()));
        if let Ok(samples) = decode(&bytes, &Limits::default()) {
            prop_assert!(samples.iter().all(|sample| sample.is_finite()));
        }
    }
}
