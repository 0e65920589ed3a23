//! The inner loop of a convolution: a tile of places by a few registers of channels.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

use std::fmt;
use std::sync::LazyLock;

use pulp::{Scalar128b, Simd, WithSimd};

/// Divisor of the number of channels of every layer.
pub const LANES: usize = 16;

/// The places of a convolution, and the positions of their patches in memory.
pub struct Tiles {
    /// Number of contiguous runs in a patch.
    pub runs: usize,
    /// Numbers in each run.
    pub run_len: usize,
    /// Distance from the beginning of one run to that of the next.
    pub run_stride: usize,
    /// For each place, the position of its patch.
    pub inputs: Vec<usize>,
    /// For each place, the position of its result.
    pub outputs: Vec<usize>,
    /// For each place, the position of the channels to add. Empty without a skip.
    pub skips: Vec<usize>,
}

impl Tiles {
    pub fn patch_len(&self) -> usize {
        self.runs * self.run_len
    }

    /// Returns the distance from the beginning of a patch to its end, with the gaps between its runs.
    fn span(&self) -> usize {
        (self.runs - 1) * self.run_stride + self.run_len
    }
}

/// A convolution for some of its channels: the [`Kernel::width`] or last [`LANES`] that [`Kernel::run`] takes, several times
/// as many, or a whole layer's.
pub struct Panel<'a> {
    pub tiles: &'a Tiles,
    /// Number of places that are computed, from the first one on.
    pub n_places: usize,
    /// The first channel.
    pub channel: usize,
    /// `[patch, channels]`.
    pub weights: &'a [f32],
    /// `[channels]`.
    pub bias: &'a [f32],
    /// Least result: 0 for `ReLU`, else minus infinity.
    pub floor: f32,
    /// The memory of the patches.
    pub input: &'a [f32],
    /// The memory of the channels to add, if there are some.
    pub skip: Option<&'a [f32]>,
}

impl Panel<'_> {
    /// Adds the skip to the sums of a place, if there is one, raises them to the floor and writes them.
    #[inline(always)]
    pub fn write<S: Simd>(&self, simd: S, place: usize, sums: &[S::f32s], output: &mut [f32]) {
        let Self { tiles, channel, floor, .. } = *self;
        let n_channels = self.bias.len();
        let floor = simd.splat_f32s(floor);
        let output = S::as_mut_simd_f32s(&mut output[tiles.outputs[place] + channel..][..n_channels]).0;
        let skip = self.skip.map(|skip| &skip[tiles.skips[place] + channel..][..n_channels]);
        let skip = skip.map(|skip| S::as_simd_f32s(skip).0);
        for (i, (output, sum)) in output.iter_mut().zip(sums).enumerate() {
            let sum = skip.map_or(*sum, |skip| simd.add_f32s(*sum, skip[i]));
            *output = simd.max_f32s(sum, floor);
        }
    }
}

/// The instructions that the inner loop is compiled for. A variant is the proof that the processor has them.
#[derive(Clone, Copy)]
pub enum Kernel {
    /// Instructions that every processor of the architecture has.
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
    /// 128-bit vectors of WebAssembly.
    #[cfg(target_feature = "simd128")]
    Simd128(pulp::wasm::Simd128),
    /// 128-bit vectors of WebAssembly and relaxed multiply-add, which is fused where the processor can.
    #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
    RelaxedSimd(pulp::wasm::RelaxedSimd),
}

impl Kernel {
    /// Returns the quickest kernel that this processor runs.
    pub fn detect() -> Self {
        static QUICKEST: LazyLock<Kernel> = LazyLock::new(|| Kernel::available()[0]);
        *QUICKEST
    }

    /// Returns all kernels that this processor runs, quickest first.
    pub fn available() -> Vec<Self> {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            kernels.extend(pulp::x86::V4::try_new().map(Self::Avx512));
            kernels.extend(pulp::x86::V3::try_new().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        kernels.extend(pulp::aarch64::Neon::try_new().map(Self::Neon));
        // A module with instructions that its engine does not know cannot be loaded at all. So a build chooses.
        #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
        kernels.extend(pulp::wasm::RelaxedSimd::try_new().map(Self::RelaxedSimd));
        #[cfg(target_feature = "simd128")]
        kernels.extend(pulp::wasm::Simd128::try_new().map(Self::Simd128));
        kernels.push(Self::Portable);
        kernels
    }

    /// Returns the most channels that are computed together.
    pub fn width(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => 2 * LANES,
            _ => LANES,
        }
    }

    /// Computes the channels of a panel at all places.
    pub fn run(self, panel: &Panel, output: &mut [f32]) {
        match self {
            Self::Portable => Scalar128b.vectorize(Places::<2, 4, false> { panel, output }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, Places::<6, 2, true> { panel, output }),
            // 26 of 32 registers hold sums: a loaded weight serves 13 products, an input two. And 13
            // divides the 26 places of the shipped network's last blocks.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) if panel.bias.len() == LANES => {
                Simd::vectorize(simd, Places::<13, 1, true> { panel, output });
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, Places::<13, 2, true> { panel, output }),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, Places::<6, 4, true> { panel, output }),
            #[cfg(target_feature = "simd128")]
            Self::Simd128(simd) => Simd::vectorize(simd, Places::<2, 4, false> { panel, output }),
            #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
            Self::RelaxedSimd(simd) => Simd::vectorize(simd, Places::<2, 4, true> { panel, output }),
        }
    }

    /// Runs `work` with these instructions.
    pub fn vectorize<W: WithSimd>(self, work: W) -> W::Output {
        match self {
            Self::Portable => Scalar128b.vectorize(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, work),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, work),
            #[cfg(target_feature = "simd128")]
            Self::Simd128(simd) => Simd::vectorize(simd, work),
            #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
            Self::RelaxedSimd(simd) => Simd::vectorize(simd, work),
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
            #[cfg(target_feature = "simd128")]
            Self::Simd128(_) => "SIMD128",
            #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
            Self::RelaxedSimd(_) => "relaxed SIMD",
        })
    }
}

/// A run over all places, `N` at a time, with the panel's channels in `M` registers.
struct Places<'a, const N: usize, const M: usize, const FUSED: bool> {
    panel: &'a Panel<'a>,
    output: &'a mut [f32],
}

impl<const N: usize, const M: usize, const FUSED: bool> WithSimd for Places<'_, N, M, FUSED> {
    type Output = ();

    /// Computes the panel. The last tile begins early enough to end with the last place: some places are
    /// computed twice, so that no other code has to compute a remainder.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let n_places = self.panel.n_places;
        for first in (0..n_places).step_by(N) {
            let first = first.min(n_places.saturating_sub(N));
            let places: [usize; N] = std::array::from_fn(|i| (first + i).min(n_places - 1));
            for (place, sums) in places.into_iter().zip(self.sum(simd, places)) {
                self.panel.write(simd, place, &sums, self.output);
            }
        }
    }
}

impl<const N: usize, const M: usize, const FUSED: bool> Places<'_, N, M, FUSED> {
    /// Sums the products of a tile. The sums stay in registers.
    #[inline(always)]
    fn sum<S: Simd>(&self, simd: S, places: [usize; N]) -> [[S::f32s; M]; N] {
        let Panel { tiles, weights, bias, input, .. } = self.panel;
        let mut sums = [registers::<S, M>(bias); N];
        let span = tiles.span();
        // Once for each tile, not for each run: the first layer's runs are only five numbers long.
        let patches: [&[f32]; N] = std::array::from_fn(|i| &input[tiles.inputs[places[i]]..][..span]);
        for (run, weights) in weights.chunks_exact(tiles.run_len * bias.len()).enumerate() {
            let weights = &S::as_simd_f32s(weights).0.as_chunks::<M>().0[..tiles.run_len];
            for (k, weights) in (run * tiles.run_stride..).zip(weights) {
                // With iterators instead of indices the compiler does not keep the sums in registers.
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
}

#[inline(always)]
fn registers<S: Simd, const M: usize>(values: &[f32]) -> [S::f32s; M] {
    let values = S::as_simd_f32s(values).0;
    std::array::from_fn(|m| values[m])
}
