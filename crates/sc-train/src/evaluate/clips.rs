//! Answers to clips of one's own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rayon::prelude::*;
use sc_data::{Limits, Waveform, labelled_clips};
use sc_model::Classifier;

use super::{Evaluated, readable};
use crate::audio::{self, Unreadable};
use crate::{Evaluation, LabelledAnswer, progress};

/// Evaluates the recordings in `dir`, one folder a label.
///
/// # Errors
/// If a folder is no label, or no file can be read.
pub(crate) fn evaluate(classifier: &Classifier, dir: &Path) -> Result<Evaluated> {
    let labels = &classifier.header().labels;
    let clips = labelled_clips(dir, labels)?;
    let bar = progress::bar(clips.len(), "evaluating");
    let answer = |(path, label): &(PathBuf, usize)| {
        bar.inc(1);
        let samples = audio::read(path, &Limits::DATASET).map_err(|error| Unreadable::new(path, &error))?;
        let prediction = classifier.classify(&Waveform::from_samples(&samples));
        let label = labels.names()[*label].clone();
        Ok(LabelledAnswer { path: path.display().to_string(), label, prediction })
    };
    let answers = clips.par_iter().map(answer).collect();
    bar.finish_and_clear();
    let (answers, unreadable) = readable(dir, answers)?;
    let evaluation = Evaluation::new(labels, &answers);
    Ok(Evaluated { evaluation, threshold: classifier.threshold(), unreadable })
}
