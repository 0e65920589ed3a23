//! Runs the network as plain loops over floats: the quick way to its logits on a CPU.
//!
//! Each batch norm is folded into the convolution before it, and the weights are packed for the kernel,
//! once. A clip then needs no allocation. Its activations lie in a [`Workspace`], channels last and with
//! their padding around them, so that a kernel row is one contiguous run of memory and no patch is copied.
//! Convolutions over three times, most of the network, use Winograd's algorithm, which saves a third of
//! their products.

mod conv;
mod folded;
mod kernel;
mod plan;
mod winograd;

use aligned_vec::{AVec, avec};

use crate::{KeywordCnnConfig, Weights};
use conv::Conv;
pub use kernel::Kernel;
use plan::{Activation, Plan};

/// A network for this machine's processor. Threads share it.
pub struct Engine {
    convolutions: Vec<Conv>,
    /// The first is the spectrogram, the last is the input of the head.
    activations: Vec<Activation>,
    /// The activation by which words are told apart.
    word_frames: usize,
    /// `[n_features, n_labels]`.
    head_weight: Vec<f32>,
    /// `[n_labels]`.
    head_bias: Vec<f32>,
}

/// Memory for the activations of one clip. It is reused for the next clip.
pub struct Workspace {
    activations: Vec<AVec<f32>>,
    /// Scratch memory of one convolution.
    scratch: AVec<f32>,
}

impl Default for Workspace {
    /// Returns an empty workspace, for a network that keeps its own memory.
    fn default() -> Self {
        Self { activations: Vec::new(), scratch: avec![] }
    }
}

impl Engine {
    /// Folds and packs `weights`, which must be those of `config`, for this processor.
    pub fn new(config: &KeywordCnnConfig, weights: &Weights) -> Self {
        Self::with_kernel(config, weights, Kernel::detect())
    }

    /// Does the same as [`Engine::new`] for a kernel of [`Kernel::available`].
    pub fn with_kernel(config: &KeywordCnnConfig, weights: &Weights, kernel: Kernel) -> Self {
        let Plan { steps, activations, word_frames } = Plan::new(config);
        Self {
            convolutions: steps.iter().map(|step| Conv::new(step, &activations, weights, kernel)).collect(),
            activations,
            word_frames,
            head_weight: weights.get("head.weight").values.clone(),
            head_bias: weights.get("head.bias").values.clone(),
        }
    }

    /// Returns the number of logits.
    pub fn n_labels(&self) -> usize {
        self.head_bias.len()
    }

    /// Returns memory for the activations of one clip.
    pub fn workspace(&self) -> Workspace {
        let scratch_len = self.convolutions.iter().map(Conv::scratch_len).max().unwrap_or_default();
        Workspace {
            activations: self.activations.iter().map(|activation| avec![0.0; activation.len()]).collect(),
            scratch: avec![0.0; scratch_len],
        }
    }

    /// Turns a log-mel spectrogram, `[n_frames, n_mels]`, into logits, `[n_labels]`.
    ///
    /// # Panics
    /// If a slice has another size, or another engine made `workspace`.
    pub fn logits(&self, log_mel: &[f32], workspace: &mut Workspace, logits: &mut [f32]) {
        let Workspace { activations, scratch } = workspace;
        self.activations[0].fill(log_mel, &mut activations[0]);
        for conv in &self.convolutions {
            // A convolution reads earlier activations and writes a later one.
            let (earlier, later) = activations.split_at_mut(conv.to);
            let skip = conv.skip.map(|skip| earlier[skip].as_slice());
            conv.run(&earlier[conv.from], skip, &mut later[0], scratch);
        }
        if let Some(last) = activations.last() {
            self.head(last, logits);
        }
    }

    /// Returns the output of the block that tells words apart, `[n_frames, channels]`, of the clip that
    /// [`logits`](Self::logits) was called with last.
    pub fn word_frames<'a>(&self, workspace: &'a Workspace) -> &'a [f32] {
        let (activation, memory) =
            (&self.activations[self.word_frames], &workspace.activations[self.word_frames]);
        &memory[activation.row(0)..][..activation.n_frames() * activation.row_len()]
    }

    /// Takes the mean over time, then runs the linear layer.
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

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::config::NORM_EPSILON;
    use crate::{BlockConfig, ConvConfig, ConvLayer, Values};

    /// Small enough for Miri, with every kind of layer: strides, a skip of either kind, and widths of
    /// one, two and three times 16.
    fn config() -> KeywordCnnConfig {
        let conv = |channels, kernel, stride| ConvConfig { channels, kernel, stride };
        KeywordCnnConfig {
            stem: vec![conv(16, [5, 5], [2, 2]), conv(48, [3, 3], [1, 2])],
            entry: 16,
            blocks: vec![
                BlockConfig { channels: 16, kernel: 3, stride: 1 },
                BlockConfig { channels: 32, kernel: 3, stride: 2 },
            ],
            ..KeywordCnnConfig::new(13, 7, 3)
        }
    }

    /// Weights as training leaves them: no norm is neutral.
    fn weights(config: &KeywordCnnConfig, rng: &mut ChaCha8Rng) -> Weights {
        let mut weights = Weights::default();
        for (name, shape) in config.tensors() {
            let range = if name.ends_with("variance") { 0.3..3.0 } else { -0.5..0.5 };
            let values = (0..shape.iter().product()).map(|_| rng.random_range(range.clone())).collect();
            weights.insert(name, Values { shape, values });
        }
        weights
    }

    /// An activation of one clip, in double precision and without padding.
    #[derive(Clone)]
    struct Plain {
        shape: [usize; 3],
        values: Vec<f64>,
    }

    impl Plain {
        /// Zero outside.
        fn at(&self, [time, frequency]: [isize; 2], channel: usize) -> f64 {
            let [n_times, n_bands, n_channels] = self.shape;
            let inside = (0..n_times as isize).contains(&time) && (0..n_bands as isize).contains(&frequency);
            let place = time * n_bands as isize + frequency;
            if inside { self.values[place as usize * n_channels + channel] } else { 0.0 }
        }

        /// Convolution and norm by their definitions.
        fn conv(&self, ConvLayer { name, shape, relu }: &ConvLayer, weights: &Weights) -> Self {
            let tensor = |part: &str| &weights.get(&format!("{name}.{part}")).values;
            let kernel = tensor("weight");
            let [gamma, beta, mean, variance] = ["gamma", "beta", "mean", "variance"].map(tensor);
            let input = Self { shape: shape.input, values: self.values.clone() };
            let ([kt, kf], [st, sf], [pt, pf]) = (shape.kernel, shape.stride, shape.padding());
            let [n_times, n_bands, n_channels] = shape.output();
            let mut values = Vec::new();
            for (time, frequency) in (0..n_times).flat_map(|t| (0..n_bands).map(move |f| (t, f))) {
                for channel in 0..n_channels {
                    let mut sum = 0.0;
                    for (i, j) in (0..kt).flat_map(|i| (0..kf).map(move |j| (i, j))) {
                        let place = [
                            (time * st + i) as isize - pt as isize,
                            (frequency * sf + j) as isize - pf as isize,
                        ];
                        for from in 0..shape.input[2] {
                            let weight = ((i * kf + j) * shape.input[2] + from) * n_channels + channel;
                            sum += input.at(place, from) * f64::from(kernel[weight]);
                        }
                    }
                    let [gamma, beta, mean, variance] =
                        [gamma, beta, mean, variance].map(|values| f64::from(values[channel]));
                    let y = (sum - mean) / (variance + f64::from(NORM_EPSILON)).sqrt() * gamma + beta;
                    values.push(if *relu { y.max(0.0) } else { y });
                }
            }
            Self { shape: shape.output(), values }
        }
    }

    /// The network by plain nested loops.
    fn reference(config: &KeywordCnnConfig, weights: &Weights, log_mel: &[f32]) -> Vec<f64> {
        let values = log_mel.iter().map(|value| f64::from(*value)).collect();
        let mut x = Plain { shape: [config.n_frames, config.n_mels, 1], values };
        let layers = config.layers();
        let layer = |name: String| layers.iter().find(|layer| layer.name == name);
        for i in 0..config.stem.len() {
            x = x.conv(layer(format!("stem.{i}")).unwrap(), weights);
        }
        x = x.conv(layer("entry".into()).unwrap(), weights);
        for i in 0..config.blocks.len() {
            let conv = |x: &Plain, name: &str| {
                layer(format!("blocks.{i}.{name}")).map(|layer| x.conv(layer, weights))
            };
            let skip = conv(&x, "skip").unwrap_or_else(|| x.clone());
            x = conv(&conv(&x, "conv1").unwrap(), "conv2").unwrap();
            x.values.iter_mut().zip(skip.values).for_each(|(y, skip)| *y = (*y + skip).max(0.0));
        }
        let ([n_frames, _, n_features], head) = (x.shape, &weights.get("head.weight").values);
        let mean =
            |feature| (0..n_frames).map(|t| x.at([t as isize, 0], feature)).sum::<f64>() / n_frames as f64;
        let bias = weights.get("head.bias").values.iter().map(|bias| f64::from(*bias));
        bias.enumerate()
            .map(|(label, bias)| {
                let product = |feature| mean(feature) * f64::from(head[feature * config.n_labels + label]);
                bias + (0..n_features).map(product).sum::<f64>()
            })
            .collect()
    }

    #[test]
    fn every_kernel_gives_the_logits_of_plain_loops() {
        let (config, mut rng) = (config(), ChaCha8Rng::seed_from_u64(1));
        let weights = weights(&config, &mut rng);
        let log_mel: Vec<f32> =
            (0..config.n_frames * config.n_mels).map(|_| rng.random_range(-3.0..3.0)).collect();
        let expected = reference(&config, &weights, &log_mel);
        for kernel in Kernel::available() {
            let engine = Engine::with_kernel(&config, &weights, kernel);
            let mut logits = vec![0.0; config.n_labels];
            engine.logits(&log_mel, &mut engine.workspace(), &mut logits);
            for (logit, expected) in logits.iter().zip(&expected) {
                let distance = (f64::from(*logit) - expected).abs();
                assert!(distance < 1e-4, "{kernel}: {logits:?}, expected {expected:?}");
            }
        }
    }
}
