//! The inner loop: a tile of places by a register's width of channels, over all of the patch.
#![allow(unsafe_code, reason = "functions compiled for more of the processor than the rest")]
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

/// Channels computed together: one 512-bit register, two of 256 bits, four of 128.
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
}

/// Sixteen channels of a convolution: everything the inner loop needs.
pub struct Panel<'a> {
    pub tiles: &'a Tiles,
    /// First of the channels.
    pub channel: usize,
    /// `[patch, LANES]`.
    pub weights: &'a [f32],
    /// `[LANES]`.
    pub bias: &'a [f32],
    /// Results below are raised to it: 0 for `ReLU`.
    pub floor: f32,
}

/// The instructions the inner loop is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Whatever every processor of the architecture has (on aarch64: NEON).
    Portable,
    /// 256-bit vectors and fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// The quickest that this processor runs.
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// All that this processor runs, quickest first.
    pub fn available() -> Vec<Self> {
        let mut kernels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                kernels.insert(0, Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                kernels.insert(0, Self::Avx512);
            }
        }
        kernels
    }

    /// Computes a panel's channels at all places.
    pub fn run(self, panel: &Panel, input: &[f32], skip: Option<&[f32]>, output: &mut [f32]) {
        match self {
            Self::Portable => portable(panel, input, skip, output),
            // SAFETY: these variants are made by `available` alone, after it saw the features.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2(panel, input, skip, output) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512(panel, input, skip, output) },
        }
    }
}

fn portable(panel: &Panel, input: &[f32], skip: Option<&[f32]>, output: &mut [f32]) {
    // NEON has 32 registers of 4 floats and a fused multiply-add; SSE2 has 16 and none.
    if cfg!(target_arch = "aarch64") {
        places::<6, true>(panel, input, skip, output);
    } else {
        places::<2, false>(panel, input, skip, output);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(panel: &Panel, input: &[f32], skip: Option<&[f32]>, output: &mut [f32]) {
    places::<6, true>(panel, input, skip, output);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn avx512(panel: &Panel, input: &[f32], skip: Option<&[f32]>, output: &mut [f32]) {
    places::<12, true>(panel, input, skip, output);
}

/// All places, `N` at a time. The last tile begins early enough to end with the last place: some
/// places are computed twice rather than a remainder by other code.
#[inline(always)]
fn places<const N: usize, const FUSED: bool>(
    panel: &Panel,
    input: &[f32],
    skip: Option<&[f32]>,
    output: &mut [f32],
) {
    let n_places = panel.tiles.inputs.len();
    for first in (0..n_places).step_by(N) {
        let first = first.min(n_places.saturating_sub(N));
        let place = |i: usize| (first + i).min(n_places - 1);
        let sums = tile::<N, FUSED>(panel, std::array::from_fn(|i| panel.tiles.inputs[place(i)]), input);
        for (i, mut sums) in sums.into_iter().enumerate() {
            if let Some(skip) = skip {
                let skip = &skip[panel.tiles.skips[place(i)] + panel.channel..][..LANES];
                sums.iter_mut().zip(skip).for_each(|(sum, skip)| *sum += skip);
            }
            let output = &mut output[panel.tiles.outputs[place(i)] + panel.channel..][..LANES];
            output.iter_mut().zip(sums).for_each(|(output, sum)| *output = sum.max(panel.floor));
        }
    }
}

/// `N` places by [`LANES`] channels, in registers from the first product to the last.
#[inline(always)]
fn tile<const N: usize, const FUSED: bool>(
    panel: &Panel,
    starts: [usize; N],
    input: &[f32],
) -> [[f32; LANES]; N] {
    let mut bias = [0.0; LANES];
    bias.copy_from_slice(panel.bias);
    let mut sums = [bias; N];
    let runs = panel.weights.chunks_exact(panel.tiles.run_len * LANES);
    for (run, weights) in runs.enumerate() {
        let (offset, len) = (run * panel.tiles.run_stride, panel.tiles.run_len);
        let rows: [&[f32]; N] = std::array::from_fn(|i| &input[starts[i] + offset..][..len]);
        for (k, weights) in weights.as_chunks::<LANES>().0[..len].iter().enumerate() {
            // Indices, not iterators: only so does the compiler keep the sums in registers.
            for i in 0..N {
                let x = rows[i][k];
                for lane in 0..LANES {
                    let sum = &mut sums[i][lane];
                    *sum = if FUSED { x.mul_add(weights[lane], *sum) } else { x * weights[lane] + *sum };
                }
            }
        }
    }
    sums
}
