//! The network as [`Classifier`](crate::Classifier) runs it, on any backend.

use crate::engine::{Engine, Workspace};

/// A loaded network. Threads share it; each brings a workspace of its own.
pub trait Runner: Send + Sync {
    /// Returns the memory for one clip on its way through the network.
    fn workspace(&self) -> Workspace;

    /// Turns a log-mel spectrogram, `[n_frames, n_mels]`, into logits, `[n_labels]`.
    ///
    /// # Panics
    /// If a slice has another size, or another network made `workspace`.
    fn logits(&self, log_mel: &[f32], workspace: &mut Workspace, logits: &mut [f32]);
}

impl Runner for Engine {
    fn workspace(&self) -> Workspace {
        Engine::workspace(self)
    }

    fn logits(&self, log_mel: &[f32], workspace: &mut Workspace, logits: &mut [f32]) {
        Engine::logits(self, log_mel, workspace, logits);
    }
}
