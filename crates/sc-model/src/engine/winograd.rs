//! A convolution over three times by Winograd's algorithm, with a third fewer products.
//!
//! This is F(2, 3) of Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks* (2015,
//! arXiv:1509.09308): two outputs y of a kernel g over inputs d take four products m, not six,
//!
//! - `m0 = (d0 - d2) g0`, `m3 = (d1 - d3) g2`,
//! - `m1 = (d1 + d2) (g0 + g1 + g2) / 2`, `m2 = (d2 - d1) (g0 - g1 + g2) / 2`,
//! - `y0 = m0 + m1 + m2`, `y1 = m1 - m2 - m3`.
//!
//! Here d are the rows of the input at four times, and each product is a convolution of one row.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

use pulp::{Simd, WithSimd};

use super::folded::{Folded, PackedWeights};
use super::kernel::{Kernel, LANES, Tiles};
use super::plan::{Activation, Grid, Step};
use crate::config::ConvShape;

/// Number of times that are computed together.
const TIMES: usize = 2;
/// Number of products for these times.
const PRODUCTS: usize = 4;

/// Returns true if the algorithm can compute a convolution of this shape.
pub fn suits(shape: &ConvShape) -> bool {
    shape.kernel[0] == 3 && shape.stride[0] == 1 && shape.input[2].is_multiple_of(LANES)
}

/// The weights of a convolution as four products.
pub struct WinogradWeights {
    products: [PackedWeights; PRODUCTS],
    bias: Vec<f32>,
    floor: f32,
    kernel: Kernel,
}

/// The positions of a convolution's rows in memory.
pub struct Places {
    /// The places of each product.
    tiles: Tiles,
    /// Times of a track.
    n_times: usize,
    /// For each pair of times, the position of the first row under the kernel.
    inputs: Vec<usize>,
    /// Length of an input row.
    input_len: usize,
    /// For each time, the position of its output.
    outputs: Vec<usize>,
    /// For each time, the position of its skip. Empty without a skip.
    skips: Vec<usize>,
    /// Length of an output row: all frequencies and channels of a time.
    output_len: usize,
}

impl Places {
    pub fn new(step: &Step, activations: &[Activation], n_tracks: usize) -> Self {
        let shape = &step.layer.shape;
        let input = &activations[step.from];
        let [n_times, n_bands, channels] = shape.output();
        let rows = |first| Grid { first: [first, 0], stride: [1, 1], count: [n_times, 1] };
        let first_rows = |track: usize| {
            let times = (0..n_times).step_by(TIMES).map(|time| step.start + time as isize);
            times.map(move |time| track * input.len() + input.row(time))
        };
        let inputs: Vec<usize> = (0..n_tracks).flat_map(first_rows).collect();
        Self {
            tiles: tiles(shape, inputs.len(), input),
            n_times,
            inputs,
            input_len: input.row_len(),
            outputs: activations[step.to].positions(n_tracks, &rows(0), channels),
            skips: step.skip.map_or_else(Vec::new, |(skip, first)| {
                activations[skip].positions(n_tracks, &rows(first), channels)
            }),
            output_len: n_bands * channels,
        }
    }

    /// Returns the size of the scratch memory of all times: for factors and products.
    pub fn scratch_len(&self) -> usize {
        PRODUCTS * self.inputs.len() * (self.input_len + self.output_len)
    }

    /// Returns the number of pairs of the first `n_times` times.
    fn n_pairs(&self, n_times: usize) -> usize {
        n_times / self.n_times * self.n_times.div_ceil(TIMES) + (n_times % self.n_times).div_ceil(TIMES)
    }
}

impl WinogradWeights {
    pub fn new(folded: Folded, kernel: Kernel) -> Self {
        let rows: Vec<&[f32]> = folded.weights.chunks_exact(folded.weights.len() / 3).collect();
        let no_bias = || vec![0.0; folded.bias.len()];
        Self {
            products: products(&rows).map(|weights| PackedWeights::new(&weights, no_bias(), kernel)),
            bias: folded.bias,
            floor: folded.floor,
            kernel,
        }
    }

    /// Computes the first `n_times` times.
    pub fn run(
        &self,
        places: &Places,
        n_times: usize,
        input: &[f32],
        skip: Option<&[f32]>,
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        let n_pairs = places.n_pairs(n_times);
        let (factors_len, products_len) = (n_pairs * places.input_len, n_pairs * places.output_len);
        let (factors, rest) = scratch.split_at_mut(PRODUCTS * factors_len);
        let products = &mut rest[..PRODUCTS * products_len];
        self.kernel.vectorize(Prepare { places, n_pairs, input, factors });
        let each = factors.chunks_exact(factors_len).zip(products.chunks_exact_mut(products_len));
        let n_places = places.tiles.inputs.len() / places.inputs.len() * n_pairs;
        for (weights, (factors, products)) in self.products.iter().zip(each) {
            weights.multiply(&places.tiles, n_places, f32::NEG_INFINITY, factors, None, products);
        }
        self.kernel.vectorize(Finish { of: self, places, n_times, products, skip, output });
    }
}

/// Returns the weights of each product, `[kernel, channels]`, from those of three times.
fn products(rows: &[&[f32]]) -> [Vec<f32>; PRODUCTS] {
    let half = |sign: f32| -> Vec<f32> {
        let ends = rows[0].iter().zip(rows[2]).map(|(g0, g2)| g0 + g2);
        ends.zip(rows[1]).map(|(ends, g1)| 0.5 * (ends + sign * g1)).collect()
    };
    [rows[0].to_vec(), half(1.0), half(-1.0), rows[2].to_vec()]
}

/// Returns the places of a convolution over one row: patches among the factors, results among the products.
fn tiles(shape: &ConvShape, n_pairs: usize, input: &Activation) -> Tiles {
    let [_, n_bands, channels] = shape.output();
    let [n_channels, padding] = [shape.input[2], shape.padding()[1]];
    let places = || (0..n_pairs).flat_map(|pair| (0..n_bands).map(move |band| (pair, band)));
    let patch = |(pair, band): (usize, usize)| {
        let first = (band * shape.stride[1]) as isize - padding as isize;
        pair * input.row_len() + input.offset([0, first], n_channels) - input.row(0)
    };
    Tiles {
        runs: 1,
        run_len: shape.kernel[1] * n_channels,
        run_stride: 0,
        inputs: places().map(patch).collect(),
        outputs: places().map(|(pair, band)| (pair * n_bands + band) * channels).collect(),
        skips: Vec::new(),
    }
}

/// The step from the input to the factors of the products.
struct Prepare<'a> {
    places: &'a Places,
    n_pairs: usize,
    input: &'a [f32],
    /// `[product, pair, row]`.
    factors: &'a mut [f32],
}

impl WithSimd for Prepare<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Places { input_len, ref inputs, .. } = *self.places;
        let n_pairs = self.n_pairs;
        // After an odd number of times the last row is missing. Only a time that is not there needs it.
        let last = self.input.len() - input_len;
        let row = |start: usize| S::as_simd_f32s(&self.input[start.min(last)..][..input_len]).0;
        let mut products = self.factors.chunks_exact_mut(n_pairs * input_len);
        let [f0, f1, f2, f3] = std::array::from_fn(|_| products.next().unwrap_or_default());
        for (pair, input) in inputs[..n_pairs].iter().enumerate() {
            let [d0, d1, d2, d3] = std::array::from_fn(|i| row(input + i * input_len));
            let range = pair * input_len..(pair + 1) * input_len;
            let f0 = S::as_mut_simd_f32s(&mut f0[range.clone()]).0;
            let f1 = S::as_mut_simd_f32s(&mut f1[range.clone()]).0;
            let f2 = S::as_mut_simd_f32s(&mut f2[range.clone()]).0;
            let f3 = S::as_mut_simd_f32s(&mut f3[range]).0;
            let rows = d0.iter().zip(d1).zip(d2).zip(d3);
            let factors = f0.iter_mut().zip(f1).zip(f2).zip(f3);
            for ((((f0, f1), f2), f3), (((d0, d1), d2), d3)) in factors.zip(rows) {
                *f0 = simd.sub_f32s(*d0, *d2);
                *f1 = simd.add_f32s(*d1, *d2);
                *f2 = simd.sub_f32s(*d2, *d1);
                *f3 = simd.sub_f32s(*d1, *d3);
            }
        }
    }
}

/// The step from the products to the output.
struct Finish<'a> {
    of: &'a WinogradWeights,
    places: &'a Places,
    n_times: usize,
    /// `[product, pair, frequency, channel]`.
    products: &'a [f32],
    skip: Option<&'a [f32]>,
    output: &'a mut [f32],
}

impl WithSimd for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Places { output_len, ref outputs, ref skips, .. } = *self.places;
        let n_pairs = self.places.n_pairs(self.n_times);
        let floor = simd.splat_f32s(self.of.floor);
        let bias = S::as_simd_f32s(&self.of.bias).0;
        for (time, to) in outputs[..self.n_times].iter().enumerate() {
            let (pair, is_second) =
                (self.places.n_pairs(time + 1) - 1, time % self.places.n_times % TIMES == 1);
            let product = |i: usize| {
                S::as_simd_f32s(&self.products[(i * n_pairs + pair) * output_len..][..output_len]).0
            };
            let (m1, m2, other) = (product(1), product(2), product(if is_second { 3 } else { 0 }));
            let skip = self.skip.map(|skip| S::as_simd_f32s(&skip[skips[time]..][..output_len]).0);
            let output = S::as_mut_simd_f32s(&mut self.output[*to..][..output_len]).0;
            // One band at a time, as all bands have the same bias.
            let n = bias.len();
            for (band, output) in output.chunks_exact_mut(n).enumerate() {
                let range = band * n..(band + 1) * n;
                let (m1, m2, other) = (&m1[range.clone()], &m2[range.clone()], &other[range.clone()]);
                let skip = skip.map(|skip| &skip[range]);
                for i in 0..n {
                    let mut sum = if is_second {
                        simd.sub_f32s(simd.sub_f32s(m1[i], m2[i]), other[i])
                    } else {
                        simd.add_f32s(simd.add_f32s(m1[i], m2[i]), other[i])
                    };
                    sum = simd.add_f32s(sum, bias[i]);
                    if let Some(skip) = skip {
                        sum = simd.add_f32s(sum, skip[i]);
                    }
                    output[i] = simd.max_f32s(sum, floor);
                }
            }
        }
    }
}
