//! The network as plain loops over floats: the quick way to the same logits on a CPU.
//!
//! At load, each batch norm is folded into the convolution before it and the weights are laid out
//! for the kernel. A clip then goes through with nothing allocated: activations live in a
//! [`Workspace`], channels last and with their padding around them, so that a kernel row is one
//! contiguous run of memory and no patch is ever copied.

mod conv;
mod kernel;
mod plan;

use crate::{KeywordCnnConfig, Weights};
use conv::Conv;
pub use kernel::Kernel;
use plan::{Activation, Plan};

/// A network ready to run on this machine's processor.
pub struct Engine {
    convolutions: Vec<Conv>,
    /// The first is the spectrogram, the last what the head reads.
    activations: Vec<Activation>,
    /// `[n_features, n_labels]`.
    head_weight: Vec<f32>,
    /// `[n_labels]`.
    head_bias: Vec<f32>,
}

/// One clip's activations on its way through. Used again and again.
pub struct Workspace(Vec<Vec<f32>>);

impl Engine {
    /// Folds and lays out `weights`, which must be those of `config`, for this processor.
    pub fn new(config: &KeywordCnnConfig, weights: &Weights) -> Self {
        Self::with_kernel(config, weights, Kernel::detect())
    }

    /// The same for given instructions, which must be among [`Kernel::available`].
    pub fn with_kernel(config: &KeywordCnnConfig, weights: &Weights, kernel: Kernel) -> Self {
        let Plan { steps, activations } = Plan::new(config);
        Self {
            convolutions: steps.iter().map(|step| Conv::new(step, &activations, weights, kernel)).collect(),
            activations,
            head_weight: weights.get("head.weight").values.clone(),
            head_bias: weights.get("head.bias").values.clone(),
        }
    }

    /// Room for one clip's activations.
    pub fn workspace(&self) -> Workspace {
        Workspace(self.activations.iter().map(|activation| vec![0.0; activation.len()]).collect())
    }

    /// A log-mel spectrogram, `[n_frames, n_mels]`, to logits, `[n_labels]`.
    ///
    /// # Panics
    /// If a slice has another size, or `workspace` was made by another engine.
    pub fn logits(&self, log_mel: &[f32], workspace: &mut Workspace, logits: &mut [f32]) {
        let activations = &mut workspace.0;
        self.activations[0].fill(log_mel, &mut activations[0]);
        for conv in &self.convolutions {
            // A convolution reads earlier activations and writes a later one.
            let (earlier, later) = activations.split_at_mut(conv.to);
            let skip = conv.skip.map(|skip| &*earlier[skip]);
            conv.run(&earlier[conv.from], skip, &mut later[0]);
        }
        if let Some(last) = activations.last() {
            self.head(last, logits);
        }
    }

    /// Mean over time, then the linear layer.
    fn head(&self, activation: &[f32], logits: &mut [f32]) {
        let n_labels = self.head_bias.len();
        let n_features = self.head_weight.len() / n_labels;
        let n_frames = activation.len() / n_features;
        logits.copy_from_slice(&self.head_bias);
        for (feature, weights) in self.head_weight.chunks_exact(n_labels).enumerate() {
            let sum: f32 = activation[feature..].iter().step_by(n_features).sum();
            let mean = sum / n_frames as f32;
            logits.iter_mut().zip(weights).for_each(|(logit, weight)| *logit += mean * weight);
        }
    }
}
