//! A telephone line: a narrow band, and eight bits a sample.

use crate::Waveform;
use crate::filter::Section;

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
    // Fourth order, with a rise of 2.8 dB at 350 Hz.
    for quality in [QUALITIES[0], QUALITIES[3]] {
        filter(samples, Section::high_pass(low, quality));
    }
    low_pass(samples, high);
    for sample in &mut *samples {
        *sample = mu_law(*sample);
    }
    low_pass(samples, high); // a line's 8 kHz hold no noise of the code above its band
}

fn low_pass(samples: &mut [f32], hz: f32) {
    for quality in QUALITIES {
        filter(samples, Section::low_pass(hz, quality));
    }
}

/// A sample as it comes out of a mu-law code of eight bits.
fn mu_law(sample: f32) -> f32 {
    let code = (sample.abs().min(1.0) * MU).ln_1p() / MU.ln_1p();
    let code = (code * STEPS).round() / STEPS;
    ((code * MU.ln_1p()).exp_m1() / MU).copysign(sample)
}

fn filter(samples: &mut [f32], mut section: Section) {
    for sample in samples {
        *sample = section.pass(*sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waveform::tone;

    /// By how many dB a tone is softer behind the line.
    fn loss_db(hz: f32) -> f32 {
        let tone = tone(hz, 0.3);
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
