//! One folded convolution, laid out for the kernel.

use super::kernel::{Kernel, Panel, Tiles};
use super::plan::{Activation, Step};
use crate::Weights;
use crate::config::{ConvShape, NORM_EPSILON};

/// A convolution with its norm folded in.
pub struct Conv {
    pub from: usize,
    pub to: usize,
    pub skip: Option<usize>,
    /// `[kernel, channels]` of each panel, one after another: what the kernel reads, in its order.
    weights: Vec<f32>,
    /// `[channels]`.
    bias: Vec<f32>,
    relu: bool,
    tiles: Tiles,
    kernel: Kernel,
}

impl Conv {
    pub fn new(step: &Step, activations: &[Activation], weights: &Weights, kernel: Kernel) -> Self {
        let shape = &step.layer.shape;
        let (weights, bias) = fold(&step.layer.name, shape, weights);
        Self {
            from: step.from,
            to: step.to,
            skip: step.skip,
            weights: pack(&weights, shape.channels, kernel.width()),
            bias,
            relu: step.layer.relu || step.skip.is_some(),
            tiles: tiles(step, activations),
            kernel,
        }
    }

    /// Runs over one clip's activations; padding around the output stays as it is.
    pub fn run(&self, input: &[f32], skip: Option<&[f32]>, output: &mut [f32]) {
        let floor = if self.relu { 0.0 } else { f32::NEG_INFINITY };
        let width = self.kernel.width();
        let panels = self.weights.chunks(self.tiles.patch_len() * width).zip(self.bias.chunks(width));
        for (i, (weights, bias)) in panels.enumerate() {
            let panel = Panel { tiles: &self.tiles, channel: i * width, weights, bias, floor };
            self.kernel.run(&panel, input, skip, output);
        }
    }
}

/// The convolution and its norm as one: weights `[kernel, channels]` and a bias a channel.
///
/// `norm(conv(x)) = conv(x) * s + (beta - mean * s)` with `s = gamma / sqrt(variance + epsilon)`.
fn fold(name: &str, shape: &ConvShape, weights: &Weights) -> (Vec<f32>, Vec<f32>) {
    let tensor = |part: &str| &weights.get(&format!("{name}.{part}")).values;
    let (gamma, variance) = (tensor("gamma"), tensor("variance"));
    let deviation = variance.iter().map(|variance| (variance + NORM_EPSILON).sqrt());
    let scale: Vec<f32> = gamma.iter().zip(deviation).map(|(gamma, deviation)| gamma / deviation).collect();
    let offset = tensor("mean").iter().zip(&scale).map(|(mean, scale)| mean * scale);
    let bias = tensor("beta").iter().zip(offset).map(|(beta, offset)| beta - offset).collect();
    let rows = tensor("weight").chunks_exact(shape.channels);
    let folded = rows.flat_map(|row| row.iter().zip(&scale).map(|(weight, scale)| weight * scale)).collect();
    (folded, bias)
}

/// `[rows, channels]` to `[rows, width]` for each panel; the last may be narrower.
fn pack(weights: &[f32], channels: usize, width: usize) -> Vec<f32> {
    let mut packed = Vec::with_capacity(weights.len());
    for panel in (0..channels).step_by(width) {
        let panel = panel..channels.min(panel + width);
        weights.chunks_exact(channels).for_each(|row| packed.extend_from_slice(&row[panel.clone()]));
    }
    packed
}

/// Where every place's patch, result and skip lie in memory.
fn tiles(step: &Step, activations: &[Activation]) -> Tiles {
    let shape = &step.layer.shape;
    let [pt, pf] = shape.padding().map(|padding| padding as isize);
    let (input, output) = (&activations[step.from], &activations[step.to]);
    let [time, frequency, _] = shape.output();
    let places = || (0..time as isize).flat_map(|t| (0..frequency as isize).map(move |f| [t, f]));
    let [st, sf] = shape.stride.map(|stride| stride as isize);
    let (row_len, run_len) = (input.row_len(), shape.kernel[1] * shape.input[2]);
    // Rows that follow each other without a gap are one long run.
    let (runs, run_len) =
        if row_len == run_len { (1, run_len * shape.kernel[0]) } else { (shape.kernel[0], run_len) };
    Tiles {
        runs,
        run_len,
        run_stride: row_len,
        inputs: places().map(|[t, f]| input.offset([t * st - pt, f * sf - pf], shape.input[2])).collect(),
        outputs: places().map(|place| output.offset(place, shape.channels)).collect(),
        skips: step.skip.map_or_else(Vec::new, |skip| {
            places().map(|place| activations[skip].offset(place, shape.channels)).collect()
        }),
    }
}
