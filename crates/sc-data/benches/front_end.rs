//! Times one second of audio on one thread, from its bytes to its features.

use divan::Bencher;
use divan::black_box;
use sc_data::{Limits, LogMelConfig, Waveform, decode};

fn main() {
    divan::main();
}

/// A second of 16-bit mono at `rate_hz` in a WAV file: a tone over noise.
fn wav(rate_hz: u32) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a header in memory");
    let mut noise = 1_u32;
    for n in 0..rate_hz {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let tone = (f64::from(n) * 0.1).sin() * 8_000.0;
        writer.write_sample(tone as i16 + (noise >> 20) as i16).expect("a sample in memory");
    }
    writer.finalize().expect("a file in memory");
    bytes.into_inner()
}

#[divan::bench(args = [16_000, 44_100, 48_000, 44_101])]
fn decode_wav(bencher: Bencher, rate_hz: u32) {
    let bytes = wav(rate_hz);
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
