//! The inner loop: a tile of places by a few registers of channels, over all of the patch.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

use std::fmt;

use pulp::{Scalar128b, Simd, WithSimd};

/// Every layer's channels are a multiple of it.
pub const LANES: usize = 16;

/// The places of a convolution and how its patches lie in memory.
pub struct Tiles {
    /// Contiguous runs in a patch, and what each holds.
    pub runs: usize,
    pub run_len: usize,
    /// Numbers from the beginning of one run to that of the next.
    pub run_stride: usize,
    /// For every place: where its patch begins,
    pub inputs: Vec<usize>,
    /// where its channels are written,
    pub outputs: Vec<usize>,
    /// and where the channels to add are, if there are any.
    pub skips: Vec<usize>,
}

impl Tiles {
    pub fn patch_len(&self) -> usize {
        self.runs * self.run_len
    }

    /// Numbers from a patch's first to its last, those between its runs as well.
    fn span(&self) -> usize {
        (self.runs - 1) * self.run_stride + self.run_len
    }
}

/// Some channels of a convolution, as many as [`Kernel::width`] or the last [`LANES`]: everything the
/// inner loop needs.
pub struct Panel<'a> {
    pub tiles: &'a Tiles,
    /// First of the channels.
    pub channel: usize,
    /// `[patch, channels]`.
    pub weights: &'a [f32],
    /// `[channels]`.
    pub bias: &'a [f32],
    /// Results below are raised to it: 0 for `ReLU`.
    pub floor: f32,
}

/// The instructions the inner loop is compiled for; a variant holds the proof that they are there.
#[derive(Clone, Copy)]
pub enum Kernel {
    /// Whatever every processor of the architecture has.
    Portable,
    /// 256-bit vectors and fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// 512-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    /// 128-bit vectors and fused multiply-add.
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
}

impl Kernel {
    /// The quickest that this processor runs.
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// All that this processor runs, quickest first.
    pub fn available() -> Vec<Self> {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            kernels.extend(pulp::x86::V4::try_new().map(Self::Avx512));
            kernels.extend(pulp::x86::V3::try_new().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        kernels.extend(pulp::aarch64::Neon::try_new().map(Self::Neon));
        kernels.push(Self::Portable);
        kernels
    }

    /// Channels computed together at most.
    pub fn width(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => 2 * LANES,
            _ => LANES,
        }
    }

    /// Computes a panel's channels at all places.
    pub fn run(self, panel: &Panel, input: &[f32], skip: Option<&[f32]>, output: &mut [f32]) {
        match self {
            Self::Portable => Scalar128b.vectorize(Places::<2, 4, false> { panel, input, skip, output }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, Places::<6, 2, true> { panel, input, skip, output }),
            // Of 32 registers 26 hold sums: a weight loaded serves 13 products, an input two. And 13
            // divides the 26 places of the shipped network's last blocks.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) if panel.bias.len() == LANES => {
                Simd::vectorize(simd, Places::<13, 1, true> { panel, input, skip, output });
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, Places::<13, 2, true> { panel, input, skip, output }),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, Places::<6, 4, true> { panel, input, skip, output }),
        }
    }

    /// Runs `work` on vectors of this kind.
    pub fn vectorize<W: WithSimd>(self, work: W) -> W::Output {
        match self {
            Self::Portable => Scalar128b.vectorize(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, work),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, work),
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "AVX-512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "NEON",
        })
    }
}

/// All places, `N` at a time, by the panel's channels in `M` registers.
struct Places<'a, const N: usize, const M: usize, const FUSED: bool> {
    panel: &'a Panel<'a>,
    input: &'a [f32],
    skip: Option<&'a [f32]>,
    output: &'a mut [f32],
}

impl<const N: usize, const M: usize, const FUSED: bool> WithSimd for Places<'_, N, M, FUSED> {
    type Output = ();

    /// The last tile begins early enough to end with the last place: some places are computed twice
    /// rather than a remainder by other code.
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let n_places = self.panel.tiles.inputs.len();
        for first in (0..n_places).step_by(N) {
            let first = first.min(n_places.saturating_sub(N));
            let places = std::array::from_fn(|i| (first + i).min(n_places - 1));
            let sums = self.sum(simd, places);
            self.write(simd, places, sums);
        }
    }
}

impl<const N: usize, const M: usize, const FUSED: bool> Places<'_, N, M, FUSED> {
    /// A tile's products, in registers from the first to the last.
    #[inline(always)]
    fn sum<S: Simd>(&self, simd: S, places: [usize; N]) -> [[S::f32s; M]; N] {
        let Panel { tiles, weights, bias, .. } = self.panel;
        let mut sums = [registers::<S, M>(bias); N];
        let span = tiles.span();
        // Once a tile, not once a run: the first layer's runs are only five numbers long.
        let patches: [&[f32]; N] = std::array::from_fn(|i| &self.input[tiles.inputs[places[i]]..][..span]);
        for (run, weights) in weights.chunks_exact(tiles.run_len * bias.len()).enumerate() {
            let weights = &S::as_simd_f32s(weights).0.as_chunks::<M>().0[..tiles.run_len];
            for (k, weights) in (run * tiles.run_stride..).zip(weights) {
                // Indices, not iterators: only so does the compiler keep the sums in registers.
                for i in 0..N {
                    let x = simd.splat_f32s(patches[i][k]);
                    for m in 0..M {
                        sums[i][m] = if FUSED {
                            simd.mul_add_e_f32s(x, weights[m], sums[i][m])
                        } else {
                            simd.add_f32s(simd.mul_f32s(x, weights[m]), sums[i][m])
                        };
                    }
                }
            }
        }
        sums
    }

    /// Adds the skip, if there is one, and writes what is above the floor.
    #[inline(always)]
    fn write<S: Simd>(&mut self, simd: S, places: [usize; N], sums: [[S::f32s; M]; N]) {
        let Panel { tiles, channel, bias, floor, .. } = self.panel;
        let floor = simd.splat_f32s(*floor);
        for (place, mut sums) in places.into_iter().zip(sums) {
            if let Some(skip) = self.skip {
                let skip = registers::<S, M>(&skip[tiles.skips[place] + channel..][..bias.len()]);
                sums = std::array::from_fn(|m| simd.add_f32s(sums[m], skip[m]));
            }
            let output = &mut self.output[tiles.outputs[place] + channel..][..bias.len()];
            for (output, sum) in S::as_mut_simd_f32s(output).0.iter_mut().zip(sums) {
                *output = simd.max_f32s(sum, floor);
            }
        }
    }
}

#[inline(always)]
fn registers<S: Simd, const M: usize>(values: &[f32]) -> [S::f32s; M] {
    let values = S::as_simd_f32s(values).0;
    std::array::from_fn(|m| values[m])
}
