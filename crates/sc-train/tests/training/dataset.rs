//! A data set in the layout of the published archive, of sounds made up here: vowel-like, each word a
//! glide of its own between two timbres, each speaker with a pitch of their own.

use std::f32::consts::TAU;
use std::fs;
use std::path::Path;

use sc_data::Split;

const SAMPLE_RATE: u32 = 16_000;

/// Words and their two resonances in Hz, at the beginning and at the end. `bed` is no command.
const WORDS: [(&str, [f32; 2], [f32; 2]); 4] = [
    ("yes", [300.0, 2300.0], [500.0, 1800.0]),
    ("no", [500.0, 900.0], [350.0, 700.0]),
    ("stop", [700.0, 1200.0], [250.0, 3000.0]),
    ("bed", [600.0, 1700.0], [600.0, 1700.0]),
];

/// Writes every word by 24 speakers for training and 6 for validation, and two noises.
pub fn write(root: &Path) {
    let speakers = (0..).map(|i| format!("{:08x}", 0x9e37_79b9_u32.wrapping_mul(i)));
    let of = |split: Split| speakers.clone().filter(move |speaker| Split::of_speaker(speaker) == split);
    let mut list = String::new();
    for (n, split) in [(24, Split::Train), (6, Split::Validation)] {
        for (i, speaker) in of(split).take(n).enumerate() {
            for word in WORDS {
                let name = format!("{}/{speaker}_nohash_0.wav", word.0);
                wav(&root.join(&name), &spoken(word, 110.0 + 7.0 * i as f32));
                if split == Split::Validation {
                    list.extend([&name, "\n"]);
                }
            }
        }
    }
    fs::write(root.join("validation_list.txt"), list).unwrap();
    fs::write(root.join("testing_list.txt"), "").unwrap();
    wav(&root.join("_background_noise_/hiss.wav"), &hiss(12.0, 0.2));
    wav(&root.join("_background_noise_/hum.wav"), &hum(12.0));
}

/// One of the words, at a pitch.
pub fn spoken((_, start, end): (&str, [f32; 2], [f32; 2]), pitch_hz: f32) -> Vec<f32> {
    let sample = |i: u32| {
        let t = i as f32 / SAMPLE_RATE as f32;
        let share = ((t - 0.2) / 0.6).clamp(0.0, 1.0);
        let loudness = (std::f32::consts::PI * share).sin();
        let resonances = [0, 1].map(|k| start[k] + share * (end[k] - start[k]));
        let harmonic = |k: u32| {
            let hz = pitch_hz * k as f32;
            let gain: f32 = resonances.iter().map(|r| (-((hz - r) / 120.0).powi(2)).exp()).sum();
            gain * (TAU * hz * t).sin()
        };
        0.3 * loudness * (1..40).map(harmonic).sum::<f32>()
    };
    (0..SAMPLE_RATE).map(sample).collect()
}

/// The word of that name.
pub fn word(name: &str) -> (&'static str, [f32; 2], [f32; 2]) {
    WORDS.into_iter().find(|word| word.0 == name).unwrap()
}

fn hiss(seconds: f32, loudness: f32) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        loudness * (state as f32 / u32::MAX as f32 - 0.5)
    };
    (0..(seconds * SAMPLE_RATE as f32) as u32).map(|_| next()).collect()
}

fn hum(seconds: f32) -> Vec<f32> {
    let n_samples = (seconds * SAMPLE_RATE as f32) as u32;
    (0..n_samples).map(|i| 0.2 * (TAU * 100.0 * i as f32 / SAMPLE_RATE as f32).sin()).collect()
}

/// Writes samples as a 16-bit file.
pub fn wav(path: &Path, samples: &[f32]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        writer.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}
