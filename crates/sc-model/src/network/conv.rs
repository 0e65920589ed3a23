//! A convolution with channels last, as an operation of its own in Burn's autodiff.
//!
//! It multiplies patches by weights, a few clips at a time, so that the patches are still in the cache when
//! the product reads them. Burn's own convolution has channels first and takes three to eight times as
//! long. Only flex uses this one. On another backend [`conv`] is one product of all patches by Burn's own
//! operations: a product is what every backend does best, forward and backward.

use burn::backend::{
    Autodiff, Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
};
use burn::tensor::{Slice, Tensor};
use rayon::prelude::*;

use super::flex::{Primitive, new_tensor, values};
use super::matmul::{Matrix, Store, matmul};
use crate::ConvShape;

/// Convolves `x`, `[batch, time, frequency, channel]`, with `weight`,
/// `[time, frequency, input channel, output channel]`, padded with `(kernel - 1) / 2` zeros a side.
pub fn conv(x: Tensor<4>, weight: Tensor<4>, stride: [usize; 2]) -> Tensor<4> {
    type Training = Autodiff<Flex>;
    let shape = shape_of(&x, &weight, stride);
    let in_training = |tensor: &Tensor<4>| tensor.clone().try_into_primitive::<Training>().ok();
    if let (Some(x), Some(weight)) = (in_training(&x), in_training(&weight)) {
        return Tensor::from_primitive::<Training>(trained_conv(x, weight, shape));
    }
    let in_use = |tensor: &Tensor<4>| tensor.clone().try_into_primitive::<Flex>().ok();
    if let (Some(x), Some(weight)) = (in_use(&x), in_use(&weight)) {
        return Tensor::from_primitive::<Flex>(own_conv(&x.to_contiguous(), &weight.to_contiguous(), &shape));
    }
    product_conv(x, weight, &shape)
}

fn shape_of(x: &Tensor<4>, weight: &Tensor<4>, stride: [usize; 2]) -> ConvShape {
    let [_, time, frequency, channel] = x.dims();
    let [kt, kf, _, channels] = weight.dims();
    ConvShape { input: [time, frequency, channel], channels, kernel: [kt, kf], stride }
}

/// Convolves by one product of the patches, `[batch, time', frequency', kernel time, kernel frequency, input channel]`.
fn product_conv(x: Tensor<4>, weight: Tensor<4>, shape: &ConvShape) -> Tensor<4> {
    let ConvShape { channels, kernel: [kt, kf], stride, .. } = *shape;
    let ([batch, ..], [pt, pf], [time, frequency, _]) = (x.dims(), shape.padding(), shape.output());
    let x = x.pad([(pt, pt), (pf, pf), (0, 0)], 0.0);
    let along = |first: usize, n: usize, step: usize| {
        Slice::new(first as isize, Some((first + (n - 1) * step + 1) as isize), step as isize)
    };
    let places = (0..kt).flat_map(|t| (0..kf).map(move |f| (t, f)));
    let values = places.map(|(t, f)| {
        let [t, f] = [along(t, time, stride[0]), along(f, frequency, stride[1])];
        x.clone().slice([Slice::full(), t, f, Slice::full()])
    });
    let patches = Tensor::cat(values.collect(), 3).reshape([batch * time * frequency, shape.patch_len()]);
    let y = patches.matmul(weight.reshape([shape.patch_len(), channels]));
    y.reshape([batch, time, frequency, channels])
}

/// Convolves contiguous tensors by the product of this module.
fn own_conv(x: &Primitive<Flex>, weight: &Primitive<Flex>, shape: &ConvShape) -> Primitive<Flex> {
    let [batch, ..] = x.layout().shape().dims::<4>();
    let [time, frequency, channels] = shape.output();
    new_tensor(forward(shape, values(x), values(weight)), &[batch, time, frequency, channels])
}

/// Does the same, and keeps what the gradients need.
fn trained_conv(
    x: Primitive<Autodiff<Flex>>,
    weight: Primitive<Autodiff<Flex>>,
    shape: ConvShape,
) -> Primitive<Autodiff<Flex>> {
    let prepared = ConvBackward.prepare::<NoCheckpointing>([x.node(), weight.node()]).compute_bound();
    let (x, weight) = (x.into_primitive().to_contiguous(), weight.into_primitive().to_contiguous());
    let y = own_conv(&x, &weight, &shape);
    match prepared.stateful() {
        OpsKind::Tracked(prepared) => prepared.finish((shape, x, weight), y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    }
}

#[derive(Debug)]
struct ConvBackward;

impl Backward<Flex, 2> for ConvBackward {
    type State = (ConvShape, Primitive<Flex>, Primitive<Flex>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node] = ops.parents;
        let (shape, x, weight) = ops.state;
        let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
        if let Some(node) = x_node {
            let dx = input_gradient(&shape, values(&weight), values(&dy));
            grads.register::<Flex>(node.id, new_tensor(dx, &x.layout().shape().dims::<4>()));
        }
        if let Some(node) = weight_node {
            let dw = weight_gradient(&shape, values(&x), values(&dy));
            grads.register::<Flex>(node.id, new_tensor(dw, &weight.layout().shape().dims::<4>()));
        }
    }
}

/// Rows of patches in each product: enough for full speed, few enough for a core's second-level cache
/// (about 1 MB).
const PATCH_ROWS: usize = 256;

/// Number of parts in which a weight gradient is summed. It is fixed, so that the sum does not depend on
/// the threads.
const GRADIENT_PARTS: usize = 8;

/// Maps `x [batch, time, frequency, channel]` to `y [batch, time', frequency', channels]`.
fn forward(shape: &ConvShape, x: &[f32], weight: &[f32]) -> Vec<f32> {
    let sizes = Sizes::of(shape);
    let weight = Matrix::new(weight, sizes.patch, shape.channels);
    let mut y = vec![0.0; x.len() / sizes.x * sizes.y];
    let chunk = sizes.clips_a_chunk();
    y.par_chunks_mut(chunk * sizes.y).zip(x.par_chunks(chunk * sizes.x)).for_each_init(
        Vec::new,
        |patches, (y, x)| {
            let patches = sizes.gather_all(x, patches);
            matmul(patches, weight, y, Store::Replace);
        },
    );
    y
}

/// Returns the gradient with respect to `x`, from that with respect to `y`.
fn input_gradient(shape: &ConvShape, weight: &[f32], dy: &[f32]) -> Vec<f32> {
    let sizes = Sizes::of(shape);
    let weight = Matrix::new(weight, sizes.patch, shape.channels).transposed();
    let mut dx = vec![0.0; dy.len() / sizes.y * sizes.x];
    let chunk = sizes.clips_a_chunk();
    dx.par_chunks_mut(chunk * sizes.x).zip(dy.par_chunks(chunk * sizes.y)).for_each_init(
        Vec::new,
        |patches, (dx, dy)| {
            let rows = dy.len() / shape.channels;
            patches.resize(rows * sizes.patch, 0.0);
            matmul(Matrix::new(dy, rows, shape.channels), weight, patches, Store::Replace);
            let clips = dx.chunks_exact_mut(sizes.x).zip(patches.chunks_exact(sizes.patches()));
            clips.for_each(|(dx, patches)| sizes.scatter(patches, dx));
        },
    );
    dx
}

/// Returns the gradient with respect to the weights, from that with respect to `y`.
fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let sizes = Sizes::of(shape);
    let n_weights = sizes.patch * shape.channels;
    let part = (x.len() / sizes.x).div_ceil(GRADIENT_PARTS);
    let chunk = sizes.clips_a_chunk();
    let parts: Vec<Vec<f32>> = (x.par_chunks(part * sizes.x), dy.par_chunks(part * sizes.y))
        .into_par_iter()
        .map(|(x, dy)| {
            let (mut dw, mut patches) = (vec![0.0; n_weights], Vec::new());
            for (x, dy) in x.chunks(chunk * sizes.x).zip(dy.chunks(chunk * sizes.y)) {
                let patches = sizes.gather_all(x, &mut patches).transposed();
                let dy = Matrix::new(dy, dy.len() / shape.channels, shape.channels);
                matmul(patches, dy, &mut dw, Store::Add);
            }
            dw
        })
        .collect();
    sum(parts)
}

fn sum(parts: Vec<Vec<f32>>) -> Vec<f32> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total
}

/// The sizes of a convolution, and the origin of each patch.
struct Sizes {
    /// Size of one clip's input.
    x: usize,
    /// Size of one clip's output.
    y: usize,
    /// Size of one patch.
    patch: usize,
    /// Number of places, and patches, of one clip.
    places: usize,
    /// Size of one row of a kernel, `[kernel frequency, channel]`.
    run: usize,
    /// The rows of the kernel at all places, in the order `[time, frequency, kernel time]`.
    overlaps: Vec<Overlap>,
}

impl Sizes {
    fn of(shape: &ConvShape) -> Self {
        Self {
            x: shape.input.iter().product(),
            y: shape.output().iter().product(),
            patch: shape.patch_len(),
            places: shape.n_places(),
            run: shape.kernel[1] * shape.input[2],
            overlaps: overlaps(shape).collect(),
        }
    }

    fn patches(&self) -> usize {
        self.places * self.patch
    }

    fn clips_a_chunk(&self) -> usize {
        (PATCH_ROWS / self.places).max(1)
    }

    /// Copies the patches of several clips, `[clip, place, patch]`, to a buffer that is reused.
    fn gather_all<'a>(&self, x: &[f32], buffer: &'a mut Vec<f32>) -> Matrix<'a> {
        let rows = x.len() / self.x * self.places;
        buffer.resize(rows * self.patch, 0.0);
        let clips = x.chunks_exact(self.x).zip(buffer.chunks_exact_mut(self.patches()));
        clips.for_each(|(x, patches)| self.gather(x, patches));
        Matrix::new(buffer, rows, self.patch)
    }

    /// Copies a clip's patches, `[place, kernel time, kernel frequency, channel]`, with zeros beyond its edges.
    fn gather(&self, x: &[f32], patches: &mut [f32]) {
        for (run, overlap) in patches.chunks_exact_mut(self.run).zip(&self.overlaps) {
            run[..overlap.start].fill(0.0);
            run[overlap.start..overlap.end].copy_from_slice(&x[overlap.in_x()]);
            run[overlap.end..].fill(0.0);
        }
    }

    /// Adds the gradients of patches to the gradient of their clip.
    fn scatter(&self, patches: &[f32], dx: &mut [f32]) {
        for (run, overlap) in patches.chunks_exact(self.run).zip(&self.overlaps) {
            let dx = &mut dx[overlap.in_x()];
            for (dx, run) in dx.iter_mut().zip(&run[overlap.start..overlap.end]) {
                *dx += run;
            }
        }
    }
}

/// The overlap of one row of a kernel, `[kernel frequency, channel]`, with the input.
struct Overlap {
    /// Start and end of the part of the row that lies over the input, not over the padding.
    start: usize,
    end: usize,
    /// Position of that part in the input.
    x_start: usize,
}

impl Overlap {
    fn in_x(&self) -> std::ops::Range<usize> {
        self.x_start..self.x_start + self.end - self.start
    }
}

/// Returns the overlap of each row of the kernel at each place, in the order
/// `[time, frequency, kernel time]`.
fn overlaps(shape: &ConvShape) -> impl Iterator<Item = Overlap> {
    let ConvShape { input: [time, frequency, channel], kernel: [kt, kf], stride: [st, sf], .. } = *shape;
    let ([pt, pf], [time_out, frequency_out, _]) = (shape.padding(), shape.output());
    let places = (0..time_out).flat_map(move |t| (0..frequency_out).map(move |f| (t, f)));
    places.flat_map(move |(t, f)| {
        let first = pf.saturating_sub(f * sf);
        let last = kf.min(frequency + pf - f * sf);
        (0..kt).map(move |k| match (t * st + k).checked_sub(pt) {
            Some(t) if t < time => Overlap {
                start: first * channel,
                end: last * channel,
                x_start: (t * frequency + f * sf + first - pf) * channel,
            },
            _ => Overlap { start: 0, end: 0, x_start: 0 },
        })
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance, module::conv2d, ops::ConvOptions};

    use super::*;
    use crate::network::slope::{assert_is_slope, random, weighted_sum};

    /// Burn's own convolution, which takes channels before time and frequency.
    fn stock_conv(x: Tensor<4>, weight: Tensor<4>, stride: [usize; 2]) -> Tensor<4> {
        let [kt, kf, _, _] = weight.dims();
        let options = ConvOptions::new(stride, [(kt - 1) / 2, (kf - 1) / 2], [1, 1], 1);
        let y = conv2d(x.permute([0, 3, 1, 2]), weight.permute([3, 2, 0, 1]), None, options);
        y.permute([0, 2, 3, 1])
    }

    /// Output and both gradients of `f`, for an output weighted at random.
    fn with_gradients(
        f: impl Fn(Tensor<4>, Tensor<4>, [usize; 2]) -> Tensor<4>,
        [x, weight]: &[Tensor<4>; 2],
        stride: [usize; 2],
    ) -> [Tensor<4>; 3] {
        let (x, weight) = (x.clone().require_grad(), weight.clone().require_grad());
        let y = f(x.clone(), weight.clone(), stride);
        let gradients = (y.clone() * random(y.dims(), 9)).sum().backward();
        let device = Device::flex();
        let inner = |t: Tensor<4>| t.to_device(&device);
        [y.inner(), inner(x.grad(&gradients).unwrap()), inner(weight.grad(&gradients).unwrap())]
    }

    /// Batch and input, `[batch, time, frequency, channel]`, kernel, stride, channels.
    type Case = ([usize; 4], [usize; 2], [usize; 2], usize);

    /// Every kind of layer there is.
    const CASES: [Case; 5] = [
        ([3, 21, 12, 1], [5, 5], [2, 2], 16),
        ([2, 11, 8, 16], [3, 3], [1, 2], 32),
        ([9, 13, 1, 32], [3, 1], [1, 1], 16),
        ([4, 14, 1, 16], [3, 1], [2, 1], 32),
        ([4, 13, 1, 16], [1, 1], [2, 1], 16),
    ];

    fn x_and_weight((input, kernel, _, channels): Case) -> [Tensor<4>; 2] {
        [random(input, 1), random([kernel[0], kernel[1], input[3], channels], 2)]
    }

    #[test]
    fn output_and_gradients_are_those_of_stock_burn() {
        let by_product = |x: Tensor<4>, weight: Tensor<4>, stride| {
            let shape = shape_of(&x, &weight, stride);
            product_conv(x, weight, &shape)
        };
        for case in CASES {
            for conv in [conv, by_product] {
                let ours = with_gradients(conv, &x_and_weight(case), case.2);
                let stock = with_gradients(stock_conv, &x_and_weight(case), case.2);
                for (ours, stock) in ours.into_iter().zip(stock) {
                    ours.into_data().assert_approx_eq::<f32>(&stock.into_data(), Tolerance::absolute(2e-3));
                }
            }
        }
    }

    #[test]
    fn gradients_are_slopes() {
        for case in CASES {
            let [x, weight] = x_and_weight(case);
            let [_, dx, dw] = with_gradients(conv, &[x.clone(), weight.clone()], case.2);
            assert_is_slope(&dx, &x, |x| weighted_sum(conv(x, weight.clone(), case.2)));
            assert_is_slope(&dw, &weight, |weight| weighted_sum(conv(x.clone(), weight, case.2)));
        }
    }
}
