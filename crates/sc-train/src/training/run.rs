//! A training's settings, data and folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use sc_data::{Half, SampleCache, SpeechCommands, Split, UNKNOWN, printable};
use sc_model::{Classifier, Header, KeywordCnnConfig, Record, Weights};

use super::checkpoint;
use super::sampler::Sampler;
use crate::LabelledAnswer;
use crate::config::TrainConfig;
use crate::evaluate::split;
use crate::progress::note;
use crate::report::FEW_SPEAKERS;

/// A training's settings, data and folder.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub config: &'a TrainConfig,
    pub dataset: &'a SpeechCommands,
    pub cache: &'a SampleCache,
    pub sampler: &'a Sampler<'a>,
    pub out: &'a Path,
}

impl Run<'_> {
    /// Warns of words without a label, and refuses a data set that cannot train or validate.
    pub fn check(&self) -> Result<()> {
        let labels = &self.config.labels;
        let left_out = self.dataset.words_without_label(labels);
        if !left_out.is_empty() {
            let left_out = printable(left_out.join(", "));
            tracing::warn!("left out, since there is no label for them: {left_out}");
        }
        self.check_words()?;
        ensure!(
            self.sampler.has_keywords(),
            "the training split of {} has no keyword: expected folders named {}, or --words",
            self.dataset.root().display(),
            split::keywords(labels).join(", ")
        );
        ensure!(
            self.sampler.makes_unknown(),
            "the recipe makes _unknown_ of other words alone, and {} has none: record some, or give weight to one of \
             cropped, spliced, shuffled and reversed",
            self.dataset.root().display()
        );
        ensure!(
            f64::from(self.config.recipe.word_weight) <= 0.0 || self.sampler.n_words() > 0,
            "the recipe's word_weight tells words apart, and no word of {} has three recordings to train on: record \
             more, or leave it at 0",
            self.dataset.root().display()
        );
        for half in Half::ALL {
            split::examples(self.dataset, self.cache, labels, Split::Validation, Some(half))?;
        }
        self.warn_of_no_others();
        Ok(())
    }

    /// Says what the figures leave out where no other word is held out.
    fn warn_of_no_others(&self) {
        let labels = &self.config.labels;
        let is_other = |clip: usize| !labels.has_keyword(&self.dataset.clips()[clip].word);
        let mut held_out = self.dataset.readable_in(Split::Validation, self.cache);
        if labels.index(UNKNOWN).is_some() && !held_out.any(is_other) {
            note!(
                "no recording of another word is held out, so the figures do not say how often other words are taken for \
                 yours: a folder of them beside yours, such as a thousand clips of Speech Commands, is learnt and measured"
            );
        }
    }

    /// Refuses a keyword that is recorded, but not for training; warns of too few speakers.
    fn check_words(&self) -> Result<()> {
        let labels = &self.config.labels;
        let clips = self.dataset.clips().iter().enumerate();
        let mut words =
            clips.filter(|(index, _)| self.cache.is_readable(*index)).map(|(_, clip)| clip.word.as_str());
        let untrained = |word: &&str| {
            labels.index_of_keyword(word).is_some_and(|label| self.sampler.n_clips_of(label) == 0)
        };
        if let Some(word) = words.find(untrained) {
            bail!(
                "every recording of {word} is in the validation or testing split: record more speakers, or name the files of \
                 both splits in validation_list.txt and testing_list.txt"
            );
        }
        if self.dataset.has_few_speakers() {
            note!("{FEW_SPEAKERS}");
        }
        Ok(())
    }

    /// SHA-256 over the names and lengths of the clips.
    pub fn data_digest(&self) -> String {
        self.cache.digest(self.dataset)
    }

    /// Training clips that are not the published archive's.
    pub fn n_added(&self) -> usize {
        let labels = &self.config.labels;
        let indices = self.dataset.readable_in(Split::Train, self.cache);
        let clips = indices.map(|clip| &self.dataset.clips()[clip]);
        clips.filter(|clip| !clip.is_published() && labels.index_of_word(&clip.word).is_some()).count()
    }

    /// Answers to the validation examples, or to those of one half.
    pub fn validate(&self, classifier: &Classifier, half: Option<Half>) -> Result<Vec<LabelledAnswer>> {
        let labels = &classifier.header().labels;
        let examples = split::examples(self.dataset, self.cache, labels, Split::Validation, half)?;
        split::answer(classifier, self.dataset, self.cache, &examples)
    }

    /// A record of these weights, as the settings have it.
    pub fn record(&self, weights: &Weights, network: &KeywordCnnConfig) -> Record {
        let header =
            Header::untrained(self.config.labels.clone(), self.config.log_mel.clone(), network.clone());
        Record { header, weights: weights.without_word_head(), words: None }
    }
}

/// Holds a run's folder for as long as the file lives: two trainings in one would spoil each other.
///
/// # Errors
/// If another training works there, or an earlier run's checkpoint is there and `resume` is not set.
pub fn claim(out: &Path, resume: bool) -> Result<File> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let lock = lock(out)?;
    if let (false, Some(earlier)) = (resume, checkpoint::all(out)?.last()) {
        bail!("{} is of an earlier run: go on with --resume, or name another --out", earlier.display());
    }
    Ok(lock)
}

fn lock(out: &Path) -> Result<File> {
    let path = out.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another training works in {}: name another --out", out.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
