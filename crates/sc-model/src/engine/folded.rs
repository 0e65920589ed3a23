//! A convolution's weights: with its norm folded in, and in the order in which the kernel reads them.

use aligned_vec::AVec;

use super::few;
use super::kernel::{Kernel, Panel, Tiles};
use super::plan::Step;
use crate::Weights;
use crate::config::NORM_EPSILON;

/// The weights of a convolution with its norm folded in.
///
/// `norm(conv(x)) = conv(x) * s + (beta - mean * s)` with `s = gamma / sqrt(variance + epsilon)`.
pub struct Folded {
    /// `[kernel, channels]`.
    pub weights: Vec<f32>,
    /// `[channels]`.
    pub bias: Vec<f32>,
    /// Least result: 0 for `ReLU`, else minus infinity.
    pub floor: f32,
}

impl Folded {
    pub fn new(step: &Step, weights: &Weights) -> Self {
        let tensor = |part: &str| &weights.get(&format!("{}.{part}", step.layer.name)).values;
        let (gamma, variance) = (tensor("gamma"), tensor("variance"));
        let deviation = variance.iter().map(|variance| (variance + NORM_EPSILON).sqrt());
        let scale: Vec<f32> =
            gamma.iter().zip(deviation).map(|(gamma, deviation)| gamma / deviation).collect();
        let offset = tensor("mean").iter().zip(&scale).map(|(mean, scale)| mean * scale);
        let bias = tensor("beta").iter().zip(offset).map(|(beta, offset)| beta - offset).collect();
        let rows = tensor("weight").chunks_exact(scale.len());
        let weights =
            rows.flat_map(|row| row.iter().zip(&scale).map(|(weight, scale)| weight * scale)).collect();
        Self { weights, bias, floor: if step.ends_in_relu() { 0.0 } else { f32::NEG_INFINITY } }
    }
}

/// Weights in the kernel's order.
pub struct PackedWeights {
    /// `[kernel, channels]` of each panel, one after another.
    weights: AVec<f32>,
    /// `[channels]`.
    bias: Vec<f32>,
    kernel: Kernel,
}

impl PackedWeights {
    /// Packs weights `[kernel, channels]`.
    pub fn new(weights: &[f32], bias: Vec<f32>, kernel: Kernel) -> Self {
        Self { weights: pack(weights, bias.len(), kernel.width()), bias, kernel }
    }

    /// Multiplies the patches of the first `n_places` places by the weights, and adds the bias and the skip.
    pub fn multiply(
        &self,
        tiles: &Tiles,
        n_places: usize,
        floor: f32,
        input: &[f32],
        skip: Option<&[f32]>,
        output: &mut [f32],
    ) {
        let (weights, bias) = (&self.weights, &self.bias);
        let all = Panel { tiles, n_places, channel: 0, weights, bias, floor, input, skip };
        let n_done = few::run(self.kernel, &all, output);
        let (width, panel_len) = (self.kernel.width(), tiles.patch_len() * self.kernel.width());
        let weights = self.weights[n_done * tiles.patch_len()..].chunks(panel_len);
        for (i, (weights, bias)) in weights.zip(self.bias[n_done..].chunks(width)).enumerate() {
            self.kernel.run(&Panel { channel: n_done + i * width, weights, bias, ..all }, output);
        }
    }
}

/// Reorders `[rows, channels]` as one `[rows, width]` for each panel. The last panel may be narrower.
fn pack(weights: &[f32], channels: usize, width: usize) -> AVec<f32> {
    let mut packed = AVec::with_capacity(0, weights.len()); // 0 asks for no more than the usual alignment
    for panel in (0..channels).step_by(width) {
        let panel = panel..channels.min(panel + width);
        weights.chunks_exact(channels).for_each(|row| packed.extend_from_slice(&row[panel.clone()]));
    }
    packed
}
