//! Every setting of a training, its default, and where the default comes from.

use sc_data::{LogMelConfig, Task};
use sc_model::KeywordCnnConfig;
use serde::{Deserialize, Serialize};

/// What a training follows. With the same settings, recordings and backend it gives the same weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// What is told apart.
    pub task: Task,
    /// Everything drawn at random follows from it.
    pub seed: u64,
    /// Epochs, each of as many examples as the training split has clips.
    pub epochs: usize,
    /// Examples a step.
    pub batch_size: usize,
    /// Highest learning rate, reached after the warm-up.
    pub learning_rate: f64,
    /// Epochs over which the learning rate rises from zero; a cosine brings it back there.
    pub warmup_epochs: f64,
    /// Decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101).
    pub weight_decay: f32,
    /// The network has so many times its usual channels.
    pub width: usize,
    /// SHA-256 of the record whose weights the training begins with; random ones without it.
    pub init: Option<String>,
    /// SHA-256 of each record whose answers are learnt, if any teaches.
    pub teachers: Vec<String>,
    /// Share of the teachers' mean answer in a target; the rest is the label (Hinton et al., arXiv:1503.02531).
    pub teacher_share: f32,
    /// Share of the target spread over all labels (Szegedy et al., arXiv:1512.00567).
    pub label_smoothing: f32,
    /// What the averaged weights keep of themselves at each step.
    pub average_decay: f32,
    /// Epochs without a better validation accuracy after which training stops.
    pub patience: usize,
    /// Share of the examples that are `_unknown_`.
    pub unknown_share: f64,
    /// Share of the examples that are `_silence_`.
    pub silence_share: f64,
    /// The front end.
    pub log_mel: LogMelConfig,
}

impl TrainConfig {
    /// The network to be trained.
    pub fn network(&self) -> KeywordCnnConfig {
        let n_labels = self.task.labels().names().len();
        KeywordCnnConfig::new(self.log_mel.n_frames(), self.log_mel.n_mels, n_labels).widened(self.width)
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            task: Task::default(),
            seed: 1,
            epochs: 40,
            batch_size: 64,
            learning_rate: 2e-3,
            warmup_epochs: 1.0,
            weight_decay: 0.05,
            width: 1,
            init: None,
            teachers: Vec::new(),
            teacher_share: 0.8,
            label_smoothing: 0.1,
            average_decay: 0.999,
            patience: 40,
            unknown_share: 0.22,
            silence_share: 0.08,
            log_mel: LogMelConfig::default(),
        }
    }
}
