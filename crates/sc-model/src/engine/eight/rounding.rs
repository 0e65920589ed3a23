//! The step from floats to whole units.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

use pulp::NullaryFnOnce;

use super::Kernel;
use super::dot::{Channels, LANES, Vectors};
use crate::engine::memory::Memory;

/// How the floats of an activation become whole units.
pub struct Rounding {
    /// What the floats of each channel are multiplied by.
    scale: Vec<Channels>,
    kernel: Kernel,
}

impl Rounding {
    /// `units` holds, for each channel, the number that one stands for.
    pub fn new(units: &[f32], kernel: Kernel) -> Self {
        let scale: Vec<f32> = units.iter().map(|unit| 1.0 / unit).collect();
        Self { scale: scale.as_chunks().0.to_vec(), kernel }
    }

    /// Rounds all channels of the places that begin at `starts`.
    pub fn run(&self, starts: &[usize], memory: &mut Memory) {
        let Memory { floats, bytes } = memory;
        let Self { scale, kernel } = self;
        match *kernel {
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni(dot) => dot.vectorize(Round { dot, scale, starts, floats, bytes }),
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni256(dot) => dot.vectorize(Round { dot, scale, starts, floats, bytes }),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(dot) => dot.vectorize(Round { dot, scale, starts, floats, bytes }),
            #[cfg(target_arch = "aarch64")]
            Kernel::DotProduct(dot) => dot.vectorize(Round { dot, scale, starts, floats, bytes }),
            #[cfg(test)]
            Kernel::Portable => Round { dot: super::dot::PORTABLE, scale, starts, floats, bytes }.call(),
        }
    }
}

struct Round<'a, D> {
    dot: D,
    scale: &'a [Channels],
    starts: &'a [usize],
    floats: &'a [f32],
    bytes: &'a mut [u8],
}

impl<D: Vectors> NullaryFnOnce for Round<'_, D> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let len = self.scale.len() * LANES;
        for start in self.starts {
            let floats = self.floats[*start..][..len].as_chunks().0;
            let bytes = self.bytes[*start..][..len].as_chunks_mut().0;
            for ((bytes, values), scale) in bytes.iter_mut().zip(floats).zip(self.scale) {
                *bytes = self.dot.round(self.dot.multiply(values, scale));
            }
        }
    }
}
