//! The space in which words are compared.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

use std::ops::RangeInclusive;

use pulp::{Simd, WithSimd};

use crate::engine::Kernel;
use crate::weights::{WORD_BANK, WORD_MEAN, WORD_PROJECTION, WORD_TAUGHT};
use crate::{Error, KeywordCnnConfig, Values, Weights};

use super::pool::{N_STATISTICS, pool};
use super::vector::{dot, normalise};

/// Most directions of a space: the shipped one has 128.
const MOST_DIRECTIONS: usize = 1024;

/// Most by which a direction's length may differ from 1: eight bits change those of the shipped bank by 0.003.
const MOST_OFF: f32 = 0.02;

/// Most embeddings in a bank: the shipped one has 580.
const MOST_IN_BANK: usize = 10_000;

/// Embeddings of the bank that a second is compared with: those most like it.
const COHORT: usize = 30;

/// A second of sound in a [`WordSpace`].
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// A vector of length 1, `[n_directions]`.
    pub(crate) direction: Vec<f32>,
    /// Its similarity to ordinary speech: to the clips of the bank that are most like it.
    pub(crate) ordinary: f32,
}

/// The space in which words are compared, a bank of ordinary speech in it, and the words that were taught.
#[derive(Clone, Debug, PartialEq)]
pub struct WordSpace {
    /// `[n_pooled]`: the mean of ordinary speech.
    mean: Vec<f32>,
    /// `[n_pooled, n_directions]`.
    projection: Vec<f32>,
    /// `[n_bank, n_directions]`: directions of ordinary speech and noise.
    bank: Vec<f32>,
    /// `[n_words, n_directions]`: the directions of the taught words, in the order of their labels.
    words: Vec<f32>,
}

impl WordSpace {
    /// Makes a space without taught words from the pooled frames of a bank, each `[n_pooled]`.
    ///
    /// `mean` is `[n_pooled]`, `projection` is `[n_pooled, n_directions]`.
    pub fn new(mean: Vec<f32>, projection: Vec<f32>, bank: &[Vec<f32>]) -> Self {
        let mut space = Self { mean, projection, bank: Vec::new(), words: Vec::new() };
        space.bank = bank.iter().flat_map(|pooled| space.project(pooled)).collect();
        space
    }

    /// Returns the number of directions.
    pub fn n_directions(&self) -> usize {
        self.projection.len() / self.mean.len()
    }

    /// Returns the number of taught words.
    pub fn n_words(&self) -> usize {
        self.words.len() / self.n_directions()
    }

    /// Returns the embedding of a second. `frames` is the output of the block that tells words apart,
    /// `[n_frames, n_channels]`.
    pub fn embed(&self, frames: &[f32]) -> Embedding {
        Kernel::detect().vectorize(Embed { space: self, frames })
    }

    /// Returns the score of each taught word: the similarity of `embedding` to the word, less that to ordinary speech.
    pub(crate) fn scores(&self, embedding: &Embedding) -> impl Iterator<Item = f32> {
        self.words().map(move |word| dot(&embedding.direction, word) - embedding.ordinary)
    }

    /// Returns the similarity of each clip of the bank to the other clips that are most like it.
    pub(crate) fn ordinary_of_bank(&self) -> Vec<f32> {
        let others = |(i, clip)| {
            let others = self.bank().enumerate().filter(move |(j, _)| *j != i);
            mean_of_largest(others.map(|(_, other)| dot(clip, other)).collect())
        };
        self.bank().enumerate().map(others).collect()
    }

    /// Returns the embeddings of the bank.
    pub(crate) fn bank(&self) -> impl Iterator<Item = &[f32]> {
        self.bank.chunks_exact(self.n_directions())
    }

    /// Returns the directions of the taught words.
    pub(crate) fn words(&self) -> impl Iterator<Item = &[f32]> {
        self.words.chunks_exact(self.n_directions())
    }

    /// Returns true if an embedding and its likeness to ordinary speech are the same in both spaces.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (&self.mean, &self.projection, &self.bank) == (&other.mean, &other.projection, &other.bank)
    }

    /// Adds the direction of a taught word, behind the others.
    pub(crate) fn add_word(&mut self, direction: &[f32]) {
        self.words.extend_from_slice(direction);
    }

    /// Removes a taught word.
    pub(crate) fn remove_word(&mut self, index: usize) {
        let n = self.n_directions();
        self.words.drain(index * n..(index + 1) * n);
    }

    #[inline(always)]
    fn project(&self, pooled: &[f32]) -> Vec<f32> {
        let n = self.n_directions();
        let mut embedding = vec![0.0; n];
        let centred: Vec<f32> = pooled.iter().zip(&self.mean).map(|(value, mean)| value - mean).collect();
        // Four rows at a time, so that each sum is read and written less often.
        for (values, rows) in centred.chunks_exact(4).zip(self.projection.chunks_exact(4 * n)) {
            let (first, last) = rows.split_at(2 * n);
            let firsts = first[..n].iter().zip(&first[n..]);
            let lasts = last[..n].iter().zip(&last[n..]);
            for ((sum, first), last) in embedding.iter_mut().zip(firsts).zip(lasts) {
                *sum += values[0] * first.0 + values[1] * first.1 + values[2] * last.0 + values[3] * last.1;
            }
        }
        normalise(&mut embedding);
        embedding
    }

    /// Takes the space's tensors out of `weights`, if there are any.
    ///
    /// # Errors
    /// [`Error::Record`] names a tensor that is missing, that does not fit the others or the network, that holds a
    /// number that is not finite, or directions that have not the length 1.
    pub(crate) fn take_from(weights: &mut Weights, config: &KeywordCnnConfig) -> Result<Option<Self>, Error> {
        let names = [WORD_MEAN, WORD_PROJECTION, WORD_BANK, WORD_TAUGHT];
        let tensors = names.map(|name| weights.remove(name));
        if tensors.iter().all(Option::is_none) {
            return Ok(None);
        }
        let n_pooled = N_STATISTICS * config.n_word_channels();
        let [mean, projection, bank, words] = tensors;
        let n = projection.as_ref().and_then(|tensor| tensor.shape.get(1)).copied().unwrap_or_default();
        if !(1..=MOST_DIRECTIONS).contains(&n) {
            return Err(Error::record(format!(
                "`{WORD_PROJECTION}` of {n} directions: expected 1 to {MOST_DIRECTIONS}"
            )));
        }
        let words = words.unwrap_or_else(|| Values { shape: vec![0, n], values: Vec::new() });
        let (pooled, directions) = (n_pooled..=n_pooled, n..=n);
        let space = Self {
            mean: values_of(WORD_MEAN, mean, std::slice::from_ref(&pooled))?,
            projection: values_of(WORD_PROJECTION, projection, &[pooled, directions.clone()])?,
            bank: values_of(WORD_BANK, bank, &[COHORT + 1..=MOST_IN_BANK, directions.clone()])?,
            words: values_of(WORD_TAUGHT, Some(words), &[0..=usize::MAX, directions])?,
        };
        space.check_directions()?;
        Ok(Some(space))
    }

    /// Refuses a bank or words of which a direction has not a length of about 1.
    fn check_directions(&self) -> Result<(), Error> {
        let is_off = |direction: &[f32]| (dot(direction, direction).sqrt() - 1.0).abs() > MOST_OFF;
        for (name, values) in [(WORD_BANK, &self.bank), (WORD_TAUGHT, &self.words)] {
            if values.chunks_exact(self.n_directions()).any(is_off) {
                let reason = format!("tensor `{name}` is damaged: a direction of it has not the length 1");
                return Err(Error::record(reason));
            }
        }
        Ok(())
    }

    /// Adds the space's tensors to `weights`.
    pub(crate) fn put_into(&self, weights: &mut Weights) {
        let n = self.n_directions();
        let rows = |values: &Vec<f32>| Values { shape: vec![values.len() / n, n], values: values.clone() };
        let mean = Values { shape: vec![self.mean.len()], values: self.mean.clone() };
        let tensors = [
            (WORD_MEAN, mean),
            (WORD_PROJECTION, rows(&self.projection)),
            (WORD_BANK, rows(&self.bank)),
            (WORD_TAUGHT, rows(&self.words)),
        ];
        for (name, tensor) in tensors {
            if !tensor.values.is_empty() {
                weights.insert(name.into(), tensor);
            }
        }
    }
}

/// The work of [`WordSpace::embed`], compiled for each kind of processor: a request waits for it.
struct Embed<'a> {
    space: &'a WordSpace,
    frames: &'a [f32],
}

impl WithSimd for Embed<'_> {
    type Output = Embedding;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Embedding {
        let Self { space, frames } = self;
        let direction = space.project(&pool(frames, space.mean.len() / N_STATISTICS));
        let ordinary = mean_of_largest(space.bank().map(|other| dot(&direction, other)).collect());
        Embedding { direction, ordinary }
    }
}

/// Returns the values of a tensor if it has such a shape and its numbers are finite.
fn values_of(name: &str, tensor: Option<Values>, shape: &[RangeInclusive<usize>]) -> Result<Vec<f32>, Error> {
    let tensor = tensor.ok_or_else(|| Error::record(format!("no tensor `{name}`")))?;
    let mut sizes = shape.iter().zip(&tensor.shape);
    if tensor.shape.len() != shape.len() || !sizes.all(|(range, size)| range.contains(size)) {
        return Err(Error::record(format!(
            "tensor `{name}` is {:?}: it fits neither network nor bank",
            tensor.shape
        )));
    }
    if tensor.values.iter().any(|value| !value.is_finite()) {
        return Err(Error::record(format!("tensor `{name}` holds a number that cannot be")));
    }
    Ok(tensor.values)
}

/// The mean of the [`COHORT`] largest.
fn mean_of_largest(mut values: Vec<f32>) -> f32 {
    let n = COHORT.min(values.len());
    if n == 0 {
        return 0.0;
    }
    values.select_nth_unstable_by(n - 1, |a, b| b.total_cmp(a));
    values[..n].iter().sum::<f32>() / n as f32
}

#[cfg(test)]
mod tests {
    use sc_data::{LogMelConfig, Task};

    use super::*;
    use crate::{Classifier, Header, Record, self_test_waveform};

    /// What is said of the shipped record's space after `damage`.
    fn refusal(damage: impl Fn(&mut Weights)) -> String {
        let Record { header, words, .. } = Record::shipped().unwrap();
        let mut weights = Weights::default();
        words.unwrap().put_into(&mut weights);
        damage(&mut weights);
        match WordSpace::take_from(&mut weights, &header.network) {
            Ok(_) => "none".into(),
            Err(error) => error.to_string(),
        }
    }

    fn change(name: &str, change: impl Fn(&mut Values)) -> impl Fn(&mut Weights) {
        move |weights| {
            let mut tensor = weights.remove(name).unwrap();
            change(&mut tensor);
            weights.insert(name.into(), tensor);
        }
    }

    #[test]
    fn a_damaged_space_is_refused_and_the_tensor_named() {
        let cases = [
            (refusal(change("words.bank", |bank| bank.values[7] = -3.0)), "`words.bank` is damaged"),
            (refusal(change("words.bank", |bank| bank.values[7] = f32::NAN)), "`words.bank` holds a number"),
            (refusal(change("words.mean", |mean| mean.shape = vec![1])), "`words.mean` is [1]"),
            (refusal(|weights| drop(weights.remove("words.mean"))), "no tensor `words.mean`"),
            (refusal(|weights| drop(weights.remove("words.projection"))), "of 0 directions"),
            (refusal(|_| ()), "none"),
        ];
        for (said, expected) in cases {
            assert!(said.contains(expected), "{said}: expected {expected}");
        }
    }

    #[test]
    fn a_network_without_blocks_tells_words_apart_by_its_entry() {
        let network = KeywordCnnConfig { blocks: Vec::new(), ..KeywordCnnConfig::new(101, 40, 12) };
        let n_pooled = N_STATISTICS * network.entry;
        let bank = vec![vec![1.0; n_pooled]; COHORT + 1];
        let space = WordSpace::new(vec![0.0; n_pooled], vec![1.0; n_pooled], &bank);
        let mut weights = Weights::random(&network, 1);
        space.put_into(&mut weights);

        let words = WordSpace::take_from(&mut weights, &network).unwrap();

        assert_eq!(words.as_ref(), Some(&space));
        let header = Header::untrained(Task::Commands.labels(), LogMelConfig::default(), network);
        let classifier = Classifier::untested(&Record { header, weights, words });
        let output = classifier.listen(&self_test_waveform());
        assert_eq!(output.word_frames.len(), 51 * 128);
        assert!(classifier.embed(&output).unwrap().ordinary.is_finite());
    }
}
