//! Converts between Burn's CPU tensors and slices of floats.

use burn::backend::{
    Flex,
    ops::FloatTensorOps,
    tensor::{Device, FloatTensor},
};
use burn::tensor::{Shape, TensorData};

/// A float tensor as its backend holds it.
pub type Primitive<B> = FloatTensor<B>;

/// Returns the numbers of a contiguous tensor, row-major.
pub fn values(tensor: &Primitive<Flex>) -> &[f32] {
    tensor.as_slice().expect("a contiguous tensor of 32-bit floats")
}

/// Makes a tensor that takes over `values`.
pub fn new_tensor(values: Vec<f32>, shape: &[usize]) -> Primitive<Flex> {
    let data = TensorData::new(values, Shape::from(shape.to_vec()));
    Flex::float_from_data(data, &Device::<Flex>::default())
}
