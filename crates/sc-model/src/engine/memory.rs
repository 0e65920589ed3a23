//! The memory of activations: in floats, or in whole units of one byte.

use std::ops::Range;

use aligned_vec::{AVec, avec};

/// How the numbers of an activation lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Floats,
    Bytes,
    /// Computed as floats, then rounded to bytes, which are what is read.
    Both,
}

/// The memory of an activation: one number for each of its values, in each of its forms.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Empty if there are only bytes.
    pub floats: AVec<f32>,
    /// Empty if there are only floats.
    pub bytes: AVec<u8>,
}

impl Memory {
    /// Returns zeros.
    pub fn new(len: usize, form: Form) -> Self {
        let [floats, bytes] = [Form::Bytes, Form::Floats].map(|other| if form == other { 0 } else { len });
        Self { floats: avec![0.0; floats], bytes: avec![0; bytes] }
    }

    /// Returns zeros in the form in which an activation is read.
    pub fn to_keep(len: usize, form: Form) -> Self {
        Self::new(len, if form == Form::Floats { form } else { Form::Bytes })
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.floats.len().max(self.bytes.len())
    }

    /// Copies a `range` of `from`, from position `start` on, in each form that both have.
    pub fn copy(&mut self, start: usize, from: &Self, range: Range<usize>) {
        let end = start + range.len();
        if !self.floats.is_empty() && !from.floats.is_empty() {
            self.floats[start..end].copy_from_slice(&from.floats[range.clone()]);
        }
        if !self.bytes.is_empty() && !from.bytes.is_empty() {
            self.bytes[start..end].copy_from_slice(&from.bytes[range]);
        }
    }

    /// Returns the values of a range, whose bytes count in `units`, one after the other and from the first again.
    pub fn values<'a>(&'a self, range: Range<usize>, units: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        let (floats, bytes): (&[f32], &[u8]) =
            if self.bytes.is_empty() { (&self.floats[range], &[]) } else { (&[], &self.bytes[range]) };
        let bytes = bytes.iter().zip(units.iter().cycle()).map(|(byte, unit)| f32::from(*byte) * unit);
        floats.iter().copied().chain(bytes)
    }
}
