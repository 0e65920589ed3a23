//! Times one second of audio on one thread, from its bytes to its features.

use std::fs;

use divan::Bencher;
use divan::black_box;
use sc_data::{Limits, LogMelConfig, Waveform, decode};

fn main() {
    divan::main();
}

/// A second of 16-bit mono at `rate_hz` in a WAV file: a tone over noise.
fn wav(rate_hz: u32) -> Vec<u8> {
    let mut noise = 1_u32;
    let sample = |n: u32| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let tone = (f64::from(n) * 0.1).sin() * 8_000.0;
        tone as i16 + (noise >> 20) as i16
    };
    sc_test::wav::encode(&(0..rate_hz).map(sample).collect::<Vec<_>>(), rate_hz)
}

#[divan::bench(args = [16_000, 44_100, 48_000, 44_101])]
fn decode_wav(bencher: Bencher, rate_hz: u32) {
    let bytes = wav(rate_hz);
    bencher.bench(|| decode(black_box(&bytes), &Limits::default()));
}

/// The same word in the codecs that compress it.
#[divan::bench(args = ["aac", "flac", "m4a", "mp2", "mp3", "ogg", "opus"])]
fn decode_codec(bencher: Bencher, format: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/media/word.");
    let bytes = fs::read(format!("{path}{format}")).expect("a file of the tests");
    bencher.bench(|| decode(black_box(&bytes), &Limits::default()));
}

#[divan::bench]
fn waveform(bencher: Bencher) {
    let bytes = wav(16_000);
    bencher.bench(|| Waveform::decode(black_box(&bytes), &Limits::default()));
}

#[divan::bench]
fn log_mel(bencher: Bencher) {
    let waveform = Waveform::decode(&wav(16_000), &Limits::default()).expect("a valid WAV");
    let log_mel = LogMelConfig::default().init();
    let mut scratch = log_mel.scratch();
    let mut features = vec![0.0; 101 * 40];
    bencher.bench_local(|| log_mel.compute_into(black_box(&waveform), &mut scratch, &mut features));
}
