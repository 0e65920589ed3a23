//! One convolution, by the method that is quicker for its shape.

use super::folded::{Folded, PackedWeights};
use super::kernel::{Kernel, Tiles};
use super::plan::{Activation, Step};
use super::winograd::Winograd;
use crate::Weights;

/// A convolution with its norm folded in, from one activation to another.
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

    /// Returns the size of the scratch memory that [`Conv::run`] takes.
    pub fn scratch_len(&self) -> usize {
        match &self.method {
            Method::Direct(_) => 0,
            Method::Winograd(winograd) => winograd.scratch_len(),
        }
    }

    /// Runs over the activations of one clip. Does not write to the padding around the output.
    pub fn run(&self, input: &[f32], skip: Option<&[f32]>, output: &mut [f32], scratch: &mut [f32]) {
        match &self.method {
            Method::Direct(direct) => direct.run(input, skip, output),
            Method::Winograd(winograd) => winograd.run(input, skip, output, scratch),
        }
    }
}

/// A convolution as one product: the patch of each place times the weights.
struct Direct {
    weights: PackedWeights,
    tiles: Tiles,
    floor: f32,
}

impl Direct {
    fn new(step: &Step, activations: &[Activation], folded: Folded, kernel: Kernel) -> Self {
        Self {
            weights: PackedWeights::new(&folded.weights, folded.bias, kernel),
            tiles: tiles(step, activations),
            floor: folded.floor,
        }
    }

    fn run(&self, input: &[f32], skip: Option<&[f32]>, output: &mut [f32]) {
        self.weights.multiply(&self.tiles, self.floor, input, skip, output);
    }
}

/// Returns the positions in memory of each place's patch, result and skip.
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
