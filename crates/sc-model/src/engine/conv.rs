//! One convolution, by the method that is quicker for its shape.

use std::sync::Arc;

use super::eight::{self, EightBitWeights, Rounding};
use super::folded::{Folded, PackedWeights};
use super::kernel::{Kernel, Tiles};
use super::memory::{Form, Memory};
use super::plan::{Activation, Grid, Step};
use super::winograd::{self, Places, WinogradWeights};
use crate::Weights;

/// A convolution with its norm folded in, from one activation to another.
pub struct Conv {
    from: usize,
    to: usize,
    skip: Option<usize>,
    /// Times of the whole output, of all tracks.
    n_times: usize,
    method: Method,
}

enum Method {
    Direct { weights: Arc<Direct>, tiles: Tiles },
    Winograd { weights: Arc<WinogradWeights>, places: Box<Places> },
    EightBit { weights: Arc<EightBitWeights>, tiles: Tiles },
}

/// The weights of a convolution by its method. Clips and streams share them.
pub enum ConvWeights {
    Direct(Arc<Direct>),
    Winograd(Arc<WinogradWeights>),
    EightBit(Arc<EightBitWeights>),
}

impl ConvWeights {
    pub fn new(step: &Step, weights: &Weights, kernel: Kernel) -> Self {
        let folded = Folded::new(step, weights);
        if winograd::suits(&step.layer.shape) {
            return Self::Winograd(Arc::new(WinogradWeights::new(folded, kernel)));
        }
        Self::Direct(Arc::new(Direct::new(folded, kernel, None)))
    }

    /// Rounds weights. `units` holds, for each activation and channel, the number that one stands for. The first
    /// convolution stays in floats; its results are rounded.
    pub fn in_eight_bits(step: &Step, weights: &Weights, units: &[Vec<f32>], kernel: eight::Kernel) -> Self {
        let folded = Folded::new(step, weights);
        if step.from == 0 {
            let rounding = Rounding::new(&units[step.to], kernel);
            return Self::Direct(Arc::new(Direct::new(folded, Kernel::detect(), Some(rounding))));
        }
        Self::EightBit(Arc::new(EightBitWeights::new(step, &folded, units, kernel)))
    }

    /// Returns the form of the result.
    pub fn form(&self) -> Form {
        match self {
            Self::Direct(direct) if direct.rounding.is_some() => Form::Both,
            Self::EightBit(weights) => weights.form(),
            Self::Direct(_) | Self::Winograd(_) => Form::Floats,
        }
    }
}

/// A convolution as one product: the patch of each place times the weights.
pub struct Direct {
    weights: PackedWeights,
    floor: f32,
    /// How the result becomes whole units, if it does.
    rounding: Option<Rounding>,
}

impl Direct {
    fn new(folded: Folded, kernel: Kernel, rounding: Option<Rounding>) -> Self {
        let weights = PackedWeights::new(&folded.weights, folded.bias, kernel);
        Self { weights, floor: folded.floor, rounding }
    }
}

impl Conv {
    /// Prepares a step for `n_tracks` activations of each kind, one behind the other in memory.
    pub fn new(step: &Step, activations: &[Activation], weights: &ConvWeights, n_tracks: usize) -> Self {
        let tiles = || tiles(step, activations, n_tracks);
        let method = match weights {
            ConvWeights::Direct(weights) => Method::Direct { weights: Arc::clone(weights), tiles: tiles() },
            ConvWeights::Winograd(weights) => Method::Winograd {
                weights: Arc::clone(weights),
                places: Box::new(Places::new(step, activations, n_tracks)),
            },
            ConvWeights::EightBit(weights) => {
                Method::EightBit { weights: Arc::clone(weights), tiles: tiles() }
            }
        };
        let skip = step.skip.map(|(skip, _)| skip);
        let n_times = n_tracks * step.layer.shape.output()[0];
        Self { from: step.from, to: step.to, skip, n_times, method }
    }

    /// Returns the size of the scratch memory that [`Conv::run`] takes.
    pub fn scratch_len(&self) -> usize {
        match &self.method {
            Method::Direct { .. } | Method::EightBit { .. } => 0,
            Method::Winograd { places, .. } => places.scratch_len(),
        }
    }

    /// Computes the first `share` of the output, of `of` equal ones. Does not write around the output.
    pub fn run(&self, [share, of]: [usize; 2], activations: &mut [Memory], scratch: &mut [f32]) {
        // A convolution reads earlier activations and writes a later one.
        let (earlier, later) = activations.split_at_mut(self.to);
        let (input, output) = (&earlier[self.from], &mut later[0]);
        let skip = self.skip.map(|skip| &earlier[skip]);
        let skip_floats = skip.map(|skip| skip.floats.as_slice());
        match &self.method {
            Method::Direct { weights: direct, tiles } => {
                let n_places = tiles.inputs.len() * share / of;
                let (input, floats) = (&input.floats, &mut output.floats);
                direct.weights.multiply(tiles, n_places, direct.floor, input, skip_floats, floats);
                if let Some(rounding) = &direct.rounding {
                    rounding.run(&tiles.outputs[..n_places], output);
                }
            }
            Method::Winograd { weights, places } => {
                let n_times = self.n_times * share / of;
                weights.run(places, n_times, &input.floats, skip_floats, &mut output.floats, scratch);
            }
            Method::EightBit { weights, tiles } => {
                weights.run(tiles, tiles.inputs.len() * share / of, &input.bytes, skip, output);
            }
        }
    }
}

/// Returns the positions in memory of each place's patch, result and skip.
fn tiles(step: &Step, activations: &[Activation], n_tracks: usize) -> Tiles {
    let shape = &step.layer.shape;
    let (input, output) = (&activations[step.from], &activations[step.to]);
    let count = [shape.output()[0], shape.output()[1]];
    let patches = Grid { first: [step.start, -(shape.padding()[1] as isize)], stride: shape.stride, count };
    let results = |first| Grid { first: [first, 0], stride: [1, 1], count };
    let (row_len, run_len) = (input.row_len(), shape.kernel[1] * shape.input[2]);
    // Rows that follow each other without a gap are one long run.
    let (runs, run_len) =
        if row_len == run_len { (1, run_len * shape.kernel[0]) } else { (shape.kernel[0], run_len) };
    Tiles {
        runs,
        run_len,
        run_stride: row_len,
        inputs: input.positions(n_tracks, &patches, shape.input[2]),
        outputs: output.positions(n_tracks, &results(0), shape.channels),
        skips: step.skip.map_or_else(Vec::new, |(skip, first)| {
            activations[skip].positions(n_tracks, &results(first), shape.channels)
        }),
    }
}
