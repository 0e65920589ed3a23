//! Sounds that no recording holds: words that nobody says, and noises of many kinds.
//!
//! A network that has heard few words and six noises takes the next for a command. These give it
//! more of both.

use std::f32::consts::TAU;

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use sc_data::{N_SAMPLES, SAMPLE_RATE_HZ};

/// Samples over which two pieces of speech melt into each other: 10 ms.
const CROSSFADE: usize = 160;

/// The beginning of one word and the end of another, cut within each by about the same share of it:
/// a word that nobody says, about as long as those it is made of.
pub fn splice(first: &[f32], second: &[f32], rng: &mut impl Rng) -> Vec<f32> {
    let share: f32 = rng.random_range(0.25..0.75);
    let cut = |word: &[f32], share: f32| {
        let spoken = spoken(word);
        spoken.start + (share * spoken.len() as f32) as usize
    };
    let leave = cut(first, share);
    let enter = cut(second, share + rng.random_range(-0.1..0.1));
    let sample = |i: usize| {
        let share = ((i as f32 - leave as f32) / CROSSFADE as f32).clamp(0.0, 1.0);
        let [a, b] = [first.get(i), second.get((i + enter).wrapping_sub(leave))];
        let [a, b] = [a, b].map(|sample| sample.copied().unwrap_or(0.0));
        a + share * (b - a)
    };
    (0..first.len()).map(sample).collect()
}

/// Where in a clip the word is: from the first 10 ms that are at most 20 dB softer than the loudest to
/// the last.
fn spoken(word: &[f32]) -> std::ops::Range<usize> {
    const FRAME: usize = SAMPLE_RATE_HZ as usize / 100;
    let energy = |frame: &[f32]| frame.iter().map(|x| x * x).sum::<f32>();
    let energies: Vec<f32> = word.chunks(FRAME).map(energy).collect();
    let floor = 0.01 * energies.iter().copied().fold(0.0, f32::max);
    let is_loud = |energy: &f32| *energy >= floor;
    let first = energies.iter().position(is_loud).unwrap_or(0);
    let last = energies.iter().rposition(is_loud).unwrap_or(0);
    first * FRAME..word.len().min((last + 1) * FRAME)
}

/// About a syllable of a word, alone.
pub fn piece(word: &[f32], rng: &mut impl Rng) -> Vec<f32> {
    let spoken = spoken(word);
    let len = (rng.random_range(0.3..0.6) * spoken.len() as f32) as usize;
    let start = spoken.start + rng.random_range(0..=spoken.len() - len);
    let sample = |(i, sample): (usize, &f32)| {
        let from_edge = i.saturating_sub(start).min((start + len).saturating_sub(i));
        sample * (from_edge as f32 / CROSSFADE as f32).min(1.0)
    };
    word.iter().enumerate().map(sample).collect()
}

/// A word's thirds in another order.
pub fn shuffle_thirds(word: &[f32], rng: &mut impl Rng) -> Vec<f32> {
    const ORDERS: [[usize; 3]; 4] = [[1, 0, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]];
    let third = word.len() / 3;
    let order = ORDERS.choose(rng).unwrap_or(&ORDERS[0]);
    let mut shuffled = Vec::with_capacity(word.len());
    for part in order {
        shuffled.extend_from_slice(&word[part * third..(part + 1) * third]);
    }
    shuffled.extend_from_slice(&word[3 * third..]);
    shuffled
}

/// A sound `factor` times as fast and as high, about the middle of the second.
pub fn change_speed(sound: &[f32], factor: f32) -> Vec<f32> {
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

/// A second of a noise that was never recorded, at full scale or less.
pub fn noise(rng: &mut impl Rng) -> Vec<f32> {
    let both = |a: Vec<f32>, b: Vec<f32>| a.iter().zip(b).map(|(a, b)| a + b).collect();
    let mut noise = match rng.random_range(0..10) {
        0 => coloured(rng),
        1 => hum(rng),
        2 => clicks(rng),
        3 => notes(rng),
        4 | 5 => glides(rng),
        6 => drums(rng),
        7 => cries(rng),
        8 => both(notes(rng), drums(rng)),
        _ => both(coloured(rng), hum(rng)),
    };
    scale_to_peak(&mut noise, 1.0);
    if rng.random_bool(0.1) {
        let drive = rng.random_range(2.0..10.0);
        for x in &mut noise {
            *x = (*x * drive).clamp(-1.0, 1.0); // an overdriven input
        }
    }
    noise
}

fn scale_to_peak(sound: &mut [f32], peak: f32) {
    let loudest = sound.iter().fold(1e-9_f32, |loudest, x| loudest.max(x.abs()));
    for x in sound {
        *x *= peak / loudest;
    }
}

/// White noise through one or two first-order filters, swelling slowly.
fn coloured(rng: &mut impl Rng) -> Vec<f32> {
    let mut noise: Vec<f32> = (0..N_SAMPLES).map(|_| rng.random_range(-1.0..1.0)).collect();
    for _ in 0..rng.random_range(0..3) {
        let (keep, high_pass) = (rng.random_range(0.0..0.99), rng.random_bool(0.3));
        let mut low = 0.0;
        for x in &mut noise {
            low = keep * low + (1.0 - keep) * *x;
            *x = if high_pass { *x - low } else { low };
        }
    }
    let (rate_hz, depth) = (rng.random_range(0.2..8.0), rng.random_range(0.0..0.9));
    let swell = sine(rate_hz, rng.random_range(0.0..TAU));
    noise.iter_mut().zip(swell).for_each(|(x, swell)| *x *= 1.0 + depth * swell);
    noise
}

/// A motor or the mains: a tone with harmonics, a little unsteady.
fn hum(rng: &mut impl Rng) -> Vec<f32> {
    let pitch_hz = rng.random_range(40.0..500.0);
    let (wobble_hz, wobble) = (rng.random_range(0.1..6.0), rng.random_range(0.0..0.05));
    let harmonics: Vec<f32> = (1..=8).map(|k| rng.random_range(0.0..1.0) / k as f32).collect();
    let mut phase = 0.0;
    let sample = |swing: f32| {
        phase = advance(phase, pitch_hz * (1.0 + wobble * swing));
        overtones(phase, &harmonics)
    };
    sine(wobble_hz, 0.0).take(N_SAMPLES).map(sample).collect()
}

/// The phase of a tone a sample later.
fn advance(phase: f32, hz: f32) -> f32 {
    let phase = phase + TAU * hz / SAMPLE_RATE_HZ as f32;
    if phase < TAU { phase } else { phase - TAU }
}

/// The sum of `loudness[k - 1] sin(k phase)`, by `sin((k + 1) x) = 2 cos(x) sin(k x) - sin((k - 1) x)`: a
/// sine a harmonic would take most of a training step.
fn overtones(phase: f32, loudness: &[f32]) -> f32 {
    let (sin, cos) = phase.sin_cos();
    let (mut before, mut now, mut sum) = (0.0, sin, 0.0);
    for loudness in loudness {
        sum += loudness * now;
        (before, now) = (now, 2.0 * cos * now - before);
    }
    sum
}

/// A sine from sample to sample, as one turned by a little each time.
fn sine(hz: f32, phase: f32) -> impl Iterator<Item = f32> {
    let (turn_sin, turn_cos) = (TAU * hz / SAMPLE_RATE_HZ as f32).sin_cos();
    let turn = move |(sin, cos): &(f32, f32)| {
        Some((sin * turn_cos + cos * turn_sin, cos * turn_cos - sin * turn_sin))
    };
    std::iter::successors(Some(phase.sin_cos()), turn).map(|(sin, _)| sin)
}

/// Loudness from sample to sample of a sound that fades to 1/e within `seconds`, down to -80 dB.
fn fade(seconds: f32) -> impl Iterator<Item = f32> {
    let share = (-1.0 / (seconds * SAMPLE_RATE_HZ as f32)).exp();
    std::iter::successors(Some(1.0), move |loudness| Some(loudness * share))
        .take_while(|loudness| *loudness > 1e-4)
}

/// Knocks, keys and dishes: short decaying tones at random moments.
fn clicks(rng: &mut impl Rng) -> Vec<f32> {
    let mut noise = vec![0.0; N_SAMPLES];
    for _ in 0..rng.random_range(1..12) {
        let (start, pitch_hz) = (rng.random_range(0..N_SAMPLES), rng.random_range(100.0..6000.0));
        let (decay_s, loudness) = (rng.random_range(0.002..0.06), rng.random_range(0.1..1.0));
        for ((x, envelope), tone) in noise[start..].iter_mut().zip(fade(decay_s)).zip(sine(pitch_hz, 0.0)) {
            let grain: f32 = rng.random_range(-0.5..0.5);
            *x += loudness * envelope * (tone + grain);
        }
    }
    noise
}

/// A little music: notes of a few harmonics, one after another and together.
fn notes(rng: &mut impl Rng) -> Vec<f32> {
    let mut music = vec![0.0; N_SAMPLES];
    for _ in 0..rng.random_range(1..6) {
        let start = rng.random_range(0..N_SAMPLES * 3 / 4);
        let pitch_hz = 55.0 * 2.0_f32.powf(rng.random_range(0..48) as f32 / 12.0);
        let (attack_s, decay_s) = (rng.random_range(0.005..0.1), rng.random_range(0.05..0.6));
        let brightness = rng.random_range(0.2..0.8_f32);
        let loudness = [1, 2, 3, 4].map(|k| brightness.powi(k));
        let mut phase = 0.0;
        for ((i, x), envelope) in music[start..].iter_mut().enumerate().zip(fade(decay_s)) {
            *x += (seconds(i) / attack_s).min(1.0) * envelope * overtones(phase, &loudness);
            phase = advance(phase, pitch_hz);
        }
    }
    music
}

/// Sirens, birds and whistles: tones that glide and waver, a long one or many short ones. Of all noises
/// they are the most like speech, whose resonances glide too.
fn glides(rng: &mut impl Rng) -> Vec<f32> {
    let mut noise = vec![0.0; N_SAMPLES];
    let n_glides = *[1, 1, 2, 4, 8, 16].choose(rng).unwrap_or(&1);
    for _ in 0..n_glides {
        let len = if n_glides == 1 { N_SAMPLES } else { rng.random_range(N_SAMPLES / 50..N_SAMPLES / 2) };
        let start = rng.random_range(0..=N_SAMPLES - len);
        let octaves: f32 = rng.random_range(-2.0..2.0);
        let mut pitch_hz = 150.0 * 2.0_f32.powf(rng.random_range(0.0..5.0));
        let rise = 2.0_f32.powf(octaves / len as f32);
        let (waver_hz, waver) = (rng.random_range(0.1..40.0), rng.random_range(0.0..0.6_f32).powi(2));
        let fading = rng.random_range(0.2..3.0);
        let n_harmonics = rng.random_range(1..8);
        let loudness: f32 = rng.random_range(0.2..1.0);
        let harmonics: Vec<f32> = (1..=n_harmonics).map(|k| loudness / (k as f32).powf(fading)).collect();
        let swings = sine(waver_hz, rng.random_range(0.0..TAU));
        // Half a sine's swell and fade for each of many; a lone one is as loud throughout.
        let fading_hz = SAMPLE_RATE_HZ as f32 / (2 * len) as f32;
        let envelope = if n_glides == 1 { sine(0.0, TAU / 4.0) } else { sine(fading_hz, 0.0) };
        let mut phase = 0.0;
        for ((x, swing), envelope) in noise[start..start + len].iter_mut().zip(swings).zip(envelope) {
            let hz = pitch_hz * (1.0 + waver * swing);
            pitch_hz *= rise;
            phase = advance(phase, hz);
            // Harmonics above half of the sample rate would come back as other tones.
            let n_heard = (7_500.0 / hz) as usize;
            *x += envelope * overtones(phase, &harmonics[..n_heard.min(harmonics.len())]);
        }
    }
    noise
}

/// Doors, footsteps and drums: a falling tone and a burst of filtered noise, in any shares.
fn drums(rng: &mut impl Rng) -> Vec<f32> {
    let mut noise = vec![0.0; N_SAMPLES];
    for _ in 0..rng.random_range(1..8) {
        let start = rng.random_range(0..N_SAMPLES);
        let (mut pitch_hz, lowest_hz) = (rng.random_range(60.0..600.0), rng.random_range(30.0..120.0));
        let fall = 1.0 - 1.0 / (rng.random_range(0.005..0.1) * SAMPLE_RATE_HZ as f32);
        let (keep, high_pass) = (rng.random_range(0.0..0.97), rng.random_bool(0.4));
        let (decay_s, loudness, hiss) =
            (rng.random_range(0.02..0.25), rng.random_range(0.1..1.0), rng.random_range(0.0..1.0_f32));
        let (mut phase, mut low) = (0.0_f32, 0.0);
        for (x, envelope) in noise[start..].iter_mut().zip(fade(decay_s)) {
            let grain: f32 = rng.random_range(-1.0..1.0);
            low = keep * low + (1.0 - keep) * grain;
            let burst = if high_pass { grain - low } else { low / (1.0 - keep).sqrt() };
            *x += loudness * envelope * (hiss * burst + (1.0 - hiss) * phase.sin());
            pitch_hz = lowest_hz + (pitch_hz - lowest_hz) * fall;
            phase = advance(phase, pitch_hz);
        }
    }
    noise
}

/// Animals, creaks and gusts: a buzz, a hiss or both through three resonances that move.
fn cries(rng: &mut impl Rng) -> Vec<f32> {
    /// Samples for which a resonance stays as it is: 5 ms.
    const STEP: usize = SAMPLE_RATE_HZ as usize / 200;
    let mut noise = vec![0.0; N_SAMPLES];
    for _ in 0..rng.random_range(1..5) {
        let len = rng.random_range(N_SAMPLES / 20..N_SAMPLES);
        let start = rng.random_range(0..=N_SAMPLES - len);
        let octaves: f32 = rng.random_range(-1.0..1.0);
        let mut pitch_hz = 50.0 * 2.0_f32.powf(rng.random_range(0.0..4.5));
        let rise = 2.0_f32.powf(octaves / len as f32);
        let hiss: f32 = *[0.0, 0.1, 0.5, 1.0].choose(rng).unwrap_or(&0.0);
        let mut phase = 0.0;
        let mut cry: Vec<f32> = (0..len)
            .map(|_| {
                pitch_hz *= rise;
                phase = advance(phase, pitch_hz);
                hiss * rng.random_range(-1.0..1.0) + (1.0 - hiss) * (phase / TAU - 0.5)
            })
            .collect();
        for range_hz in [200.0..1_200.0, 600.0..3_000.0, 1_500.0..6_000.0] {
            let (from_hz, to_hz) = (rng.random_range(range_hz.clone()), rng.random_range(range_hz));
            let radius: f32 = rng.random_range(0.93..0.99);
            let (mut last, mut before) = (0.0, 0.0);
            for (step, part) in cry.chunks_mut(STEP).enumerate() {
                let share = (step * STEP) as f32 / len as f32;
                let turn = TAU * (from_hz + share * (to_hz - from_hz)) / SAMPLE_RATE_HZ as f32;
                let (feedback, decay) = (2.0 * radius * turn.cos(), radius * radius);
                for x in part {
                    let resonant = *x + feedback * last - decay * before;
                    (before, last) = (last, resonant);
                    *x += (1.0 - radius) * resonant;
                }
            }
        }
        scale_to_peak(&mut cry, rng.random_range(0.2..1.0));
        let envelope = sine(SAMPLE_RATE_HZ as f32 / (2 * len) as f32, 0.0);
        for ((x, cry), envelope) in noise[start..start + len].iter_mut().zip(cry).zip(envelope) {
            *x += envelope * cry;
        }
    }
    noise
}

fn seconds(sample: usize) -> f32 {
    sample as f32 / SAMPLE_RATE_HZ as f32
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn rng(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// Half a second of `level` that begins at `start`, in a clip that is silent around it.
    fn word(start: usize, level: f32) -> Vec<f32> {
        let mut word = vec![0.0; N_SAMPLES];
        word[start..start + N_SAMPLES / 2].fill(level);
        word
    }

    #[test]
    fn a_word_is_found_in_its_clip() {
        assert_eq!(spoken(&word(1600, 0.5)), 1600..9600);
        assert_eq!(spoken(&[0.0; 320]), 0..320);
    }

    #[test]
    fn a_splice_begins_as_one_word_and_ends_as_the_other() {
        for seed in 0..50 {
            let spliced = splice(&word(1600, 1.0), &word(6400, -1.0), &mut rng(seed));
            let middle = spliced.iter().position(|x| *x < 0.0).unwrap();
            assert!((1600 + 2000..=1600 + 6000 + CROSSFADE).contains(&middle), "cut at {middle}");
            assert!(spliced[1600..middle - CROSSFADE].iter().all(|x| x.to_bits() == 1.0_f32.to_bits()));
            let n_spoken = spliced.iter().filter(|x| **x != 0.0).count();
            assert!(n_spoken.abs_diff(N_SAMPLES / 2) < N_SAMPLES / 2 / 8, "{n_spoken} samples of speech");
            let steps = spliced[1600..].windows(2).map(|pair| (pair[1] - pair[0]).abs());
            let steep = steps.filter(|step| *step > 0.02).count();
            assert!(steep <= 1, "{steep} clicks beside the word's end");
        }
    }

    #[test]
    fn a_piece_is_a_part_of_the_word_where_it_was() {
        for seed in 0..50 {
            let piece = piece(&word(1600, 1.0), &mut rng(seed));
            let first = piece.iter().position(|x| *x > 0.0).unwrap();
            let last = piece.iter().rposition(|x| *x > 0.0).unwrap();
            assert!(first > 1600 && last < 9600, "{first} to {last}");
            assert!((2400 - 2..4800).contains(&(last - first)), "{} samples", last - first);
            assert!(piece.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.01), "a click");
        }
        assert_eq!(piece(&[0.0; 320], &mut rng(1)), [0.0; 320]);
    }

    #[test]
    fn shuffled_thirds_hold_every_sample_once() {
        let word: Vec<f32> = (0..N_SAMPLES).map(|i| i as f32).collect();
        let mut shuffled = shuffle_thirds(&word, &mut rng(2));
        assert_ne!(shuffled, word);
        shuffled.sort_by(f32::total_cmp);
        assert_eq!(shuffled, word);
    }

    #[test]
    fn twice_the_speed_is_twice_the_pitch_in_half_the_time() {
        let tone: Vec<f32> = (0..N_SAMPLES).map(|i| (TAU * 100.0 * seconds(i)).sin()).collect();
        let crossings =
            |sound: &[f32]| sound.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        let fast = change_speed(&tone, 2.0);
        let middle = &fast[N_SAMPLES / 4 + 10..N_SAMPLES * 3 / 4 - 10];
        assert!(crossings(middle).abs_diff(100) <= 1, "{} periods in half a second", crossings(middle));
        assert!(fast[..N_SAMPLES / 4 - 10].iter().all(|x| *x == 0.0));
        assert_eq!(change_speed(&tone, 1.0), tone);
    }

    #[test]
    fn overtones_are_sines() {
        let loudness = [0.5, 0.0, 1.0, 0.3, 0.2, 0.1, 0.7];
        for phase in (0..100).map(|i| i as f32 * 0.0628) {
            let sines: f32 = loudness.iter().zip(1..).map(|(l, k)| l * (k as f32 * phase).sin()).sum();
            assert!((overtones(phase, &loudness) - sines).abs() < 1e-4, "at {phase}");
        }
    }

    #[test]
    fn every_noise_is_a_second_of_numbers_within_full_scale() {
        for seed in 0..200 {
            let noise = noise(&mut rng(seed));
            assert_eq!(noise.len(), N_SAMPLES);
            assert!(noise.iter().all(|x| x.abs() <= 1.0 + 1e-6), "seed {seed}");
            assert!(noise.iter().any(|x| x.abs() > 0.9), "seed {seed} is silent");
        }
    }
}
