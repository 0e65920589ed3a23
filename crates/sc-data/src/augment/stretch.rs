//! Speed, tempo and pitch.

use std::f32::consts::PI;

use crate::N_SAMPLES;

/// Samples of a piece of [`tempo`]: 32 ms, two periods of a low voice.
const PIECE: usize = 512;
/// Pieces overlap by half, so that two Hann windows add up to one.
const STEP: usize = PIECE / 2;
/// Largest distance of a piece from its place: 10 ms either way, a period of a low voice.
const REACH: usize = 160;
/// One sample in so many is compared, at one place in so many: the likeness of speech is not finer.
const SPARSE: usize = 4;

/// A sound `factor` times as fast and as high, about the middle of the second.
pub fn speed(sound: &[f32], factor: f32) -> Vec<f32> {
    let middle = sound.len() as f32 / 2.0;
    let sample = |i: usize| {
        let position = middle + (i as f32 - middle) * factor;
        if position <= -1.0 {
            return 0.0;
        }
        // One further on, so that it is not negative: then a cast is its floor.
        let after = (position + 1.0) as usize;
        let share = position + 1.0 - after as f32;
        let at = |i: Option<usize>| i.and_then(|i| sound.get(i)).copied().unwrap_or(0.0);
        at(after.checked_sub(1)) * (1.0 - share) + at(Some(after)) * share
    };
    (0..sound.len()).map(sample).collect()
}

/// A second of sound `factor` times as fast with the same pitch, about its middle, by overlapping pieces where they fit
/// best (WSOLA, Verhelst and Roelands, ICASSP 1993).
pub fn tempo(sound: &[f32], factor: f32) -> Vec<f32> {
    let middle = N_SAMPLES as f32 / 2.0;
    let window: Vec<f32> = (0..PIECE).map(|i| (PI * (i as f32 + 0.5) / PIECE as f32).sin().powi(2)).collect();
    // Half a piece before the second, so that its beginning is covered twice too.
    let mut stretched = vec![0.0; STEP + N_SAMPLES + PIECE];
    let mut follows: Option<isize> = None;
    for start in (0..STEP + N_SAMPLES).step_by(STEP) {
        // The middle of the piece begins `start` samples into the second.
        let wanted = (middle + (start as f32 - middle) * factor) as isize - STEP as isize;
        let from = follows.map_or(wanted, |follows| best_fit(sound, wanted, follows));
        for (i, (out, weight)) in stretched[start..].iter_mut().zip(&window).enumerate() {
            *out += weight * at(sound, from + i as isize);
        }
        follows = Some(from + STEP as isize);
    }
    stretched.drain(..STEP);
    stretched.truncate(N_SAMPLES);
    stretched
}

/// A second of sound `semitones` higher and as fast as before.
pub fn pitch(sound: &[f32], semitones: f32) -> Vec<f32> {
    let factor = 2.0_f32.powf(semitones / 12.0);
    speed(&tempo(sound, factor.recip()), factor)
}

/// The place near `wanted` from where the sound is most like that from `follows` on.
fn best_fit(sound: &[f32], wanted: isize, follows: isize) -> isize {
    let likeness = |from: isize| -> f32 {
        let samples = (0..STEP as isize).step_by(SPARSE);
        samples.map(|i| at(sound, from + i) * at(sound, follows + i)).sum()
    };
    let reach = REACH as isize;
    let places = (wanted - reach..=wanted + reach).step_by(SPARSE).chain([wanted]);
    let rated = places.map(|place| (likeness(place), place));
    rated.max_by(|(a, _), (b, _)| a.total_cmp(b)).map_or(wanted, |(_, place)| place)
}

/// Zero outside.
fn at(sound: &[f32], i: isize) -> f32 {
    usize::try_from(i).ok().and_then(|i| sound.get(i)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SAMPLE_RATE_HZ;

    fn tone(hz: f32) -> Vec<f32> {
        (0..N_SAMPLES).map(|i| (2.0 * PI * hz * i as f32 / SAMPLE_RATE_HZ as f32).sin()).collect()
    }

    /// Half a second of a tone in the middle.
    fn word(hz: f32) -> Vec<f32> {
        let mut word = tone(hz);
        word[..N_SAMPLES / 4].fill(0.0);
        word[3 * N_SAMPLES / 4..].fill(0.0);
        word
    }

    /// Periods in a sound, and the share of the second that it fills.
    fn measure(sound: &[f32]) -> (usize, f32) {
        let periods = sound.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        let loud = sound.iter().filter(|x| x.abs() > 0.1).count() as f32 / N_SAMPLES as f32;
        (periods, loud / 0.936) // a sine is that often above a tenth
    }

    #[test]
    fn twice_the_speed_is_twice_the_pitch_in_half_the_time() {
        let fast = speed(&tone(100.0), 2.0);
        let middle = &fast[N_SAMPLES / 4 + 10..N_SAMPLES * 3 / 4 - 10];
        assert!(measure(middle).0.abs_diff(100) <= 1, "{} periods in half a second", measure(middle).0);
        assert!(fast[..N_SAMPLES / 4 - 10].iter().all(|x| *x == 0.0));
        assert_eq!(speed(&tone(100.0), 1.0), tone(100.0));
    }

    #[test]
    fn tempo_changes_the_length_and_not_the_pitch() {
        for factor in [0.8, 1.25] {
            let (periods, length) = measure(&tempo(&word(200.0), factor));
            assert!((length - 0.5 / factor).abs() < 0.03, "{length} s at {factor}");
            let hz = periods as f32 / length;
            assert!((hz - 200.0).abs() < 8.0, "{hz} Hz at {factor}");
        }
    }

    #[test]
    fn pitch_changes_and_the_length_does_not() {
        for (semitones, expected) in [(12.0, 400.0), (-4.0, 158.7)] {
            let (periods, length) = measure(&pitch(&word(200.0), semitones));
            assert!((length - 0.5).abs() < 0.05, "{length} s");
            let hz = periods as f32 / length;
            assert!((hz / expected - 1.0).abs() < 0.06, "{hz} Hz, {expected} expected");
        }
    }
}
