//! Batch norm with its `ReLU`, as one operation in Burn's autodiff.
//!
//! Burn's own batch norm is a chain of a dozen operations, each of which reads and writes a whole activation.
//! This one reads it twice forward and twice backward, with the widest vectors of the processor. Only
//! training on flex uses it.

use burn::backend::{
    Autodiff, Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
};
use burn::tensor::{Tensor, activation::relu};
use pulp::Arch;
use rayon::prelude::*;

use super::flex::{Primitive, new_tensor, values};
use crate::config::NORM_EPSILON;

/// The output of a batch norm in training.
pub struct Normed {
    /// The normed input, `[batch, time, frequency, channel]`.
    pub y: Tensor<4>,
    /// Mean of each channel over the batch, `[channels]`, without gradient.
    pub mean: Tensor<1>,
    /// Variance of each channel over the batch, `[channels]`, divided by the count, without gradient.
    pub variance: Tensor<1>,
}

/// Computes `(x - mean) / sqrt(variance + epsilon) * gamma + beta` for each channel of
/// `x [batch, time, frequency, channel]`, then `ReLU` if `with_relu` (Ioffe and Szegedy,
/// arXiv:1502.03167).
pub fn norm(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, with_relu: bool) -> Normed {
    type Training = Autodiff<Flex>;
    let own = (
        x.clone().try_into_primitive::<Training>(),
        gamma.clone().try_into_primitive::<Training>(),
        beta.clone().try_into_primitive::<Training>(),
    );
    match own {
        (Ok(x), Ok(gamma), Ok(beta)) => own_norm(x, gamma, beta, with_relu),
        _ => stock_norm(x, gamma, beta, with_relu),
    }
}

/// Does the same with Burn's operations.
fn stock_norm(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, with_relu: bool) -> Normed {
    let [_, _, _, channels] = x.dims();
    let n_rows = x.shape().num_elements() / channels;
    let rows = x.clone().reshape([n_rows, channels]);
    let mean = rows.clone().mean_dim(0);
    let variance = (rows - mean.clone()).square().mean_dim(0);
    let y = apply(x, mean.clone().squeeze_dim(0), variance.clone().squeeze_dim(0), gamma, beta);
    Normed {
        y: if with_relu { relu(y) } else { y },
        mean: mean.squeeze_dim::<1>(0).detach(),
        variance: variance.squeeze_dim::<1>(0).detach(),
    }
}

/// Does the same with a given mean and variance, by Burn's operations and without `ReLU`.
pub fn apply(
    x: Tensor<4>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
) -> Tensor<4> {
    let scale = gamma / (variance + NORM_EPSILON).sqrt();
    let shift = beta - mean * scale.clone();
    x * scale.unsqueeze() + shift.unsqueeze()
}

fn own_norm(
    x: Primitive<Autodiff<Flex>>,
    gamma: Primitive<Autodiff<Flex>>,
    beta: Primitive<Autodiff<Flex>>,
    relu: bool,
) -> Normed {
    type Training = Autodiff<Flex>;
    let nodes = [x.node(), gamma.node(), beta.node()];
    let prepared = NormBackward.prepare::<NoCheckpointing>(nodes).compute_bound();
    let x = x.into_primitive().to_contiguous();
    let (gamma, beta) = (gamma.into_primitive(), beta.into_primitive());

    let statistics = Statistics::of(values(&x), values(&gamma).len());
    let y = forward(values(&x), &statistics, values(&gamma), values(&beta), relu);
    let y = new_tensor(y, &x.layout().shape().dims::<4>());
    let mean = Tensor::from_floats(&*statistics.mean, &training_device());
    let variance = Tensor::from_floats(&*statistics.variance, &training_device());
    let y = match prepared.stateful() {
        OpsKind::Tracked(prepared) => {
            let seen = relu.then(|| y.clone());
            prepared.finish(State { x, y: seen, gamma, statistics }, y)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    };
    Normed { y: Tensor::from_primitive::<Training>(y), mean, variance }
}

fn training_device() -> burn::tensor::Device {
    burn::tensor::Device::flex().autodiff()
}

#[derive(Debug)]
struct NormBackward;

#[derive(Clone, Debug)]
struct State {
    x: Primitive<Flex>,
    /// The output if `ReLU` follows: the gradient passes through its positive values.
    y: Option<Primitive<Flex>>,
    gamma: Primitive<Flex>,
    statistics: Statistics,
}

impl Backward<Flex, 3> for NormBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let State { x, y, gamma, statistics } = ops.state;
        let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
        let y = y.as_ref().map(values);
        let (dx, dgamma, dbeta) = backward(values(&x), y, values(&gamma), &statistics, values(&dy));
        let [x_node, gamma_node, beta_node] = ops.parents;
        let shape = x.layout().shape().dims::<4>();
        let gradients =
            [(x_node, dx, &shape[..]), (gamma_node, dgamma, &shape[3..]), (beta_node, dbeta, &shape[3..])];
        for (node, gradient, shape) in gradients {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, new_tensor(gradient, shape));
            }
        }
    }
}

/// Rows that a thread takes at a time. They stay in its cache, and as their number is fixed, the sums do
/// not depend on the threads.
const ROWS: usize = 256;

/// Each channel's mean and variance over a batch.
#[derive(Clone, Debug)]
struct Statistics {
    mean: Vec<f32>,
    variance: Vec<f32>,
    /// 1 / sqrt(variance + epsilon).
    inverse_deviation: Vec<f32>,
}

impl Statistics {
    /// Computes the statistics of `x [rows, channels]`. It sums distances from the first row, so that a large
    /// mean does not cost precision of the variance.
    fn of(x: &[f32], channels: usize) -> Self {
        let origin = &x[..channels];
        let arch = Arch::new();
        let blocks = x.par_chunks(ROWS * channels).map(|x| {
            arch.dispatch(|| {
                let mut sums = Sums::new(channels);
                for row in x.chunks_exact(channels) {
                    sums.add(row.iter().zip(origin).map(|(x, origin)| (x - origin, x - origin)));
                }
                sums
            })
        });
        let n_rows = (x.len() / channels) as f64;
        let (mut mean, mut variance) = (Vec::new(), Vec::new());
        for ((sum, square), origin) in total(blocks).zip(origin) {
            let shift = sum / n_rows;
            mean.push((f64::from(*origin) + shift) as f32);
            variance.push((square / n_rows - shift * shift).max(0.0) as f32);
        }
        let inverse_deviation = variance.iter().map(|v| (v + NORM_EPSILON).sqrt().recip()).collect();
        Self { mean, variance, inverse_deviation }
    }
}

/// Two sums over rows for each channel: of a number, and of its product with another number.
struct Sums {
    first: Vec<f32>,
    product: Vec<f32>,
}

impl Sums {
    fn new(channels: usize) -> Self {
        Self { first: vec![0.0; channels], product: vec![0.0; channels] }
    }

    fn add(&mut self, row: impl Iterator<Item = (f32, f32)>) {
        for ((first, product), (a, b)) in self.first.iter_mut().zip(&mut self.product).zip(row) {
            *first += a;
            *product += a * b;
        }
    }
}

/// Adds up the sums of all blocks, in double precision and in the order of the blocks.
fn total(blocks: impl IndexedParallelIterator<Item = Sums>) -> impl Iterator<Item = (f64, f64)> {
    let blocks: Vec<Sums> = blocks.collect();
    let channels = blocks.first().map_or(0, |block| block.first.len());
    (0..channels).map(move |channel| {
        let sum = |of: fn(&Sums) -> &Vec<f32>| blocks.iter().map(|block| f64::from(of(block)[channel])).sum();
        (sum(|block| &block.first), sum(|block| &block.product))
    })
}

fn forward(x: &[f32], statistics: &Statistics, gamma: &[f32], beta: &[f32], relu: bool) -> Vec<f32> {
    let channels = gamma.len();
    let scale = product(&statistics.inverse_deviation, gamma);
    let shift: Vec<f32> =
        beta.iter().zip(product(&statistics.mean, &scale)).map(|(beta, offset)| beta - offset).collect();
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    let mut y = vec![0.0; x.len()];
    let arch = Arch::new();
    y.par_chunks_mut(ROWS * channels).zip(x.par_chunks(ROWS * channels)).for_each(|(y, x)| {
        arch.dispatch(|| {
            for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for (((y, x), scale), shift) in y.iter_mut().zip(x).zip(&scale).zip(&shift) {
                    *y = (x * scale + shift).max(floor);
                }
            }
        });
    });
    y
}

fn product(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

/// Returns the gradients with respect to `x`, `gamma` and `beta`. With x' the normed input,
/// `dx = gamma / deviation * (dy - mean(dy) - x' mean(dy x'))`.
fn backward(
    x: &[f32],
    y: Option<&[f32]>,
    gamma: &[f32],
    statistics: &Statistics,
    dy: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let channels = gamma.len();
    let Statistics { mean, inverse_deviation, .. } = statistics;
    let mut dx = vec![0.0; x.len()];
    let arch = Arch::new();
    let blocks = dx.par_chunks_mut(ROWS * channels).enumerate().map(|(i, dx)| {
        let range = i * ROWS * channels..i * ROWS * channels + dx.len();
        arch.dispatch(|| {
            dx.copy_from_slice(&dy[range.clone()]);
            if let Some(y) = y {
                let y = &y[range.clone()];
                dx.iter_mut().zip(y).for_each(|(dx, y)| *dx = if *y > 0.0 { *dx } else { 0.0 });
            }
            let mut sums = Sums::new(channels);
            for (dx, x) in dx.chunks_exact(channels).zip(x[range].chunks_exact(channels)) {
                sums.add(dx.iter().zip(x.iter().zip(mean)).map(|(dx, (x, mean))| (*dx, x - mean)));
            }
            sums
        })
    });
    let sums: Vec<(f64, f64)> = total(blocks).collect();
    let dbeta: Vec<f32> = sums.iter().map(|sums| sums.0 as f32).collect();
    let dgamma: Vec<f32> =
        sums.iter().zip(inverse_deviation).map(|(sums, inverse)| sums.1 as f32 * inverse).collect();

    // dx = scale * dy + slope * x + offset, channel by channel.
    let n_rows = (x.len() / channels) as f32;
    let scale = product(gamma, inverse_deviation);
    let slope: Vec<f32> =
        product(&product(&scale, inverse_deviation), &dgamma).iter().map(|s| -s / n_rows).collect();
    let offset: Vec<f32> =
        (0..channels).map(|c| -scale[c] * dbeta[c] / n_rows - slope[c] * mean[c]).collect();
    dx.par_chunks_mut(ROWS * channels).zip(x.par_chunks(ROWS * channels)).for_each(|(dx, x)| {
        arch.dispatch(|| {
            for (dx, x) in dx.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for ((((dx, x), scale), slope), offset) in
                    dx.iter_mut().zip(x).zip(&scale).zip(&slope).zip(&offset)
                {
                    *dx = scale * *dx + slope * x + offset;
                }
            }
        });
    });
    (dx, dgamma, dbeta)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{TensorData, Tolerance};

    use super::*;
    use crate::network::slope::{assert_is_slope, random, weighted_sum};

    /// Input, gamma and beta.
    fn inputs() -> (Tensor<4>, Tensor<1>, Tensor<1>) {
        (random([5, 7, 3, 16], 1) * 2.0 + 30.0, random([16], 2), random([16], 3))
    }

    /// Output, statistics and all gradients, for an output weighted at random.
    fn with_gradients(
        f: impl Fn(Tensor<4>, Tensor<1>, Tensor<1>, bool) -> Normed,
        with_relu: bool,
    ) -> (Vec<TensorData>, (Tensor<4>, Tensor<1>, Tensor<1>)) {
        let (x, gamma, beta) = inputs();
        let (x, gamma, beta) = (x.require_grad(), gamma.require_grad(), beta.require_grad());
        let Normed { y, mean, variance } = f(x.clone(), gamma.clone(), beta.clone(), with_relu);
        let gradients = (y.clone() * random(y.dims(), 9)).sum().backward();
        let gradients =
            (x.grad(&gradients).unwrap(), gamma.grad(&gradients).unwrap(), beta.grad(&gradients).unwrap());
        (vec![y.into_data(), mean.into_data(), variance.into_data()], gradients)
    }

    #[test]
    fn output_and_gradients_are_those_of_stock_burn() {
        for with_relu in [false, true] {
            let all =
                |(mut outputs, (dx, dgamma, dbeta)): (Vec<TensorData>, (Tensor<4>, Tensor<1>, Tensor<1>))| {
                    outputs.extend([dx.into_data(), dgamma.into_data(), dbeta.into_data()]);
                    outputs
                };
            let own = all(with_gradients(norm, with_relu));
            let stock = all(with_gradients(stock_norm, with_relu));
            for (own, stock) in own.into_iter().zip(stock) {
                own.assert_approx_eq::<f32>(&stock, Tolerance::absolute(2e-3));
            }
        }
    }

    #[test]
    fn gradients_are_slopes() {
        let (x, gamma, beta) = inputs();
        for with_relu in [false, true] {
            let (_, (dx, dgamma, dbeta)) = with_gradients(norm, with_relu);
            let loss = |x: &Tensor<4>, gamma: &Tensor<1>, beta: &Tensor<1>| {
                weighted_sum(norm(x.clone(), gamma.clone(), beta.clone(), with_relu).y)
            };
            assert_is_slope(&dx, &x, |x| loss(&x, &gamma, &beta));
            assert_is_slope(&dgamma, &gamma, |gamma| loss(&x, &gamma, &beta));
            assert_is_slope(&dbeta, &beta, |beta| loss(&x, &gamma, &beta));
        }
    }
}
