//! What a split is measured on: made as the official test set is, the same at every call.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{Half, Labels, N_SAMPLES, SILENCE, SampleCache, SpeechCommands, Split, UNKNOWN};

/// The official test set adds to its keywords a tenth as many unknown words, and of silence.
const KEYWORDS_PER_OTHER: usize = 10;

/// One second of sound, by reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// A clip, by its index in [`SpeechCommands::clips`].
    Clip(usize),
    /// A second of background noise.
    Noise {
        /// Index in [`SpeechCommands::noise`].
        recording: usize,
        /// Its first sample.
        offset: usize,
        /// What the samples are multiplied by.
        gain: f32,
    },
}

/// A sound and what it should be taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Example {
    /// Index in the [`Labels`].
    pub label: usize,
    /// The sound.
    pub source: Source,
    /// The half of its split that it is in; none for noise on the border between the two.
    pub half: Option<Half>,
}

impl SpeechCommands {
    /// The examples a split is measured on: every clip of a keyword; a tenth as many of other words,
    /// spread evenly over those words; and a tenth as many seconds of background noise, at every level
    /// from none to full, from recordings' parts that training does not hear.
    ///
    /// Unreadable clips are left out. There is no silence if no noise recording is long enough.
    pub fn examples(&self, split: Split, labels: &Labels, cache: &SampleCache, seed: u64) -> Vec<Example> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let example = |label, source| Example { label, source, half: self.half_of(source, split, cache) };
        let mut examples = Vec::new();
        let mut unknown: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for index in self.clips_in(split).filter(|&index| cache.is_readable(index)) {
            let word = &self.clips()[index].word;
            match labels.index(word) {
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
            Source::Noise { recording, offset, .. } => {
                Half::of_noise(offset, &split.noise_range(cache.noise_len(recording)))
            }
        }
    }
}

/// All clips, shuffled within each word, the words taking turns.
fn spread_evenly(words: impl Iterator<Item = Vec<usize>>, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut turns = Vec::new();
    for mut clips in words {
        clips.shuffle(rng);
        turns.extend(clips.into_iter().enumerate());
    }
    turns.sort_by_key(|&(turn, _)| turn); // stable: words keep their order within a turn
    turns.into_iter().map(|(_, clip)| clip).collect()
}

/// Seconds of noise: the recordings take turns, the gains rise evenly from 0 to 1.
fn silence(split: Split, n: usize, cache: &SampleCache, rng: &mut ChaCha8Rng) -> Vec<Source> {
    let recordings = (0..cache.n_noise()).filter_map(|recording| {
        let range = split.noise_range(cache.noise_len(recording));
        (range.len() >= N_SAMPLES).then(|| (recording, range.start..=range.end - N_SAMPLES))
    });
    let recordings: Vec<_> = recordings.collect();
    let turns = recordings.iter().cycle().take(n).enumerate();
    turns
        .map(|(turn, (recording, offsets))| Source::Noise {
            recording: *recording,
            offset: rng.random_range(offsets.clone()),
            gain: turn as f32 / (n - 1).max(1) as f32,
        })
        .collect()
}
