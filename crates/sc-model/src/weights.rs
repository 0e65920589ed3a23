//! A network's numbers by name, on no device: what is written, averaged and folded.

use std::collections::BTreeMap;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::KeywordCnnConfig;

/// One tensor of 32-bit floats, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Its size along each axis.
    pub shape: Vec<usize>,
    /// As many numbers as `shape` says.
    pub values: Vec<f32>,
}

/// A network's tensors by name, as [`KeywordCnnConfig::tensors`] lists them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(BTreeMap<String, Values>);

impl Weights {
    /// Weights to begin training with, the same for the same seed on every backend.
    ///
    /// Convolutions: normal with variance 2 / (inputs of a place), which keeps the scale through
    /// `ReLU` (He et al., arXiv:1502.01852). Each block's last norm begins at zero, so that blocks
    /// begin as the identity (Goyal et al., arXiv:1706.02677). The linear layer: variance 1 / inputs.
    pub fn random(config: &KeywordCnnConfig, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weights = Self::default();
        for (name, shape) in config.tensors() {
            let n_values = shape.iter().product();
            let n_inputs = (n_values / shape[shape.len() - 1]) as f32;
            let values = match name.rsplit('.').next() {
                Some("weight") if name.starts_with("head") => normal(&mut rng, n_values, n_inputs.recip()),
                Some("weight") => normal(&mut rng, n_values, 2.0 / n_inputs),
                Some("gamma") if name.ends_with("conv2.gamma") => vec![0.0; n_values],
                Some("gamma" | "variance") => vec![1.0; n_values],
                _ => vec![0.0; n_values],
            };
            weights.insert(name, Values { shape, values });
        }
        weights
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: String, tensor: Values) {
        self.0.insert(name, tensor);
    }

    /// The tensor of that name.
    ///
    /// # Panics
    /// If there is none: weights are checked against their network when they are read.
    pub fn get(&self, name: &str) -> &Values {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor named {name}"))
    }

    /// All tensors, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Values)> {
        self.0.iter()
    }

    /// Numbers in all tensors.
    pub fn n_values(&self) -> usize {
        self.0.values().map(|tensor| tensor.values.len()).sum()
    }

    /// Moves every number towards `other`'s by the share `rate`: an exponential moving average.
    pub fn approach(&mut self, other: &Self, rate: f32) {
        for (name, tensor) in &mut self.0 {
            let target = &other.get(name).values;
            for (value, target) in tensor.values.iter_mut().zip(target) {
                *value += rate * (target - *value);
            }
        }
    }
}

/// Numbers from a normal distribution of mean 0 (Box and Muller 1958).
fn normal(rng: &mut impl Rng, n_values: usize, variance: f32) -> Vec<f32> {
    let draw = |_| {
        let (u, v): (f32, f32) = (rng.random(), rng.random());
        (-2.0 * variance * (1.0 - u).ln()).sqrt() * (std::f32::consts::TAU * v).cos()
    };
    (0..n_values).map(draw).collect()
}
