//! A telephone line: a narrow band, and eight bits a sample.

use std::f32::consts::TAU;

use crate::{SAMPLE_RATE_HZ, Waveform};

/// The band of an analogue line (ITU-T G.712).
const BAND_HZ: [f32; 2] = [300.0, 3_400.0];
/// Of mu-law (ITU-T G.711).
const MU: f32 = 255.0;
/// Steps of either sign of an 8-bit code.
const STEPS: f32 = 127.0;
/// The quality of each section of a Butterworth filter of eighth order.
const QUALITIES: [f32; 4] = [0.509_8, 0.601_3, 0.900_0, 2.562_9];

/// Passes a sound through a telephone: 300 to 3,400 Hz, coded by mu-law.
pub fn telephone(waveform: &mut Waveform) {
    let samples = waveform.samples_mut();
    let [low, high] = BAND_HZ;
    for quality in [QUALITIES[0], QUALITIES[3]] {
        filter(samples, low, quality, true);
    }
    low_pass(samples, high);
    for sample in &mut *samples {
        *sample = mu_law(*sample);
    }
    low_pass(samples, high); // a line's 8 kHz hold no noise of the code above its band
}

fn low_pass(samples: &mut [f32], hz: f32) {
    for quality in QUALITIES {
        filter(samples, hz, quality, false);
    }
}

/// A sample as it comes out of a mu-law code of eight bits.
fn mu_law(sample: f32) -> f32 {
    let code = (sample.abs().min(1.0) * MU).ln_1p() / MU.ln_1p();
    let code = (code * STEPS).round() / STEPS;
    ((code * MU.ln_1p()).exp_m1() / MU).copysign(sample)
}

/// A second-order section, high-pass or low-pass (Bristow-Johnson, Cookbook formulae for audio EQ).
fn filter(samples: &mut [f32], hz: f32, quality: f32, is_high_pass: bool) {
    let (sin, cos) = (TAU * hz / SAMPLE_RATE_HZ as f32).sin_cos();
    let alpha = sin / (2.0 * quality);
    let side = if is_high_pass { 1.0 + cos } else { 1.0 - cos };
    let middle = if is_high_pass { -side } else { side };
    let scale = 1.0 / (1.0 + alpha);
    let (b0, b1) = (side / 2.0 * scale, middle * scale);
    let (a1, a2) = (-2.0 * cos * scale, (1.0 - alpha) * scale);
    let (mut s1, mut s2) = (0.0, 0.0);
    for sample in samples {
        let x = *sample;
        let y = b0 * x + s1;
        s1 = b1 * x - a1 * y + s2;
        s2 = b0 * x - a2 * y;
        *sample = y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::N_SAMPLES;

    /// By how many dB a tone is softer behind the line.
    fn loss_db(hz: f32) -> f32 {
        let sample = |i: usize| 0.3 * (TAU * hz * i as f32 / SAMPLE_RATE_HZ as f32).sin();
        let tone = Waveform::from_samples(&(0..N_SAMPLES).map(sample).collect::<Vec<_>>());
        let mut heard = tone.clone();
        telephone(&mut heard);
        10.0 * (tone.energy() / heard.energy()).log10()
    }

    #[test]
    fn the_band_passes_and_what_is_outside_does_not() {
        for hz in [500.0, 1_000.0, 2_500.0] {
            assert!(loss_db(hz).abs() < 1.0, "{hz} Hz: {} dB", loss_db(hz));
        }
        for hz in [100.0, 4_600.0, 7_000.0] {
            assert!(loss_db(hz) > 20.0, "{hz} Hz: {} dB", loss_db(hz));
        }
    }

    #[test]
    fn mu_law_keeps_signs_and_levels_to_a_few_percent() {
        for sample in [-1.0, -0.3, -0.01, 0.02, 0.5, 1.0_f32] {
            assert!((mu_law(sample) / sample - 1.0).abs() < 0.04, "{sample} becomes {}", mu_law(sample));
        }
    }
}
