//! Fits the space in which words are compared, on the clips of a training split.

use std::collections::BTreeMap;

use anyhow::Result;
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sc_data::{DatasetError, SampleCache, Source, SpeechCommands, Split};
use sc_model::Classifier;
use sc_model::words::{WordSpace, pool};

use crate::progress;

/// Draws the clips. Any number will do, if it never changes.
const SEED: u64 = 0;

/// Most clips of one word.
const MOST_CLIPS: usize = 80;

/// A word of fewer clips tells nothing of how clips of one word differ.
pub(crate) const LEAST_CLIPS: usize = 3;

/// Share of the covariance within words that is replaced by its mean variance (Ledoit and Wolf, 2004).
const SHRINKAGE: f64 = 0.2;

/// Directions of the space: with fewer, unseen words are told apart worse; with more, real voices are.
const N_DIRECTIONS: usize = 128;

/// Share of the published clips, which people recorded, in the covariances and in the bank, however many clips of
/// synthesisers were added: with less, words of real voices are told apart worse, with more, words that are in no
/// published data set (`assets/RUNS.md`).
const PUBLISHED_SHARE: f64 = 0.4;

/// Clips of speech in the bank, and seconds of noise: together 297 kB.
const BANK_CLIPS: usize = 500;
const BANK_NOISES: usize = 80;

/// Least clips of speech for a bank that says something of ordinary speech.
pub(crate) const LEAST_BANK: usize = 60;

/// Published clips or others: the numbers of their words, and their pooled frames around the mean of all.
struct Group {
    words: Vec<usize>,
    clips: Vec<DVector<f64>>,
}

/// Fits a word space for the network of `classifier`, or returns `None` if there are too few clips.
///
/// The space divides by the covariance within words (Hatch et al., Interspeech 2006), then keeps the directions in which
/// speech differs most. Its bank is drawn from the same clips and from the noise files. Running speech is left out: with
/// it, the directions tell words apart worse (`assets/RUNS.md`).
///
/// # Errors
/// If the data set cannot be read.
pub(crate) fn fit(
    classifier: &Classifier,
    dataset: &SpeechCommands,
    cache: &SampleCache,
) -> Result<Option<WordSpace>> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut drawn = [true, false].map(|is_published| clips(dataset, cache, is_published, &mut rng)).to_vec();
    drawn.retain(|clips| !clips.is_empty());
    if drawn.iter().map(Vec::len).sum::<usize>() < LEAST_BANK {
        return Ok(None);
    }
    let (words, sources): (Vec<Vec<_>>, Vec<Vec<_>>) =
        drawn.into_iter().map(|clips| clips.into_iter().unzip()).unzip();
    let pooled = sources.iter().map(|sources| pool_all(classifier, cache, sources));
    let pooled = pooled.collect::<Result<Vec<_>>>()?;
    let mut groups: Vec<Group> = words
        .into_iter()
        .zip(&pooled)
        .map(|(words, clips)| Group { words, clips: clips.iter().map(|clip| vector(clip)).collect() })
        .collect();
    let mean = mean(&groups);
    groups.iter_mut().flat_map(|group| &mut group.clips).for_each(|clip| *clip -= &mean);
    let Some(projection) = projection(&groups) else { return Ok(None) };
    let mut bank = bank(pooled, &mut rng);
    bank.extend(pool_all(classifier, cache, &noises(cache, &mut rng))?);
    Ok(Some(WordSpace::new(mean.iter().map(|value| *value as f32).collect(), projection, &bank)))
}

/// Draws clips of every word of the training split, each with the number of its word: of those that are published, or
/// of those that were added.
fn clips(
    dataset: &SpeechCommands,
    cache: &SampleCache,
    is_published: bool,
    rng: &mut ChaCha8Rng,
) -> Vec<(usize, Source)> {
    let mut words: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for index in dataset.readable_in(Split::Train, cache) {
        let clip = &dataset.clips()[index];
        if let Some(word) = clip.said().filter(|_| clip.is_published() == is_published) {
            words.entry(word).or_default().push(index);
        }
    }
    let mut drawn = Vec::new();
    for (word, mut clips) in words.into_values().enumerate() {
        clips.shuffle(rng);
        drawn.extend(clips.into_iter().take(MOST_CLIPS).map(|clip| (word, Source::Clip(clip))));
    }
    drawn
}

/// The shares of groups: of published clips and of others, or of all that there are.
fn shares<T>(groups: &[T]) -> &'static [f64] {
    if groups.len() == 2 { &[PUBLISHED_SHARE, 1.0 - PUBLISHED_SHARE] } else { &[1.0] }
}

/// Draws the speech of the bank.
fn bank(pooled: Vec<Vec<Vec<f32>>>, rng: &mut ChaCha8Rng) -> Vec<Vec<f32>> {
    let shares = shares(&pooled);
    let drawn = pooled.into_iter().zip(shares).flat_map(|(mut clips, share)| {
        clips.shuffle(rng);
        clips.truncate((BANK_CLIPS as f64 * share) as usize);
        clips
    });
    drawn.collect()
}

/// Draws seconds of the noise that training hears.
fn noises(cache: &SampleCache, rng: &mut ChaCha8Rng) -> Vec<Source> {
    let files: Vec<_> = cache.noise_starts(Split::Train).collect();
    let turns = files.iter().cycle().take(BANK_NOISES);
    let noise = turns.map(|(file, starts)| Source::Noise {
        file: *file,
        offset: rng.random_range(starts.clone()),
        gain: 1.0,
    });
    noise.collect()
}

/// Returns the pooled frames of each source, `[n_pooled]`.
fn pool_all(classifier: &Classifier, cache: &SampleCache, sources: &[Source]) -> Result<Vec<Vec<f32>>> {
    let bar = progress::bar(sources.len(), "comparing words");
    let n_channels = classifier.header().network.n_word_channels();
    let pool_one = |source: &Source| {
        bar.inc(1);
        Ok(pool(&classifier.listen(&cache.waveform(*source)?).word_frames, n_channels))
    };
    let pooled: Result<Vec<_>, DatasetError> = sources.par_iter().map(pool_one).collect();
    bar.finish_and_clear();
    Ok(pooled?)
}

fn mean(groups: &[Group]) -> DVector<f64> {
    let n = groups.iter().map(|group| group.clips.len()).sum::<usize>();
    groups.iter().flat_map(|group| &group.clips).sum::<DVector<f64>>() / n as f64
}

/// Returns the projection, `[n_pooled, n_directions]`, if a word has enough clips.
fn projection(groups: &[Group]) -> Option<Vec<f32>> {
    let within: Vec<_> = groups.iter().filter_map(within_words).collect();
    let whitening = whitening(&weighted(&within)?);
    let whiten = |group: &Group| group.clips.iter().map(|clip| whitening.tr_mul(clip)).collect::<Vec<_>>();
    let total: Vec<_> = groups.iter().map(|group| covariance(&whiten(group))).collect();
    let directions = largest(weighted(&total)?, N_DIRECTIONS);
    let projection = whitening * directions;
    Some(projection.transpose().iter().map(|value| *value as f32).collect())
}

/// Adds up the groups' covariances by their shares.
fn weighted(covariances: &[DMatrix<f64>]) -> Option<DMatrix<f64>> {
    covariances
        .iter()
        .zip(shares(covariances))
        .map(|(covariance, share)| covariance * *share)
        .reduce(|a, b| a + b)
}

/// Returns the covariance of clips around the mean of their word, over words of [`LEAST_CLIPS`] clips or more.
fn within_words(Group { words, clips }: &Group) -> Option<DMatrix<f64>> {
    let centred = words.chunk_by(|a, b| a == b).scan(0, |first, word| {
        let clips = &clips[*first..*first + word.len()];
        *first += word.len();
        Some(clips)
    });
    let centred = centred.filter(|clips| clips.len() >= LEAST_CLIPS).flat_map(|clips| {
        let mean = clips.iter().sum::<DVector<f64>>() / clips.len() as f64;
        clips.iter().map(move |clip| clip - &mean)
    });
    let centred: Vec<_> = centred.collect();
    (!centred.is_empty()).then(|| covariance(&centred))
}

/// Returns the matrix that makes a covariance the identity, after [`SHRINKAGE`].
fn whitening(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let SymmetricEigen { mut eigenvectors, eigenvalues } = covariance.clone().symmetric_eigen();
    let mean_variance = eigenvalues.mean().max(1e-12);
    for (mut column, variance) in eigenvectors.column_iter_mut().zip(eigenvalues.iter()) {
        column /= ((1.0 - SHRINKAGE) * variance.max(0.0) + SHRINKAGE * mean_variance).sqrt();
    }
    eigenvectors
}

/// Returns the directions of the largest variances as columns.
fn largest(covariance: DMatrix<f64>, n: usize) -> DMatrix<f64> {
    let SymmetricEigen { eigenvectors, eigenvalues } = covariance.symmetric_eigen();
    let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
    order.sort_by(|a, b| eigenvalues[*b].total_cmp(&eigenvalues[*a]));
    eigenvectors.select_columns(order.iter().take(n))
}

/// Returns the mean of the outer products of `clips`.
fn covariance(clips: &[DVector<f64>]) -> DMatrix<f64> {
    let n = clips.len() as f64;
    let clips = DMatrix::from_columns(clips);
    &clips * clips.transpose() / n
}

fn vector(clip: &[f32]) -> DVector<f64> {
    DVector::from_iterator(clip.len(), clip.iter().map(|value| f64::from(*value)))
}
