//! Tones from sample to sample.

use std::f32::consts::TAU;

use crate::SAMPLE_RATE_HZ;

/// The phase of a tone a sample later.
pub fn advance(phase: f32, hz: f32) -> f32 {
    let phase = phase + TAU * hz / SAMPLE_RATE_HZ as f32;
    if phase < TAU { phase } else { phase - TAU }
}

/// The sum of `loudness[k - 1] sin(k phase)`, by `sin((k + 1) x) = 2 cos(x) sin(k x) - sin((k - 1) x)`: a
/// sine a harmonic would take most of a training step.
pub fn overtones(phase: f32, loudness: &[f32]) -> f32 {
    let (sin, cos) = phase.sin_cos();
    let (mut before, mut now, mut sum) = (0.0, sin, 0.0);
    for loudness in loudness {
        sum += loudness * now;
        (before, now) = (now, 2.0 * cos * now - before);
    }
    sum
}

/// A sine from sample to sample, as one turned by a little each time.
pub fn sine(hz: f32, phase: f32) -> impl Iterator<Item = f32> {
    let (turn_sin, turn_cos) = (TAU * hz / SAMPLE_RATE_HZ as f32).sin_cos();
    let turn = move |(sin, cos): &(f32, f32)| {
        Some((sin * turn_cos + cos * turn_sin, cos * turn_cos - sin * turn_sin))
    };
    std::iter::successors(Some(phase.sin_cos()), turn).map(|(sin, _)| sin)
}

/// Loudness from sample to sample of a sound that fades to 1/e within `seconds`, down to -80 dB.
pub fn fade(seconds: f32) -> impl Iterator<Item = f32> {
    let share = (-1.0 / (seconds * SAMPLE_RATE_HZ as f32)).exp();
    std::iter::successors(Some(1.0), move |loudness| Some(loudness * share))
        .take_while(|loudness| *loudness > 1e-4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overtones_are_sines() {
        let loudness = [0.5, 0.0, 1.0, 0.3, 0.2, 0.1, 0.7];
        for phase in (0..100).map(|i| i as f32 * 0.0628) {
            let sines: f32 = loudness.iter().zip(1..).map(|(l, k)| l * (k as f32 * phase).sin()).sum();
            assert!((overtones(phase, &loudness) - sines).abs() < 1e-4, "at {phase}");
        }
    }
}
