//! Listens to sounds that are no keyword.

use std::fs::File;
use std::path::Path;

use anyhow::{Result, ensure};
use rayon::prelude::*;
use sc_data::{Blocks, N_SAMPLES, SAMPLE_RATE_HZ, Waveform};
use sc_model::Classifier;

use super::readable;
use crate::audio::{self, Unreadable};
use crate::{OpenClip, OpenSet, progress};

/// A longer clip is more than a word and what surrounds it.
const LONGEST_WORD: usize = 6 * SAMPLE_RATE_HZ as usize;
/// Half a second: a keyword that one window cuts is whole in the next.
const HOP: usize = N_SAMPLES / 2;

/// Listens to every audio file in and below `dir`; none holds a keyword.
///
/// # Errors
/// If no file can be read.
pub(crate) fn evaluate(classifier: &Classifier, dir: &Path) -> Result<OpenSet> {
    let files: Vec<_> = audio::files_below(dir).collect();
    let bar = progress::bar(files.len(), "listening");
    let clips = files.into_par_iter().map(|file| {
        bar.inc(1);
        let path = file?;
        hear(classifier, &path).map_err(|error| Unreadable::new(&path, &error))
    });
    let clips = clips.collect();
    bar.finish_and_clear();
    let (clips, unreadable) = readable(dir, clips)?;
    ensure!(!clips.is_empty(), "no recording in {}", dir.display());
    Ok(OpenSet::new(&clips, unreadable))
}

/// Hears a short recording once, and a long one, of any length, every [`HOP`].
fn hear(classifier: &Classifier, path: &Path) -> Result<OpenClip> {
    let accept = |samples: &[f32]| {
        let prediction = classifier.classify(&Waveform::from_samples(samples));
        prediction.accepted.then_some(prediction.label)
    };
    let (mut accepted, mut waiting, mut n_samples) = (Vec::new(), Vec::new(), 0);
    let mut blocks = Blocks::open(File::open(path)?)?;
    while let Some(block) = blocks.next_block()? {
        waiting.extend_from_slice(&block);
        n_samples += block.len();
        if n_samples > LONGEST_WORD {
            let heard = accepted.len();
            accepted.extend(waiting.windows(N_SAMPLES).step_by(HOP).map(accept));
            waiting.drain(..(accepted.len() - heard) * HOP);
        }
    }
    if n_samples <= LONGEST_WORD {
        return Ok(OpenClip { accepted: vec![accept(&waiting)], long_s: None });
    }
    Ok(OpenClip { accepted, long_s: Some(n_samples as f64 / f64::from(SAMPLE_RATE_HZ)) })
}
