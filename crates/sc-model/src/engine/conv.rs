//! One folded convolution, laid out for the kernel.

use aligned_vec::AVec;

use super::kernel::{Kernel, Panel, Tiles};
use super::plan::{Activation, Step};
use super::winograd::Winograd;
use crate::Weights;
use crate::config::NORM_EPSILON;

/// A convolution with its norm folded in.
pub struct Conv {
    pub from: usize,
    pub to: usize,
    pub skip: Option<usize>,
    method: Method,
}

enum Method {
    Direct(Direct),
    Winograd(Box<Winograd>),
}

impl Conv {
    pub fn new(step: &Step, activations: &[Activation], weights: &Weights, kernel: Kernel) -> Self {
        let folded = Folded::new(step, weights);
        let method = if Winograd::suits(&step.layer.shape) {
            Method::Winograd(Box::new(Winograd::new(step, activations, folded, kernel)))
        } else {
            Method::Direct(Direct::new(step, activations, folded, kernel))
        };
        Self { from: step.from, to: step.to, skip: step.skip, method }
    }

    /// Numbers that [`Conv::run`] wants to lay aside.
    pub fn scratch_len(&self) -> usize {
        match &self.method {
            Method::Direct(_) => 0,
            Method::Winograd(winograd) => winograd.scratch_len(),
        }
    }

    /// Runs over one clip's activations; padding around the output stays as it is.
    pub fn run(&self, input: &[f32], skip: Option<&[f32]>, output: &mut [f32], scratch: &mut [f32]) {
        match &self.method {
            Method::Direct(direct) => direct.run(input, skip, output),
            Method::Winograd(winograd) => winograd.run(input, skip, output, scratch),
        }
    }
}

/// Every place's patch times the weights.
struct Direct {
    matrix: Matrix,
    tiles: Tiles,
    floor: f32,
}

impl Direct {
    fn new(step: &Step, activations: &[Activation], folded: Folded, kernel: Kernel) -> Self {
        Self {
            matrix: Matrix::new(&folded.weights, folded.bias, kernel),
            tiles: tiles(step, activations),
            floor: folded.floor,
        }
    }

    fn run(&self, input: &[f32], skip: Option<&[f32]>, output: &mut [f32]) {
        self.matrix.multiply(&self.tiles, self.floor, input, skip, output);
    }
}

/// Weights in the kernel's order.
pub struct Matrix {
    /// `[kernel, channels]` of each panel, one after another.
    weights: AVec<f32>,
    /// `[channels]`.
    bias: Vec<f32>,
    kernel: Kernel,
}

impl Matrix {
    /// Of weights `[kernel, channels]`.
    pub fn new(weights: &[f32], bias: Vec<f32>, kernel: Kernel) -> Self {
        Self { weights: pack(weights, bias.len(), kernel.width()), bias, kernel }
    }

    /// Multiplies the patch of every place, and adds the bias and the skip.
    pub fn multiply(
        &self,
        tiles: &Tiles,
        floor: f32,
        input: &[f32],
        skip: Option<&[f32]>,
        output: &mut [f32],
    ) {
        let width = self.kernel.width();
        let panels = self.weights.chunks(tiles.patch_len() * width).zip(self.bias.chunks(width));
        for (i, (weights, bias)) in panels.enumerate() {
            self.kernel.run(&Panel { tiles, channel: i * width, weights, bias, floor }, input, skip, output);
        }
    }
}

/// A convolution and its norm as one.
///
/// `norm(conv(x)) = conv(x) * s + (beta - mean * s)` with `s = gamma / sqrt(variance + epsilon)`.
pub struct Folded {
    /// `[kernel, channels]`.
    pub weights: Vec<f32>,
    /// `[channels]`.
    pub bias: Vec<f32>,
    /// Results below are raised to it: 0 for `ReLU`.
    pub floor: f32,
}

impl Folded {
    fn new(step: &Step, weights: &Weights) -> Self {
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
        let relu = step.layer.relu || step.skip.is_some();
        Self { weights, bias, floor: if relu { 0.0 } else { f32::NEG_INFINITY } }
    }
}

/// `[rows, channels]` to `[rows, width]` for each panel; the last may be narrower.
fn pack(weights: &[f32], channels: usize, width: usize) -> AVec<f32> {
    let mut packed = AVec::with_capacity(0, weights.len()); // 0 asks for no more than the usual alignment
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
