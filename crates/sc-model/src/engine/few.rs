//! The inner loop of a convolution for few places: the panels of many channels side by side.
//!
//! A tile of [`Kernel::run`] is as high as its sums need to hide the delay of a multiply-add. A stream has
//! fewer places at a time than that. Here the same number of sums comes from several panels. Each sum adds
//! the same products in the same order, so that it has the same bits.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]
#![cfg_attr(target_arch = "wasm32", allow(unused, reason = "no kernel of WebAssembly is in it"))]

use pulp::{Simd, WithSimd};

use super::kernel::{Kernel, Panel};

/// Computes as many channels as it is the quicker way for, and returns their number. `all` are all panels of a
/// layer.
pub fn run(kernel: Kernel, all: &Panel, output: &mut [f32]) -> usize {
    #[cfg(target_arch = "x86_64")]
    let n_panels = all.bias.len() / kernel.width();
    match (kernel, all.n_places) {
        #[cfg(target_arch = "x86_64")]
        (Kernel::Avx512(simd), 1) if n_panels.is_multiple_of(5) => compute::<_, 1, 2, 5>(simd, all, output),
        #[cfg(target_arch = "x86_64")]
        (Kernel::Avx512(simd), 1) => compute::<_, 1, 2, 4>(simd, all, output),
        #[cfg(target_arch = "x86_64")]
        (Kernel::Avx512(simd), 2) if n_panels.is_multiple_of(5) => compute::<_, 2, 2, 5>(simd, all, output),
        #[cfg(target_arch = "x86_64")]
        (Kernel::Avx512(simd), 2) => compute::<_, 2, 2, 4>(simd, all, output),
        #[cfg(target_arch = "x86_64")]
        (Kernel::Avx512(simd), 3 | 4) => compute::<_, 4, 2, 2>(simd, all, output),
        #[cfg(target_arch = "x86_64")]
        (Kernel::Avx2(simd), 1) if n_panels.is_multiple_of(5) => compute::<_, 1, 2, 5>(simd, all, output),
        #[cfg(target_arch = "x86_64")]
        (Kernel::Avx2(simd), 1) => compute::<_, 1, 2, 4>(simd, all, output),
        #[cfg(target_arch = "x86_64")]
        (Kernel::Avx2(simd), 2) => compute::<_, 2, 2, 2>(simd, all, output),
        #[cfg(target_arch = "x86_64")]
        (Kernel::Avx2(simd), 3 | 4) => compute::<_, 4, 2, 1>(simd, all, output),
        #[cfg(target_arch = "aarch64")]
        (Kernel::Neon(simd), 1 | 2) => compute::<_, 2, 4, 2>(simd, all, output),
        _ => 0,
    }
}

/// Computes the panels, `P` at a time, as long as there are `P`. Returns the number of their channels.
fn compute<S: Simd, const N: usize, const M: usize, const P: usize>(
    simd: S,
    all: &Panel,
    output: &mut [f32],
) -> usize {
    let n_channels = P * M * S::F32_LANES;
    let n_groups = all.bias.len() / n_channels;
    let patch_len = all.tiles.patch_len();
    for group in 0..n_groups {
        let channel = group * n_channels;
        let panels = Panel {
            channel,
            weights: &all.weights[channel * patch_len..][..n_channels * patch_len],
            bias: &all.bias[channel..][..n_channels],
            ..*all
        };
        simd.vectorize(FewPlaces::<N, M, P> { panels: &panels, output });
    }
    n_groups * n_channels
}

/// A run over at most `N` places, with `P` panels of `M` registers side by side.
struct FewPlaces<'a, const N: usize, const M: usize, const P: usize> {
    panels: &'a Panel<'a>,
    output: &'a mut [f32],
}

impl<const N: usize, const M: usize, const P: usize> WithSimd for FewPlaces<'_, N, M, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Panel { tiles, n_places, weights, bias, input, .. } = *self.panels;
        let bias = S::as_simd_f32s(bias).0.as_chunks::<M>().0;
        let weights: [&[[S::f32s; M]]; P] = {
            let all = S::as_simd_f32s(weights).0.as_chunks::<M>().0;
            std::array::from_fn(|p| &all[p * tiles.patch_len()..][..tiles.patch_len()])
        };
        let patches: [&[f32]; N] = std::array::from_fn(|i| &input[tiles.inputs[i.min(n_places - 1)]..]);
        let mut sums: [[[S::f32s; M]; P]; N] = [std::array::from_fn(|p| bias[p]); N];
        for run in 0..tiles.runs {
            let weights: [_; P] =
                std::array::from_fn(|p| &weights[p][run * tiles.run_len..][..tiles.run_len]);
            let patches: [_; N] =
                std::array::from_fn(|i| &patches[i][run * tiles.run_stride..][..tiles.run_len]);
            for k in 0..tiles.run_len {
                for p in 0..P {
                    for m in 0..M {
                        for i in 0..N {
                            let x = simd.splat_f32s(patches[i][k]);
                            sums[i][p][m] = simd.mul_add_e_f32s(x, weights[p][k][m], sums[i][p][m]);
                        }
                    }
                }
            }
        }
        for (place, sums) in (0..n_places).zip(sums) {
            self.panels.write(simd, place, sums.as_flattened(), self.output);
        }
    }
}
