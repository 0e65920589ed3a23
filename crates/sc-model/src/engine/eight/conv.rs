//! One convolution over eight-bit numbers.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

use pulp::NullaryFnOnce;

use super::Kernel;
use super::dot::{self, Channels, Dot, LANES, MAX_WEIGHT, QUAD};
use crate::engine::folded::Folded;
use crate::engine::kernel::Tiles;
use crate::engine::memory::{Form, Memory};
use crate::engine::plan::Step;
use crate::weights::column_units;

/// Vectors of channels that are computed together.
const WIDTH: usize = 2;

/// The weights of a convolution, with its norm folded in, as whole numbers.
pub struct EightBitWeights {
    /// `[patch / QUAD, vector]` of each panel of [`WIDTH`] vectors, one after another. The last may be narrower.
    weights: Vec<dot::Weights>,
    /// What a sum is multiplied by, and what is added then, in units of the output.
    scale: Vec<Channels>,
    bias: Vec<Channels>,
    /// What one unit of the skip is, in units of the output.
    skip_scale: Vec<Channels>,
    form: Form,
    kernel: Kernel,
}

impl EightBitWeights {
    /// Rounds the weights. `units` holds, for each activation and channel, the number that one stands for.
    pub fn new(step: &Step, folded: &Folded, units: &[Vec<f32>], kernel: Kernel) -> Self {
        let n_channels = folded.bias.len();
        let (input, output) = (&units[step.from], &units[step.to]);
        // Each row of weights takes one input channel: its unit becomes a part of the weight.
        let rows = folded.weights.chunks_exact(n_channels).zip(input.iter().cycle());
        let weights: Vec<f32> =
            rows.flat_map(|(row, unit)| row.iter().map(move |weight| weight * unit)).collect();
        let weight_units = column_units(&weights, n_channels, MAX_WEIGHT);
        let in_output_units = |values: &[f32]| -> Vec<Channels> {
            let values: Vec<f32> = values.iter().zip(output).map(|(value, unit)| value / unit).collect();
            values.as_chunks().0.to_vec()
        };
        Self {
            weights: pack(&weights, &weight_units),
            scale: in_output_units(&weight_units),
            bias: in_output_units(&folded.bias),
            skip_scale: step.skip.map_or_else(Vec::new, |(skip, _)| in_output_units(&units[skip])),
            // What is not negative fits into bytes.
            form: if step.ends_in_relu() { Form::Bytes } else { Form::Floats },
            kernel,
        }
    }

    /// Returns the form of the result: what convolutions take is in bytes, what is only added in floats.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Computes the output of the first `n_places` places.
    pub fn run(
        &self,
        tiles: &Tiles,
        n_places: usize,
        input: &[u8],
        skip: Option<&Memory>,
        output: &mut Memory,
    ) {
        let all = All { weights: self, tiles, n_places, input, skip, output };
        match self.kernel {
            // The sums of 13 places fill the registers. Those of 4 hide the delay of a product.
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni(dot) if n_places <= 4 => dot.vectorize(Run::<_, 4, 1> { dot, all }),
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni(dot) => dot.vectorize(Run::<_, 13, 1> { dot, all }),
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni256(dot) => dot.vectorize(Run::<_, 3, 1> { dot, all }),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(dot) => dot.vectorize(Run::<_, 2, 2> { dot, all }),
            #[cfg(target_arch = "aarch64")]
            Kernel::DotProduct(dot) => dot.vectorize(Run::<_, 2, 1> { dot, all }),
            #[cfg(test)]
            Kernel::Portable => Run::<_, 2, 1> { dot: dot::PORTABLE, all }.call(),
        }
    }
}

/// Rounds weights, `[patch, channels]`, to multiples of each channel's unit, in the order in which they are read.
fn pack(weights: &[f32], units: &[f32]) -> Vec<dot::Weights> {
    let n_channels = units.len();
    let mut packed = Vec::with_capacity(weights.len() / (LANES * QUAD));
    for panel in (0..n_channels).step_by(WIDTH * LANES) {
        let panel = panel..n_channels.min(panel + WIDTH * LANES);
        for rows in weights.chunks_exact(QUAD * n_channels) {
            for first in panel.clone().step_by(LANES) {
                packed.push(std::array::from_fn(|i| {
                    let channel = first + i / QUAD;
                    (rows[i % QUAD * n_channels + channel] / units[channel]).round() as i8
                }));
            }
        }
    }
    packed
}

/// All places and channels of a convolution.
struct All<'a> {
    weights: &'a EightBitWeights,
    tiles: &'a Tiles,
    n_places: usize,
    input: &'a [u8],
    skip: Option<&'a Memory>,
    output: &'a mut Memory,
}

/// A run over all places, `N` at a time, and `QUADS` times four inputs of each.
struct Run<'a, D, const N: usize, const QUADS: usize> {
    dot: D,
    all: All<'a>,
}

impl<D: Dot<QUADS>, const N: usize, const QUADS: usize> NullaryFnOnce for Run<'_, D, N, QUADS> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let All { weights: EightBitWeights { weights, bias, .. }, tiles, .. } = self.all;
        let mut weights = weights.as_slice();
        for first in (0..bias.len()).step_by(WIDTH) {
            let n_vectors = WIDTH.min(bias.len() - first);
            let (panel, rest) = weights.split_at(tiles.patch_len() / QUAD * n_vectors);
            weights = rest;
            if n_vectors == WIDTH {
                self.panel::<WIDTH>(first, panel);
            } else {
                self.panel::<1>(first, panel);
            }
        }
    }
}

impl<D: Dot<QUADS>, const N: usize, const QUADS: usize> Run<'_, D, N, QUADS> {
    /// Computes `M` vectors of channels at all places. The last tile begins early enough to end with the last
    /// place, so that no other code has to compute a remainder.
    #[inline(always)]
    fn panel<const M: usize>(&mut self, first: usize, weights: &[dot::Weights]) {
        let n_places = self.all.n_places;
        for place in (0..n_places).step_by(N) {
            let place = place.min(n_places.saturating_sub(N));
            let mut places = [n_places - 1; N];
            (0..N).for_each(|i| places[i] = places[i].min(place + i));
            let sums = self.sum::<M>(&places, weights);
            for (place, sums) in places.into_iter().zip(sums) {
                for (m, sums) in sums.into_iter().enumerate() {
                    self.write(place, first + m, sums);
                }
            }
        }
    }

    /// Sums the products of a tile. The sums stay in registers.
    #[inline(always)]
    fn sum<const M: usize>(&self, places: &[usize; N], weights: &[dot::Weights]) -> [[D::Sums; M]; N] {
        let Tiles { run_len, run_stride, inputs, .. } = &self.all.tiles;
        let mut sums = [[self.dot.zero(); M]; N];
        for (run, weights) in weights.chunks_exact(run_len / QUAD * M).enumerate() {
            let weights = weights.as_chunks::<M>().0.as_chunks::<QUADS>().0;
            // A closure in `from_fn` would not be inlined.
            let mut patches: [&[[[u8; QUAD]; QUADS]]; N] = [&[]; N];
            for i in 0..N {
                let patch = &self.all.input[inputs[places[i]] + run * run_stride..][..*run_len];
                patches[i] = &patch.as_chunks().0.as_chunks().0[..weights.len()];
            }
            for (k, weights) in weights.iter().enumerate() {
                // With iterators instead of indices the compiler does not keep the sums in registers.
                for i in 0..N {
                    self.dot.add(&mut sums[i], &patches[i][k], weights);
                }
            }
        }
        sums
    }
}

impl<D: Dot<QUADS>, const N: usize, const QUADS: usize> Run<'_, D, N, QUADS> {
    /// Writes the channels of a place: in whole units where the next convolutions take them so.
    #[inline(always)]
    fn write(&mut self, place: usize, vector: usize, sums: D::Sums) {
        let (dot, All { weights, tiles, skip, output, .. }) = (self.dot, &mut self.all);
        let channel = vector * LANES;
        let mut values = dot.scale(sums, &weights.scale[vector], &weights.bias[vector]);
        if let Some(skip) = skip {
            let (scale, from) = (&weights.skip_scale[vector], tiles.skips[place] + channel);
            let skip = match skip.bytes[..].get(from..).and_then(|bytes| bytes.first_chunk()) {
                Some(bytes) => dot.multiply_bytes(bytes, scale),
                None => dot.multiply(&skip.floats[from..].as_chunks().0[0], scale),
            };
            values = dot.plus(values, skip);
        }
        let to = tiles.outputs[place] + channel;
        match output.bytes.get_mut(to..).and_then(|bytes| bytes.first_chunk_mut()) {
            Some(bytes) => *bytes = dot.round(values),
            None => output.floats[to..][..LANES].copy_from_slice(&dot.floats(values)),
        }
    }
}
