//! Log-mel features against torchaudio's in float64; see `scripts/golden_log_mel.py`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::Path;

use sc_data::{Limits, LogMelConfig, Waveform};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    /// The largest difference allowed, in log units.
    tolerance: f32,
    #[serde(default)]
    front_end: LogMelConfig,
    /// `[n_frames, n_mels]`.
    log_mel: Vec<Vec<f32>>,
}

/// Asserts that the features of `tests/golden/<name>.wav` are those of `<name>.json`.
fn check(name: &str) {
    check_against(name, name);
}

/// Asserts that the features of `tests/golden/<name>.wav` are those of `<golden>.json`.
fn check_against(name: &str, golden: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let wav = fs::read(folder.join(name).with_extension("wav")).unwrap();
    let golden = fs::read(folder.join(golden).with_extension("json")).unwrap();
    let golden: Golden = serde_json::from_slice(&golden).unwrap();

    let waveform = Waveform::decode(&wav, &Limits::default()).unwrap();
    let features = golden.front_end.init().compute(&waveform);
    assert_eq!(features.shape(), [golden.log_mel.len(), golden.log_mel[0].len()]);

    let expected = golden.log_mel.concat();
    let difference = |i: &usize| (features.values()[*i] - expected[*i]).abs();
    let worst = (0..expected.len()).max_by(|a, b| difference(a).total_cmp(&difference(b))).unwrap();
    println!("{name}: {}", difference(&worst));
    assert!(
        difference(&worst) <= golden.tolerance,
        "{name}, frame {}, band {}: {}, expected {}",
        worst / features.shape()[1],
        worst % features.shape()[1],
        features.values()[worst],
        expected[worst],
    );
}

#[test]
fn speech_is_as_torchaudio_hears_it() {
    check("speech-16000-1");
}

#[test]
fn another_front_end_hears_speech_as_torchaudio_does() {
    check_against("speech-16000-1", "speech-front-end");
}

#[test]
fn a_full_scale_sine_is_as_torchaudio_hears_it() {
    check("sine-16000-1");
}

#[test]
fn a_chirp_is_as_torchaudio_hears_it() {
    check("chirp-16000-1");
}

#[test]
fn noise_is_as_torchaudio_hears_it() {
    check("noise-16000-1");
}

#[test]
fn an_impulse_is_as_torchaudio_hears_it() {
    check("impulse-16000-1");
}

#[test]
fn silence_is_as_torchaudio_hears_it() {
    check("silence-16000-1");
}

#[test]
fn stereo_at_44100_hz_is_as_if_recorded_at_16000() {
    check("tones-44100-2");
}

#[test]
fn mono_at_8000_hz_is_as_if_recorded_at_16000() {
    check("tones-8000-1");
}
