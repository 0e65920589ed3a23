//! Converts between [`Weights`] and the parameters of a Burn module.

use std::mem;

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData, Transaction};

use crate::{Values, Weights};

/// Turns weights into parameters. It numbers their ids, so that an optimiser's record finds them again in
/// another process.
pub struct Reader<'a> {
    weights: &'a Weights,
    device: &'a Device,
    next_id: u64,
}

impl<'a> Reader<'a> {
    pub fn new(weights: &'a Weights, device: &'a Device) -> Self {
        Self { weights, device, next_id: 0 }
    }

    pub fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let Values { shape, values } = self.weights.get(name);
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), self.device)
    }

    pub fn param<const D: usize>(&mut self, name: &str) -> Param<Tensor<D>> {
        self.next_id += 1;
        let tensor = self.tensor(name);
        let tensor = if self.device.is_autodiff() { tensor.require_grad() } else { tensor };
        Param::initialized(ParamId::from(self.next_id), tensor)
    }
}

/// Collects a module's parameters and reads them at once: a GPU is waited for a single time.
#[derive(Default)]
pub struct Writer {
    /// The name and shape of each tensor of the transaction.
    tensors: Vec<(String, Vec<usize>)>,
    transaction: Transaction,
}

impl Writer {
    pub fn add<const D: usize>(&mut self, name: String, tensor: Tensor<D>) {
        self.tensors.push((name, tensor.dims().to_vec()));
        self.transaction = mem::take(&mut self.transaction).register(tensor);
    }

    pub fn weights(self) -> Weights {
        let mut weights = Weights::default();
        for ((name, shape), data) in self.tensors.into_iter().zip(self.transaction.execute()) {
            weights.insert(name, Values { shape, values: floats(&data) });
        }
        weights
    }
}

pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    floats(&tensor.into_data())
}

fn floats(data: &TensorData) -> Vec<f32> {
    data.try_to_vec().expect("a network of 32-bit floats")
}
