//! The network in Burn: it takes a device and names no backend.
//!
//! Activations are `[batch, time, frequency, channel]`. Only [`conv`] and [`norm`] know that training
//! on flex has quicker ways than Burn's own.

mod block;
mod conv;
mod flex;
mod matmul;
mod norm;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

use crate::{KeywordCnnConfig, Values, Weights};
use block::{ConvNorm, Residual};

/// The network that [`KeywordCnnConfig`] describes.
#[derive(Module, Debug)]
pub struct KeywordCnn {
    stem: Vec<ConvNorm>,
    entry: ConvNorm,
    blocks: Vec<Residual>,
    head_weight: Param<Tensor<2>>,
    head_bias: Param<Tensor<1>>,
}

impl KeywordCnnConfig {
    /// Builds the network with the given weights on a device.
    ///
    /// # Panics
    /// If `weights` are not those of this configuration.
    pub fn init(&self, weights: &Weights, device: &Device) -> KeywordCnn {
        let mut reader = Reader { weights, device, next_id: 0 };
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
        }
    }
}

impl KeywordCnn {
    /// Log-mel spectrograms to logits.
    ///
    /// # Shapes
    /// `[batch, n_frames, n_mels]` to `[batch, n_labels]`.
    pub fn forward(&self, log_mel: Tensor<3>) -> Tensor<2> {
        let mut x = log_mel.unsqueeze_dim::<4>(3);
        for conv in &self.stem {
            x = conv.forward(x);
        }
        let [batch, n_frames, n_bands, channels] = x.dims();
        x = self.entry.forward(x.reshape([batch, n_frames, 1, n_bands * channels]));
        for block in &self.blocks {
            x = block.forward(x);
        }
        let [batch, _, _, channels] = x.dims();
        let mean = x.mean_dim(1).reshape([batch, channels]);
        mean.matmul(self.head_weight.val()) + self.head_bias.val().unsqueeze()
    }

    /// One clip's log-mel spectrogram, `[n_frames, n_mels]`, to its logits.
    pub(crate) fn logits(&self, log_mel: &[f32], n_mels: usize, device: &Device) -> Vec<f32> {
        let shape = [1, log_mel.len() / n_mels, n_mels];
        let log_mel = Tensor::from_data(TensorData::new(log_mel.to_vec(), shape), device);
        to_vec(self.forward(log_mel))
    }

    /// The network's numbers, as [`KeywordCnnConfig::init`] takes them.
    pub fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        for (i, conv) in self.stem.iter().enumerate() {
            conv.write(&mut weights, &format!("stem.{i}"));
        }
        self.entry.write(&mut weights, "entry");
        for (i, block) in self.blocks.iter().enumerate() {
            block.write(&mut weights, &format!("blocks.{i}"));
        }
        write(&mut weights, "head.weight".into(), self.head_weight.val());
        write(&mut weights, "head.bias".into(), self.head_bias.val());
        weights
    }
}

/// Makes parameters of weights. Their ids are numbered, so that an optimiser's record finds them
/// again in another process.
struct Reader<'a> {
    weights: &'a Weights,
    device: &'a Device,
    next_id: u64,
}

impl Reader<'_> {
    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let Values { shape, values } = self.weights.get(name);
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), self.device)
    }

    fn param<const D: usize>(&mut self, name: &str) -> Param<Tensor<D>> {
        self.next_id += 1;
        let tensor = self.tensor(name);
        let tensor = if self.device.is_autodiff() { tensor.require_grad() } else { tensor };
        Param::initialized(ParamId::from(self.next_id), tensor)
    }
}

fn write<const D: usize>(weights: &mut Weights, name: String, tensor: Tensor<D>) {
    let shape = tensor.dims().to_vec();
    weights.insert(name, Values { shape, values: to_vec(tensor) });
}

fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("a network of 32-bit floats")
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Numbers in [-1, 1] on the device that trains.
    pub fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
    }

    /// Compares a gradient at `x` with the slope of `loss` along a few directions, by differences.
    pub fn assert_is_slope<const D: usize>(
        gradient: &Tensor<D>,
        x: &Tensor<D>,
        loss: impl Fn(Tensor<D>) -> f64,
    ) {
        // Far above the rounding of 32 bits; so small that few values pass the bend of ReLU.
        const STEP: f64 = 1e-3;
        let numbers = |tensor: &Tensor<D>| super::to_vec(tensor.clone());
        let product = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let gradient = numbers(gradient);
        for seed in 20..25 {
            let direction = random(x.dims(), seed);
            let moved = |step: f64| loss(x.clone() + direction.clone() * step as f32);
            let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let expected = product(&gradient, &numbers(&direction));
            let tolerance = 2e-2 * product(&gradient, &gradient).sqrt();
            assert!((slope - expected).abs() < tolerance, "slope {slope}, by the gradient {expected}");
        }
    }

    /// The sum of `y`, weighted as [`random`] does.
    pub fn weighted_sum(y: Tensor<4>) -> f64 {
        let weights = super::to_vec(random(y.dims(), 9));
        super::to_vec(y).iter().zip(weights).map(|(y, weight)| f64::from(*y) * f64::from(weight)).sum()
    }
}
