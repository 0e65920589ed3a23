//! One convolution, by the method that is quicker for its shape.

use std::sync::Arc;

use super::folded::{Folded, PackedWeights};
use super::kernel::{Kernel, Tiles};
use super::plan::{Activation, Step};
use super::winograd::{self, Places, WinogradWeights};
use crate::Weights;

/// A convolution with its norm folded in, from one activation to another.
pub struct Conv {
    pub from: usize,
    pub to: usize,
    pub skip: Option<usize>,
    /// Times of the whole output, of all tracks.
    n_times: usize,
    method: Method,
}

enum Method {
    Direct { weights: Arc<Direct>, tiles: Tiles },
    Winograd { weights: Arc<WinogradWeights>, places: Box<Places> },
}

/// The weights of a convolution by its method. Clips and streams share them.
pub enum ConvWeights {
    Direct(Arc<Direct>),
    Winograd(Arc<WinogradWeights>),
}

impl ConvWeights {
    pub fn new(step: &Step, weights: &Weights, kernel: Kernel) -> Self {
        let folded = Folded::new(step, weights);
        if winograd::suits(&step.layer.shape) {
            return Self::Winograd(Arc::new(WinogradWeights::new(folded, kernel)));
        }
        let weights = PackedWeights::new(&folded.weights, folded.bias, kernel);
        Self::Direct(Arc::new(Direct { weights, floor: folded.floor }))
    }
}

/// A convolution as one product: the patch of each place times the weights.
pub struct Direct {
    weights: PackedWeights,
    floor: f32,
}

impl Conv {
    /// Prepares a step for `n_tracks` activations of each kind, one behind the other in memory.
    pub fn new(step: &Step, activations: &[Activation], weights: &ConvWeights, n_tracks: usize) -> Self {
        let method = match weights {
            ConvWeights::Direct(weights) => {
                Method::Direct { weights: Arc::clone(weights), tiles: tiles(step, activations, n_tracks) }
            }
            ConvWeights::Winograd(weights) => Method::Winograd {
                weights: Arc::clone(weights),
                places: Box::new(Places::new(step, activations, n_tracks)),
            },
        };
        let skip = step.skip.map(|(skip, _)| skip);
        let n_times = n_tracks * step.layer.shape.output()[0];
        Self { from: step.from, to: step.to, skip, n_times, method }
    }

    /// Returns the size of the scratch memory that [`Conv::run`] takes.
    pub fn scratch_len(&self) -> usize {
        match &self.method {
            Method::Direct { .. } => 0,
            Method::Winograd { places, .. } => places.scratch_len(),
        }
    }

    /// Computes the first `share` of the output, of `of` equal ones. Does not write around the output.
    pub fn run(
        &self,
        [share, of]: [usize; 2],
        input: &[f32],
        skip: Option<&[f32]>,
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        match &self.method {
            Method::Direct { weights: direct, tiles } => {
                let n_places = tiles.inputs.len() * share / of;
                direct.weights.multiply(tiles, n_places, direct.floor, input, skip, output);
            }
            Method::Winograd { weights, places } => {
                weights.run(places, self.n_times * share / of, input, skip, output, scratch);
            }
        }
    }
}

/// Returns the positions in memory of each place's patch, result and skip.
pub fn tiles(step: &Step, activations: &[Activation], n_tracks: usize) -> Tiles {
    let shape = &step.layer.shape;
    let pf = shape.padding()[1] as isize;
    let (input, output) = (&activations[step.from], &activations[step.to]);
    let [time, frequency, _] = shape.output();
    let places = || {
        let of_track = move |track| {
            (0..time as isize).flat_map(move |t| (0..frequency as isize).map(move |f| (track, [t, f])))
        };
        (0..n_tracks).flat_map(of_track)
    };
    let [st, sf] = shape.stride.map(|stride| stride as isize);
    let (row_len, run_len) = (input.row_len(), shape.kernel[1] * shape.input[2]);
    // Rows that follow each other without a gap are one long run.
    let (runs, run_len) =
        if row_len == run_len { (1, run_len * shape.kernel[0]) } else { (shape.kernel[0], run_len) };
    Tiles {
        runs,
        run_len,
        run_stride: row_len,
        inputs: places()
            .map(|(track, [t, f])| {
                track * input.len() + input.offset([t * st + step.start, f * sf - pf], shape.input[2])
            })
            .collect(),
        outputs: places()
            .map(|(track, place)| track * output.len() + output.offset(place, shape.channels))
            .collect(),
        skips: step.skip.map_or_else(Vec::new, |(skip, first)| {
            let skip = &activations[skip];
            places()
                .map(|(track, [t, f])| track * skip.len() + skip.offset([t + first, f], shape.channels))
                .collect()
        }),
    }
}
