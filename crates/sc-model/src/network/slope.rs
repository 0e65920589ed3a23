//! Helps to test gradients: draws inputs, and compares a gradient with a slope by differences.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::parameters::to_vec;

/// Draws numbers in [-1, 1], on the device that trains.
pub fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
}

/// Compares a gradient at `x` with the slope of `loss` along a few directions, by differences.
pub fn assert_is_slope<const D: usize>(gradient: &Tensor<D>, x: &Tensor<D>, loss: impl Fn(Tensor<D>) -> f64) {
    // Far above the rounding of 32 bits; so small that few values pass the bend of ReLU.
    const STEP: f64 = 1e-3;
    let numbers = |tensor: &Tensor<D>| to_vec(tensor.clone());
    let product =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let gradient = numbers(gradient);
    for seed in 20..25 {
        let direction = random(x.dims(), seed);
        let moved = |step: f64| loss(x.clone() + direction.clone() * step as f32);
        let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        let expected = product(&gradient, &numbers(&direction));
        let tolerance = 2e-2 * product(&gradient, &gradient).sqrt();
        assert!((slope - expected).abs() < tolerance, "slope {slope}, by the gradient {expected}");
    }
}

/// Returns the sum of `y` with weights drawn by [`random`].
pub fn weighted_sum(y: Tensor<4>) -> f64 {
    let weights = to_vec(random(y.dims(), 9));
    to_vec(y).iter().zip(weights).map(|(y, weight)| f64::from(*y) * f64::from(weight)).sum()
}
