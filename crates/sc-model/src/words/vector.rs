//! Vectors of floats.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

/// Sums that a scalar product adds up side by side: as many as fit into the registers of any processor.
const LANES: usize = 32;

/// The scalar product: the cosine of the angle between two vectors of length 1.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; LANES];
    for (a, b) in a.zip(b) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    let mut n = LANES / 2;
    while n > 0 {
        let (left, right) = sums[..2 * n].split_at_mut(n);
        left.iter_mut().zip(right).for_each(|(left, right)| *left += *right);
        n /= 2;
    }
    sums[0] + rest
}

/// Scales a vector to length 1; a vector of zeros stays.
pub(super) fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        for value in vector {
            *value /= length;
        }
    }
}
