//! The network in Burn, for training and for any of Burn's backends.
//!
//! Activations are `[batch, time, frequency, channel]`. [`conv`] and [`norm`] have operations of their own
//! that are quicker than Burn's when training on flex.

mod block;
mod conv;
mod device;
mod flex;
mod matmul;
mod norm;
mod parameters;
#[cfg(test)]
mod slope;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use crate::config::word_block;
use crate::engine::Workspace;
use crate::runner::{Output, Runner};
use crate::weights::WORD_HEAD;
use crate::{KeywordCnnConfig, Weights};
use block::{ConvNorm, Residual};
use parameters::{Reader, Writer, to_vec};

/// The network that [`KeywordCnnConfig`] describes.
#[derive(Module, Debug)]
pub struct KeywordCnn {
    stem: Vec<ConvNorm>,
    entry: ConvNorm,
    blocks: Vec<Residual>,
    head_weight: Param<Tensor<2>>,
    head_bias: Param<Tensor<1>>,
    words: Option<WordHead>,
}

/// A linear layer that tells many words apart by the middle of the trunk. It only helps to train: a layer that must tell
/// many words apart also tells those apart that nobody has taught.
#[derive(Module, Debug)]
struct WordHead {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl KeywordCnnConfig {
    /// Builds the network with these weights on a device.
    ///
    /// # Panics
    /// If `weights` are not those of this configuration.
    pub fn init(&self, weights: &Weights, device: &Device) -> KeywordCnn {
        let mut reader = Reader::new(weights, device);
        let stem = self.stem.iter().enumerate();
        let stem = stem.map(|(i, conv)| reader.conv_norm(&format!("stem.{i}"), conv.stride, true)).collect();
        let entry = reader.conv_norm("entry", [1, 1], true);
        let mut input_channels = self.entry;
        let blocks = self.blocks.iter().enumerate().map(|(i, block)| {
            let has_skip = block.has_skip(input_channels);
            input_channels = block.channels;
            reader.residual(&format!("blocks.{i}"), block.stride, has_skip)
        });
        let blocks = blocks.collect();
        KeywordCnn {
            stem,
            entry,
            blocks,
            head_weight: reader.param("head.weight"),
            head_bias: reader.param("head.bias"),
            words: weights
                .contains(WORD_HEAD[0])
                .then(|| WordHead { weight: reader.param(WORD_HEAD[0]), bias: reader.param(WORD_HEAD[1]) }),
        }
    }
}

impl KeywordCnn {
    /// Maps log-mel spectrograms to logits.
    ///
    /// # Shapes
    /// `[batch, n_frames, n_mels]` to `[batch, n_labels]`.
    pub fn forward(&self, log_mel: Tensor<3>) -> Tensor<2> {
        self.forward_with_frames(log_mel).0
    }

    /// The same, and the logits of the words if the weights have a head for them: `[batch, n_words]`.
    pub fn forward_with_words(&self, log_mel: Tensor<3>) -> (Tensor<2>, Option<Tensor<2>>) {
        let (logits, frames) = self.forward_with_frames(log_mel);
        (logits, self.words.as_ref().map(|head| head.forward(&frames)))
    }

    /// The same as [`forward`](Self::forward), and the output of the block that tells words apart:
    /// `[batch, n_frames, 1, n_channels]`.
    fn forward_with_frames(&self, log_mel: Tensor<3>) -> (Tensor<2>, Tensor<4>) {
        let mut x = log_mel.unsqueeze_dim::<4>(3);
        for conv in &self.stem {
            x = conv.forward(x);
        }
        let [batch, n_frames, n_bands, channels] = x.dims();
        x = self.entry.forward(x.reshape([batch, n_frames, 1, n_bands * channels]));
        let mut frames = x.clone();
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(x);
            if Some(i) == word_block(self.blocks.len()) {
                frames = x.clone();
            }
        }
        let [batch, _, _, channels] = x.dims();
        let mean = x.mean_dim(1).reshape([batch, channels]);
        (mean.matmul(self.head_weight.val()) + self.head_bias.val().unsqueeze(), frames)
    }

    /// Returns the network's weights, as [`KeywordCnnConfig::init`] takes them.
    pub fn weights(&self) -> Weights {
        let mut writer = Writer::default();
        for (i, conv) in self.stem.iter().enumerate() {
            conv.write(&mut writer, &format!("stem.{i}"));
        }
        self.entry.write(&mut writer, "entry");
        for (i, block) in self.blocks.iter().enumerate() {
            block.write(&mut writer, &format!("blocks.{i}"));
        }
        writer.add("head.weight".into(), self.head_weight.val());
        writer.add("head.bias".into(), self.head_bias.val());
        if let Some(words) = &self.words {
            writer.add(WORD_HEAD[0].into(), words.weight.val());
            writer.add(WORD_HEAD[1].into(), words.bias.val());
        }
        writer.weights()
    }
}

impl WordHead {
    /// `[batch, time, 1, channel]` to `[batch, n_words]`, by the means of the first and of the second half of the time.
    fn forward(&self, x: &Tensor<4>) -> Tensor<2> {
        let [batch, n_frames, _, channels] = x.dims();
        let mean = |frames: std::ops::Range<usize>| {
            x.clone().slice([0..batch, frames]).mean_dim(1).reshape([batch, channels])
        };
        let pooled = Tensor::cat(vec![mean(0..n_frames / 2), mean(n_frames / 2..n_frames)], 1);
        pooled.matmul(self.weight.val()) + self.bias.val().unsqueeze()
    }
}

/// A network on one of Burn's devices.
pub struct OnDevice {
    network: KeywordCnn,
    device: Device,
    /// `[1, n_frames, n_mels]`.
    shape: [usize; 3],
}

impl OnDevice {
    pub fn new(config: &KeywordCnnConfig, weights: &Weights, device: Device) -> Self {
        let shape = [1, config.n_frames, config.n_mels];
        Self { network: config.init(weights, &device), device, shape }
    }
}

impl Runner for OnDevice {
    /// Burn keeps its own memory.
    fn run(&self, log_mel: &[f32], _: &mut Workspace, has_words: bool, output: &mut Output) {
        assert_eq!(log_mel.len(), self.shape.iter().product::<usize>(), "size of the spectrogram");
        let log_mel = Tensor::from_data(TensorData::new(log_mel.to_vec(), self.shape), &self.device);
        let (logits, frames) = self.network.forward_with_frames(log_mel);
        output.logits = to_vec(logits);
        output.word_frames = if has_words { to_vec(frames) } else { Vec::new() };
    }
}
