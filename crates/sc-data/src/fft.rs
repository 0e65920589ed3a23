//! Computes the power spectra of several real frames at once, each in a lane of its own.
//!
//! One transform of 512 samples is too short to fill wide registers. Frames side by side fill them, and
//! need no shuffles between lanes. No operation is fused and no lane reads another. So every machine
//! computes the same bits, and a frame has the same spectrum alone and among others.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

use std::f64::consts::TAU;
use std::iter::successors;
use std::ops::{Add, Mul, Sub};

use pulp::Simd;

use crate::lanes::Lanes;

/// A complex number of each frame.
#[derive(Clone, Copy)]
struct Complex<S: Simd> {
    re: Lanes<S>,
    im: Lanes<S>,
}

impl<S: Simd> Complex<S> {
    #[inline(always)]
    fn load(simd: S, [re, im]: [S::f32s; 2]) -> Self {
        Self { re: Lanes::new(simd, re), im: Lanes::new(simd, im) }
    }

    #[inline(always)]
    fn values(self) -> [S::f32s; 2] {
        [self.re.values(), self.im.values()]
    }

    /// `self + i * other`
    #[inline(always)]
    fn add_i(self, other: Self) -> Self {
        Self { re: self.re - other.im, im: self.im + other.re }
    }

    /// `self - i * other`
    #[inline(always)]
    fn sub_i(self, other: Self) -> Self {
        Self { re: self.re + other.im, im: self.im - other.re }
    }

    #[inline(always)]
    fn norm_sqr(self) -> Lanes<S> {
        self.re * self.re + self.im * self.im
    }
}

impl<S: Simd> Add for Complex<S> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }
}

impl<S: Simd> Sub for Complex<S> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }
}

impl<S: Simd> Mul<Root> for Complex<S> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, Root { re, im }: Root) -> Self {
        Self { re: self.re * re - self.im * im, im: self.re * im + self.im * re }
    }
}

/// A root of unity.
#[derive(Clone, Copy, Debug)]
struct Root {
    re: f32,
    im: f32,
}

impl Root {
    /// `e^(-2πi k / n)`
    fn new(k: usize, n: usize) -> Self {
        let angle = -TAU * k as f64 / n as f64;
        Self { re: angle.cos() as f32, im: angle.sin() as f32 }
    }
}

/// The plan of a transform of `n_fft` real samples, a power of two from 4.
///
/// The samples are read as `n_fft / 2` complex numbers: even samples are real parts, odd ones imaginary
/// parts. This halves the work; the spectrum is untangled at the end.
#[derive(Clone, Debug)]
pub(crate) struct PowerSpectrum {
    /// For each pass but the last, the roots `w^j, w^2j, w^3j` of its butterflies.
    passes: Vec<Vec<[Root; 3]>>,
    /// For each `k` up to a quarter of `n_fft`: the positions at which the passes leave the frequencies `k`
    /// and `-k`, and the root `e^(-2πi k / n_fft)`.
    mirrored: Vec<(usize, usize, Root)>,
}

impl PowerSpectrum {
    pub fn new(n_fft: usize) -> Self {
        let n = n_fft / 2;
        let lengths = successors(Some(n), |len| Some(len / 4)).take_while(|&len| len > 4);
        let mirror = |k| (position(k, n), position((n - k) % n, n), Root::new(k, n_fft));
        Self { passes: lengths.map(roots).collect(), mirrored: (0..=n / 2).map(mirror).collect() }
    }

    /// Computes four times the power of the frequencies 0 to `n_fft / 2`. Overwrites the samples.
    ///
    /// # Shapes
    /// `samples` `[n_fft / 2, 2]`, `power` `[n_fft / 2 + 1]`, of one value for each frame.
    #[inline(always)]
    pub fn compute<S: Simd>(&self, simd: S, samples: &mut [[S::f32s; 2]], power: &mut [S::f32s]) {
        for roots in &self.passes {
            for block in samples.chunks_exact_mut(4 * roots.len()) {
                radix_4(simd, block, roots);
            }
        }
        // The roots of the last pass are ones.
        if samples.len().ilog2().is_multiple_of(2) {
            samples.as_chunks_mut().0.iter_mut().for_each(|four| last_radix_4(simd, four));
        } else {
            samples.as_chunks_mut().0.iter_mut().for_each(|pair| last_radix_2(simd, pair));
        }
        self.untangle(simd, samples, power);
    }

    /// Separates the spectra of the even and the odd samples by the symmetry of a real signal's spectrum,
    /// and joins them to the spectrum of all samples.
    #[inline(always)]
    fn untangle<S: Simd>(&self, simd: S, numbers: &[[S::f32s; 2]], power: &mut [S::f32s]) {
        let n = numbers.len();
        for (k, &(position, mirror, root)) in self.mirrored.iter().enumerate() {
            let Complex { re, im } = Complex::load(simd, numbers[position]);
            let mirrored = Complex::load(simd, numbers[mirror]);
            let even = Complex { re: re + mirrored.re, im: im - mirrored.im };
            let odd = Complex { re: im + mirrored.im, im: mirrored.re - re } * root;
            power[k] = (even + odd).norm_sqr().values();
            power[n - k] = (even - odd).norm_sqr().values();
        }
    }
}

/// Runs one pass of decimation in frequency: a block becomes four blocks of a quarter of its length, for
/// the frequencies with the remainders 0, 1, 2 and 3 modulo 4.
#[inline(always)]
fn radix_4<S: Simd>(simd: S, block: &mut [[S::f32s; 2]], roots: &[[Root; 3]]) {
    let (ab, cd) = block.split_at_mut(2 * roots.len());
    let (a, b) = ab.split_at_mut(roots.len());
    let (c, d) = cd.split_at_mut(roots.len());
    for ((((a, b), c), d), roots) in a.iter_mut().zip(b).zip(c).zip(d).zip(roots) {
        let frequencies = butterfly([*a, *b, *c, *d].map(|number| Complex::load(simd, number)));
        *a = frequencies[0].values();
        *b = (frequencies[1] * roots[0]).values();
        *c = (frequencies[2] * roots[1]).values();
        *d = (frequencies[3] * roots[2]).values();
    }
}

#[inline(always)]
fn last_radix_4<S: Simd>(simd: S, four: &mut [[S::f32s; 2]; 4]) {
    *four = butterfly(four.map(|number| Complex::load(simd, number))).map(Complex::values);
}

/// Transforms four numbers.
#[inline(always)]
fn butterfly<S: Simd>([a, b, c, d]: [Complex<S>; 4]) -> [Complex<S>; 4] {
    let (ac, bd) = (a + c, b + d);
    let (a_c, b_d) = (a - c, b - d);
    [ac + bd, a_c.sub_i(b_d), ac - bd, a_c.add_i(b_d)]
}

/// Runs the last pass if the length is no power of four.
#[inline(always)]
fn last_radix_2<S: Simd>(simd: S, pair: &mut [[S::f32s; 2]; 2]) {
    let [a, b] = pair.map(|number| Complex::load(simd, number));
    *pair = [(a + b).values(), (a - b).values()];
}

/// Returns the roots of the pass over blocks of `len`.
fn roots(len: usize) -> Vec<[Root; 3]> {
    (0..len / 4).map(|j| [j, 2 * j, 3 * j].map(|k| Root::new(k, len))).collect()
}

/// Returns the position of frequency `k` after the passes over blocks of `len` and less: its digits reversed.
fn position(k: usize, len: usize) -> usize {
    match len {
        1 => 0,
        2 => k,
        _ => k % 4 * (len / 4) + position(k / 4, len / 4),
    }
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    /// The power spectrum of the same samples in every lane; the first lane's.
    struct Compute<'a>(&'a [f32]);

    impl WithSimd for Compute<'_> {
        type Output = Vec<f32>;

        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            let splat = |&sample| simd.splat_f32s(sample);
            let mut samples: Vec<_> =
                self.0.as_chunks().0.iter().map(|pair: &[f32; 2]| pair.each_ref().map(splat)).collect();
            let mut power = vec![simd.splat_f32s(0.0); samples.len() + 1];
            PowerSpectrum::new(self.0.len()).compute(simd, &mut samples, &mut power);
            pulp::bytemuck::cast_slice(&power).iter().step_by(S::F32_LANES).copied().collect()
        }
    }

    #[test]
    fn the_power_is_what_the_definition_gives() {
        for n_fft in [4, 8, 16, 512, 1024] {
            let samples: Vec<_> = (0..n_fft).map(|n| (n * n % 31) as f32 / 31.0 - 0.4).collect();
            let power = Arch::new().dispatch(Compute(&samples));
            assert_eq!(power.len(), n_fft / 2 + 1);
            for (k, &power) in power.iter().enumerate() {
                let expected = 4.0 * definition(&samples, k);
                let tolerance = 1e-5 * (n_fft as f64 + expected);
                let got = f64::from(power);
                assert!((got - expected).abs() < tolerance, "n_fft {n_fft}, {k}: {got}, expected {expected}");
            }
        }
    }

    /// Power of the frequency `k` by the sum that defines it.
    fn definition(samples: &[f32], k: usize) -> f64 {
        let angle = |n: usize| TAU * (n * k) as f64 / samples.len() as f64;
        let sum = |part: fn(f64) -> f64| -> f64 {
            samples.iter().enumerate().map(|(n, &sample)| f64::from(sample) * part(angle(n))).sum()
        };
        sum(f64::cos).powi(2) + sum(f64::sin).powi(2)
    }
}
