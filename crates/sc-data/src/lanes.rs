//! Vector registers that hold a value of several frames, each frame in a lane of its own.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

use std::array;
use std::ops::{Add, Mul, Sub};

use pulp::Simd;
use pulp::bytemuck::cast_slice;

/// Most frames at once on any processor: the floats of an AVX-512 register.
pub(crate) const MAX_LANES: usize = 16;

/// One value of each frame, in a vector register.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<S: Simd> {
    simd: S,
    values: S::f32s,
}

impl<S: Simd> Lanes<S> {
    #[inline(always)]
    pub fn new(simd: S, values: S::f32s) -> Self {
        Self { simd, values }
    }

    #[inline(always)]
    pub fn splat(simd: S, value: f32) -> Self {
        Self::new(simd, simd.splat_f32s(value))
    }

    #[inline(always)]
    pub fn values(self) -> S::f32s {
        self.values
    }
}

impl<S: Simd> Add for Lanes<S> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::new(self.simd, self.simd.add_f32s(self.values, other.values))
    }
}

impl<S: Simd> Sub for Lanes<S> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::new(self.simd, self.simd.sub_f32s(self.values, other.values))
    }
}

impl<S: Simd> Mul for Lanes<S> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::new(self.simd, self.simd.mul_f32s(self.values, other.values))
    }
}

impl<S: Simd> Mul<f32> for Lanes<S> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        self * Self::splat(self.simd, factor)
    }
}

/// Returns the first values of all slots, the second, the third and the fourth ones, in the lanes that
/// [`lanes_of_slots`] names.
#[inline(always)]
pub(crate) fn transpose<S: Simd>(simd: S, slots: &[[f32; 4]; MAX_LANES]) -> [S::f32s; 4] {
    let fours = S::as_simd_f32s(slots[..S::F32_LANES].as_flattened()).0;
    simd.deinterleave_shfl_f32s([fours[0], fours[1], fours[2], fours[3]])
}

/// Returns the lane to which [`transpose`] brings each slot: the order that takes the processor the fewest
/// instructions.
#[inline(always)]
pub(crate) fn lanes_of_slots<S: Simd>(simd: S) -> [usize; MAX_LANES] {
    let [slots, ..] = transpose(simd, &array::from_fn(|slot| [slot as f32; 4]));
    let mut lanes = [0; MAX_LANES];
    for (lane, &slot) in cast_slice::<_, f32>(&[slots]).iter().enumerate() {
        lanes[slot as usize] = lane;
    }
    lanes
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct Transposed;

    impl WithSimd for Transposed {
        type Output = Vec<Vec<f32>>;

        fn with_simd<S: Simd>(self, simd: S) -> Vec<Vec<f32>> {
            let value = |lane: usize, n: usize| (10 * lane + n) as f32;
            let slots = lanes_of_slots(simd).map(|lane| array::from_fn(|n| value(lane, n)));
            transpose(simd, &slots).map(|values| cast_slice(&[values]).to_vec()).to_vec()
        }
    }

    #[test]
    fn each_frame_comes_to_its_lane() {
        for (n, values) in Arch::new().dispatch(Transposed).into_iter().enumerate() {
            let expected: Vec<_> = (0..values.len()).map(|lane| (10 * lane + n) as f32).collect();
            assert_eq!(values, expected);
        }
    }
}
