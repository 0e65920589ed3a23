//! Converts between [`Weights`] and the parameters of a Burn module.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

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

pub fn write<const D: usize>(weights: &mut Weights, name: String, tensor: Tensor<D>) {
    let shape = tensor.dims().to_vec();
    weights.insert(name, Values { shape, values: to_vec(tensor) });
}

pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("a network of 32-bit floats")
}
