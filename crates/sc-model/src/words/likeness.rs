//! Compares the recordings of a word with each other.

use super::report::{LeftOut, N_RECORDINGS, Reason, TeachError};
use super::takes::Take;
use super::vector::{dot, normalise};

/// Fewer recordings cannot be compared: each needs two others.
const LEAST: usize = *N_RECORDINGS.start();

/// Score against the others below which a recording is of another word: so low are 6 of 7 that are, and 1 or 2 of 100
/// that are not.
const UNLIKE: f32 = -0.05;

/// The same where no recording can be spared: two others say less than four of what the word is like.
const VERY_UNLIKE: f32 = -0.2;

/// Mean similarity below which two groups of recordings are of two words, and how much more alike each group must be in
/// itself: so are two of three such mixtures, and 1 to 3 of 100 words.
const TWO_WORDS: [f32; 2] = [0.12, 0.25];

/// Refuses recordings that fall into two groups, as those of two words do.
pub(super) fn check_is_one(takes: &[Take]) -> Result<(), TeachError> {
    match smaller_of_two_words(takes) {
        Some(unlike) => Err(TeachError::Unlike { unlike: unlike.len(), given: takes.len() }),
        None => Ok(()),
    }
}

/// Returns the smaller of two groups of recordings, in falling order, if they are of two words. Of groups alike in size it
/// is the one that began later.
fn smaller_of_two_words(takes: &[Take]) -> Option<Vec<usize>> {
    let pairs = || (0..takes.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let similarity =
        |(i, j): (usize, usize)| dot(&takes[i].embedding.direction, &takes[j].embedding.direction);
    let (a, b) = pairs().min_by(|x, y| similarity(*x).total_cmp(&similarity(*y)))?;
    // Each recording belongs to the one of the most different two that it is more like.
    let is_like_a = |i: usize| i == a || i != b && similarity((i, a)) >= similarity((i, b));
    let in_a: Vec<bool> = (0..takes.len()).map(is_like_a).collect();
    let (first, later): (Vec<_>, Vec<_>) = (0..takes.len()).rev().partition(|i| in_a[*i] == in_a[0]);
    let smaller = if later.len() <= first.len() { later } else { first };
    let (within, across): (Vec<_>, Vec<_>) = pairs().partition(|(i, j)| in_a[*i] == in_a[*j]);
    let [within, across] = [within, across].map(|pairs| {
        let n_pairs = pairs.len().max(1) as f32;
        pairs.into_iter().map(similarity).sum::<f32>() / n_pairs
    });
    let [least, gap] = TWO_WORDS;
    let are_two = smaller.len() > 1 && across < least && within - across > gap;
    are_two.then_some(smaller)
}

/// Leaves out the recordings that are least like the others, one at a time, while there are enough others.
pub(super) fn leave_out_unlike(takes: &mut Vec<Take>, left_out: &mut Vec<LeftOut>) -> Result<(), TeachError> {
    let (given, mut unlike) = (takes.len(), 0);
    while let Some(worst) = most_unlike(takes) {
        unlike += 1;
        if takes.len() == LEAST || 2 * unlike >= takes.len() - 1 {
            return Err(TeachError::Unlike { unlike, given });
        }
        left_out.push(LeftOut::new(takes.remove(worst).name, Reason::Unlike));
    }
    Ok(())
}

/// Returns the recordings that are unlike the others, where teaching would leave them out or refuse the word for them.
pub(super) fn unlike(mut takes: Vec<Take>) -> Vec<LeftOut> {
    let smaller = smaller_of_two_words(&takes).unwrap_or_default().into_iter();
    let mut removed: Vec<_> = smaller.map(|take| takes.remove(take)).collect();
    while let Some(worst) = most_unlike(&takes) {
        removed.push(takes.remove(worst));
    }
    removed.into_iter().map(|take| LeftOut::new(take.name, Reason::Unlike)).collect()
}

/// Returns the recording that is least like the others, if it is too little like them.
fn most_unlike(takes: &[Take]) -> Option<usize> {
    let least = if takes.len() > LEAST { UNLIKE } else { VERY_UNLIKE };
    let scores = scores_of_each(takes).into_iter().enumerate();
    let (worst, score) = scores.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (takes.len() >= LEAST && score < least).then_some(worst)
}

/// Returns the score of each recording against the word that the others alone would teach.
pub(super) fn scores_of_each(takes: &[Take]) -> Vec<f32> {
    let score = |(i, take): (usize, &Take)| {
        let others = takes.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, other)| other);
        dot(&take.embedding.direction, &mean_direction(others)) - take.embedding.ordinary
    };
    takes.iter().enumerate().map(score).collect()
}

pub(super) fn mean_direction<'a>(takes: impl Iterator<Item = &'a Take>) -> Vec<f32> {
    let mut direction: Vec<f32> = Vec::new();
    for Take { embedding, .. } in takes {
        direction.resize(embedding.direction.len(), 0.0);
        direction.iter_mut().zip(&embedding.direction).for_each(|(sum, value)| *sum += value);
    }
    normalise(&mut direction);
    direction
}
