//! Speech that nobody says: parts of words, and words put together from parts.
//!
//! A network that has heard few words takes the next for a command. These give it more.

use std::ops::Range;

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::span::Span;
use super::{add, gain, shift};
use crate::waveform::energy;
use crate::{SAMPLE_RATE_HZ, Waveform};

/// Samples over which two pieces of speech melt into each other: 10 ms.
const CROSSFADE: usize = 160;

/// Settings of a word made of the beginning of one word and the end of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Splice {
    /// Place of the cut in the first word, as a share of it.
    pub cut: Span<f32>,
    /// Distance to the same place in the second word, as a share of it.
    pub skip: Span<f32>,
}

impl Default for Splice {
    fn default() -> Self {
        Self { cut: Span::new(0.25, 0.75), skip: Span::new(-0.1, 0.1) }
    }
}

impl Splice {
    /// Makes a word of two, cut within each by about the same share of it: about as long as they are.
    pub fn make(&self, first: &[f32], second: &[f32], rng: &mut impl Rng) -> Vec<f32> {
        let share = self.cut.draw(rng);
        let cut = |word: &[f32], share: f32| {
            let spoken = spoken(word);
            spoken.start + (share.max(0.0) * spoken.len() as f32) as usize
        };
        let leave = cut(first, share);
        let enter = cut(second, share + self.skip.draw(rng));
        let sample = |i: usize| {
            let share = ((i as f32 - leave as f32) / CROSSFADE as f32).clamp(0.0, 1.0);
            let [a, b] = [first.get(i), second.get((i + enter).wrapping_sub(leave))];
            let [a, b] = [a, b].map(|sample| sample.copied().unwrap_or(0.0));
            a + share * (b - a)
        };
        (0..first.len()).map(sample).collect()
    }
}

/// About a syllable of a word, alone, where it was. `length` is drawn as a share of the word, up to all of it.
pub fn crop(word: &[f32], length: Span<f32>, rng: &mut impl Rng) -> Vec<f32> {
    let spoken = spoken(word);
    let len = (length.draw(rng).clamp(0.0, 1.0) * spoken.len() as f32) as usize;
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

/// A word that is said just before or after another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Before the other word, not after it.
    pub is_before: bool,
    /// The silence between the two, in seconds.
    pub pause_s: f32,
    /// Its energy over that of the other word, in dB.
    pub level_db: f32,
}

impl Neighbour {
    /// Adds the word of `other` to the clip of a word. What is not within the second is cut off.
    pub fn apply(&self, waveform: &mut Waveform, mut other: Waveform) {
        let (word, neighbour) = (spoken(waveform.samples()), spoken(other.samples()));
        // Of the whole word: what is cut off below is no reason to be louder.
        let gain = gain(waveform.energy(), &other, -self.level_db);
        let pause = (self.pause_s.max(0.0) * SAMPLE_RATE_HZ as f32) as usize;
        let [to, from] = if self.is_before {
            [word.start, neighbour.end + pause]
        } else {
            [word.end + pause, neighbour.start]
        };
        shift(&mut other, to as isize - from as isize);
        add(waveform, &other, gain);
    }
}

/// The samples of a clip that hold its word: from the first 10 ms that are at most 20 dB softer than the loudest to
/// the last.
pub fn spoken(word: &[f32]) -> Range<usize> {
    const FRAME: usize = SAMPLE_RATE_HZ as usize / 100;
    let energies: Vec<f32> = word.chunks(FRAME).map(energy).collect();
    let floor = 0.01 * energies.iter().copied().fold(0.0, f32::max);
    let is_loud = |energy: &f32| *energy >= floor;
    let first = energies.iter().position(is_loud).unwrap_or(0);
    let last = energies.iter().rposition(is_loud).unwrap_or(0);
    first * FRAME..word.len().min((last + 1) * FRAME)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::N_SAMPLES;

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
            let spliced = Splice::default().make(&word(1600, 1.0), &word(6400, -1.0), &mut rng(seed));
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
    fn a_crop_is_a_part_of_the_word_where_it_was() {
        let length = Span::new(0.3, 0.6);
        for seed in 0..50 {
            let piece = crop(&word(1600, 1.0), length, &mut rng(seed));
            let first = piece.iter().position(|x| *x > 0.0).unwrap();
            let last = piece.iter().rposition(|x| *x > 0.0).unwrap();
            assert!(first > 1600 && last < 9600, "{first} to {last}");
            assert!((2400 - 2..4800).contains(&(last - first)), "{} samples", last - first);
            assert!(piece.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.01), "a click");
        }
        assert_eq!(crop(&[0.0; 320], length, &mut rng(1)), [0.0; 320]);
    }

    #[test]
    fn a_neighbour_keeps_its_distance_and_leaves_the_word_alone() {
        let said = Waveform::from_samples(&word(4000, 0.5));
        let neighbour = Neighbour { is_before: true, pause_s: 0.1, level_db: -6.0 };
        let mut before = said.clone();
        neighbour.apply(&mut before, Waveform::from_samples(&word(6400, 0.1)));
        let mut after = said.clone();
        Neighbour { is_before: false, ..neighbour }.apply(&mut after, Waveform::from_samples(&word(0, 0.1)));
        for (heard, edge, silence) in [(before, 0..2400, 2400..4000), (after, 13_600..16_000, 12_000..13_600)]
        {
            let samples = heard.samples();
            assert!(samples[edge].iter().all(|x| (x - 0.5 * 0.501).abs() < 1e-3));
            assert!(samples[silence].iter().all(|x| *x == 0.0));
            assert_eq!(samples[4000..12_000], said.samples()[4000..12_000]);
        }
        let mut alone = said.clone();
        neighbour.apply(&mut alone, Waveform::silence());
        assert_eq!(alone, said);
    }

    #[test]
    fn shuffled_thirds_hold_every_sample_once() {
        let word: Vec<f32> = (0..N_SAMPLES).map(|i| i as f32).collect();
        let mut shuffled = shuffle_thirds(&word, &mut rng(2));
        assert_ne!(shuffled, word);
        shuffled.sort_by(f32::total_cmp);
        assert_eq!(shuffled, word);
    }
}
