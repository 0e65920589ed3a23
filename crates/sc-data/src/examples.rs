//! The examples that a split is evaluated on. They are made as the official test set is.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{Half, Labels, SILENCE, SampleCache, Source, SpeechCommands, Split, UNKNOWN};

/// Ratio in the official test set: for ten keywords one unknown word and one second of silence.
const KEYWORDS_PER_OTHER: usize = 10;

/// One second of audio with its label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Example {
    /// Index in the [`Labels`].
    pub label: usize,
    /// The audio.
    pub source: Source,
    /// The half of its split that it is in; none for noise on the border between the two.
    pub half: Option<Half>,
}

impl SpeechCommands {
    /// Returns the examples that a split is evaluated on: every clip of a keyword; a tenth as many clips of
    /// other words, spread evenly over those words; and a tenth as many seconds of background noise, at
    /// every level from none to full, from the part of each noise file that training does not use.
    ///
    /// The same seed gives the same examples. Unreadable clips are left out. There is no silence if no
    /// noise file is long enough.
    pub fn examples(&self, split: Split, labels: &Labels, cache: &SampleCache, seed: u64) -> Vec<Example> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let example = |label, source| Example { label, source, half: self.half_of(source, split, cache) };
        let mut examples = Vec::new();
        let mut unknown: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for index in self.readable_in(split, cache) {
            let word = &self.clips()[index].word;
            match labels.index_of_keyword(word) {
                Some(label) => examples.push(example(label, Source::Clip(index))),
                None => unknown.entry(word).or_default().push(index),
            }
        }
        let n_others = examples.len().div_ceil(KEYWORDS_PER_OTHER);
        if let Some(label) = labels.index(UNKNOWN) {
            let clips = spread_evenly(unknown.into_values(), &mut rng).into_iter().take(n_others);
            examples.extend(clips.map(|index| example(label, Source::Clip(index))));
        }
        if let Some(label) = labels.index(SILENCE) {
            let sources = silence(split, n_others, cache, &mut rng);
            examples.extend(sources.into_iter().map(|source| example(label, source)));
        }
        examples
    }

    fn half_of(&self, source: Source, split: Split, cache: &SampleCache) -> Option<Half> {
        match source {
            Source::Clip(index) => Some(Half::of_speaker(&self.clips()[index].speaker)),
            Source::Noise { file, offset, .. } => {
                Half::of_noise(offset, &split.noise_range(cache.noise_len(file)))
            }
        }
    }
}

/// Shuffles the clips of each word, then takes one clip of each word in turn.
fn spread_evenly(words: impl Iterator<Item = Vec<usize>>, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut turns = Vec::new();
    for mut clips in words {
        clips.shuffle(rng);
        turns.extend(clips.into_iter().enumerate());
    }
    turns.sort_by_key(|&(turn, _)| turn); // stable: words keep their order within a turn
    turns.into_iter().map(|(_, clip)| clip).collect()
}

/// Draws `n` seconds of noise. The files take turns, and the gains rise evenly from 0 to 1.
fn silence(split: Split, n: usize, cache: &SampleCache, rng: &mut ChaCha8Rng) -> Vec<Source> {
    let files: Vec<_> = cache.noise_starts(split).collect();
    let turns = files.iter().cycle().take(n).enumerate();
    turns
        .map(|(turn, (file, starts))| Source::Noise {
            file: *file,
            offset: rng.random_range(starts.clone()),
            gain: turn as f32 / (n - 1).max(1) as f32,
        })
        .collect()
}
