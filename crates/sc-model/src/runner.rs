//! The network as [`Classifier`](crate::Classifier) runs it, on any backend.

use crate::engine::{Engine, Workspace};

/// The network's output for one clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// `[n_labels]`.
    pub logits: Vec<f32>,
    /// The output of the block that tells words apart, `[n_frames, n_channels]`, if it was asked for.
    pub word_frames: Vec<f32>,
}

/// Floats differ by their order of addition.
const FLOAT_TOLERANCE: f32 = 2e-3;

/// Eight bits move the logits of a record's self-test by less than this.
const EIGHT_BIT_TOLERANCE: f32 = 0.3;

/// A loaded network. Threads share it; each brings a workspace of its own.
pub trait Runner: Send + Sync {
    /// Turns a log-mel spectrogram, `[n_frames, n_mels]`, into logits, and into word frames if `has_words` is true.
    ///
    /// # Panics
    /// If the spectrogram has another size, or another network has used `workspace`.
    fn run(&self, log_mel: &[f32], workspace: &mut Workspace, has_words: bool, output: &mut Output);

    /// Returns the largest difference between a logit of the self-test and the record's.
    fn tolerance(&self) -> f32 {
        FLOAT_TOLERANCE
    }

    /// Returns the engine, if the network has one: it also runs over streams.
    fn engine(&self) -> Option<&Engine> {
        None
    }
}

impl Runner for Engine {
    fn run(&self, log_mel: &[f32], workspace: &mut Workspace, has_words: bool, output: &mut Output) {
        output.logits.resize(self.n_labels(), 0.0);
        self.logits(log_mel, workspace, &mut output.logits);
        output.word_frames.clear();
        if has_words {
            output.word_frames.extend(self.word_frames(workspace));
        }
    }

    fn tolerance(&self) -> f32 {
        if self.is_in_eight_bits() { EIGHT_BIT_TOLERANCE } else { FLOAT_TOLERANCE }
    }

    fn engine(&self) -> Option<&Engine> {
        Some(self)
    }
}
