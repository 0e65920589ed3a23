//! A data set in the layout of the published archive, of synthetic vowel-like sounds.
//!
//! Each word glides between two timbres of its own, and each speaker has their own pitch.

use std::f32::consts::{PI, TAU};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use sc_data::{SAMPLE_RATE_HZ, Split};

use crate::wav;

/// A word: its name, and its two resonances in Hz at the beginning and at the end.
type Word = (&'static str, [f32; 2], [f32; 2]);

/// The words of the data set. `bed` is not one of the commands.
const WORDS: [Word; 4] = [
    ("yes", [300.0, 2300.0], [500.0, 1800.0]),
    ("no", [500.0, 900.0], [350.0, 700.0]),
    ("stop", [700.0, 1200.0], [250.0, 3000.0]),
    ("bed", [600.0, 1700.0], [600.0, 1700.0]),
];

/// All clips of the data set, with their split and their path.
static CLIPS: LazyLock<Vec<(Split, String, Vec<i16>)>> = LazyLock::new(|| {
    let speakers = (0..).map(|i| format!("{:08x}", 0x9e37_79b9_u32.wrapping_mul(i)));
    let of = |split: Split| speakers.clone().filter(move |speaker| Split::of_speaker(speaker) == split);
    let mut clips = Vec::new();
    for (n, split) in [(24, Split::Train), (6, Split::Validation)] {
        for (i, speaker) in of(split).take(n).enumerate() {
            for (word, ..) in WORDS {
                let path = format!("{word}/{speaker}_nohash_0.wav");
                clips.push((split, path, spoken(word, 110.0 + 7.0 * i as f32)));
            }
        }
    }
    clips
});

/// Writes each word by 24 speakers for training and 6 for validation, and two background noises.
pub fn write(root: &Path) {
    let mut list = String::new();
    for (split, path, samples) in &*CLIPS {
        wav::write(&root.join(path), samples);
        if *split == Split::Validation {
            list.extend([path, "\n"]);
        }
    }
    fs::write(root.join("validation_list.txt"), list).unwrap();
    fs::write(root.join("testing_list.txt"), "").unwrap();
    wav::write(&root.join("_background_noise_/hiss.wav"), &hiss(12.0, 0.2));
    wav::write(&root.join("_background_noise_/hum.wav"), &hum(12.0));
}

/// Returns one second of a word of the data set (`yes`, `no`, `stop` or `bed`) at 16 kHz.
pub fn spoken(word: &str, pitch_hz: f32) -> Vec<i16> {
    let (_, start, end) = WORDS.into_iter().find(|(name, ..)| *name == word).unwrap();
    let sample = |i: u32| {
        let t = i as f32 / SAMPLE_RATE_HZ as f32;
        let share = ((t - 0.2) / 0.6).clamp(0.0, 1.0);
        let loudness = (PI * share).sin();
        let resonances = [0, 1].map(|k| start[k] + share * (end[k] - start[k]));
        let harmonic = |k: u32| {
            let hz = pitch_hz * k as f32;
            let gain: f32 = resonances.iter().map(|r| (-((hz - r) / 120.0).powi(2)).exp()).sum();
            gain * (TAU * hz * t).sin()
        };
        pcm(0.3 * loudness * (1..40).map(harmonic).sum::<f32>())
    };
    (0..SAMPLE_RATE_HZ).map(sample).collect()
}

fn hiss(seconds: f32, loudness: f32) -> Vec<i16> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        pcm(loudness * (state as f32 / u32::MAX as f32 - 0.5))
    };
    (0..(seconds * SAMPLE_RATE_HZ as f32) as u32).map(|_| next()).collect()
}

fn hum(seconds: f32) -> Vec<i16> {
    let n_samples = (seconds * SAMPLE_RATE_HZ as f32) as u32;
    (0..n_samples).map(|i| pcm(0.2 * (TAU * 100.0 * i as f32 / SAMPLE_RATE_HZ as f32).sin())).collect()
}

fn pcm(sample: f32) -> i16 {
    (sample * 32_767.0) as i16
}
