//! Every setting of a training, its default, and the source of the default.

use sc_data::{Labels, LogMelConfig, Task};
use sc_model::{Backend, KeywordCnnConfig};
use serde::{Deserialize, Serialize};

use crate::recipe::Recipe;

/// Settings of a training. The same settings and clips give the same weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The labels: those of a [`Task`], or of one's own words.
    pub labels: Labels,
    /// Seed of everything that is drawn at random.
    pub seed: u64,
    /// Epochs.
    pub epochs: usize,
    /// Examples in an epoch; without it, as many as the training split has clips.
    pub epoch_examples: Option<usize>,
    /// Examples a step.
    pub batch_size: usize,
    /// Highest learning rate, reached after the warm-up.
    pub learning_rate: f64,
    /// Epochs over which the learning rate rises from zero; a cosine brings it back there.
    pub warmup_epochs: f64,
    /// Decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101).
    pub weight_decay: f32,
    /// Factor of the network's usual channels.
    pub width: usize,
    /// SHA-256 of each record whose weights' mean the training begins with; random ones without any.
    pub init: Vec<String>,
    /// SHA-256 of each record whose answers are learnt, if any teaches.
    pub teachers: Vec<String>,
    /// Share of the teachers' mean answer in a target; the rest is the label (Hinton et al., arXiv:1503.02531).
    pub teacher_share: f32,
    /// Share of the target spread over all labels (Szegedy et al., arXiv:1512.00567).
    pub label_smoothing: f32,
    /// Share of itself that the average of the weights keeps at each step.
    pub average_decay: f32,
    /// Which sounds the training hears.
    pub recipe: Recipe,
    /// The front end.
    pub log_mel: LogMelConfig,
    /// The backend that trains.
    pub backend: Backend,
}

/// Least examples in an epoch of one's own words: 40 epochs of a hundred clips would be a handful of steps.
const LEAST_EXAMPLES: usize = 2000;

/// Most examples in an epoch: the list of them takes 240 MB.
pub(crate) const MOST_EXAMPLES: usize = 10_000_000;

impl TrainConfig {
    /// The usual settings: for the labels of a task, or for words of one's own with so many clips to train on.
    pub fn usual(labels: Labels, n_own_clips: Option<usize>) -> Self {
        match n_own_clips {
            Some(n_clips) => Self::of_words(labels, n_clips),
            None => Self { labels, ..Self::default() },
        }
    }

    /// The usual settings for a training of some minutes: twice the learning rate, as few epochs must go far
    /// (`assets/RUNS.md`).
    pub fn of_minutes(labels: Labels) -> Self {
        let usual = Self::usual(labels, None);
        Self { learning_rate: 2.0 * usual.learning_rate, ..usual }
    }

    /// The usual settings for words of one's own with so many clips to train on: half the learning rate, as the training
    /// begins with another model, and epochs of some length however few clips there are.
    fn of_words(labels: Labels, n_clips: usize) -> Self {
        let usual = Self::default();
        let epoch_examples = (n_clips < LEAST_EXAMPLES).then_some(LEAST_EXAMPLES);
        Self { labels, epoch_examples, learning_rate: usual.learning_rate / 2.0, ..usual }
    }

    /// The network to be trained.
    pub fn network(&self) -> KeywordCnnConfig {
        let n_labels = self.labels.names().len();
        KeywordCnnConfig::new(self.log_mel.n_frames(), self.log_mel.n_mels, n_labels).widened(self.width)
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            labels: Task::default().labels(),
            seed: 1,
            epochs: 40,
            epoch_examples: None,
            batch_size: 64,
            learning_rate: 2e-3,
            warmup_epochs: 1.0,
            weight_decay: 0.05,
            width: 1,
            init: Vec::new(),
            teachers: Vec::new(),
            teacher_share: 0.8,
            label_smoothing: 0.1,
            average_decay: 0.999,
            recipe: Recipe::default(),
            log_mel: LogMelConfig::default(),
            backend: Backend::Flex,
        }
    }
}
