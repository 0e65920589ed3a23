//! A model's answers: to a split, to clips of one's own, under conditions, in streams, and to sounds that are no keyword.

pub(crate) mod clips;
pub(crate) mod conditions;
pub(crate) mod few_shot;
pub(crate) mod open_set;
pub(crate) mod split;
pub(crate) mod stream;
mod truth;
pub(crate) mod tune;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::Evaluation;
use crate::audio::Unreadable;

/// An evaluation, how it was made, and the clips that could not take part.
#[derive(Serialize)]
pub(crate) struct Evaluated {
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// The confidence from which a keyword was accepted.
    pub threshold: f32,
    pub unreadable: Vec<Unreadable>,
}

impl fmt::Display for Evaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.evaluation.fmt(f)
    }
}

/// Separates what came of the clips in `dir` from those that could not be read.
///
/// # Errors
/// If none could be read.
fn readable<T>(dir: &Path, clips: Vec<Result<T, Unreadable>>) -> Result<(Vec<T>, Vec<Unreadable>)> {
    let (clips, unreadable) = partition(clips);
    match unreadable.first() {
        Some(first) if clips.is_empty() => bail!("no clip in {} can be read: {first}", dir.display()),
        _ => Ok((clips, unreadable)),
    }
}

/// Separates values from errors; both keep their order.
fn partition<T, E>(results: Vec<Result<T, E>>) -> (Vec<T>, Vec<E>) {
    let mut values = Vec::new();
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    (values, errors)
}
