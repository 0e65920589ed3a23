//! The instructions that multiply eight-bit numbers: four products, or eight, are added to each of sixteen sums at once.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

/// Sums that are computed together.
pub const LANES: usize = 16;
/// Inputs whose products are added together.
pub const QUAD: usize = 4;

/// Largest input.
pub const MAX_INPUT: i8 = 127;
/// Largest weight, by amount. AVX2 adds the products of four inputs in 16 bits, which they must not leave.
pub const MAX_WEIGHT: i8 = 64;
/// Most products in a sum of 32 bits.
pub const MOST_PRODUCTS: usize = (i32::MAX / (MAX_INPUT as i32 * MAX_WEIGHT as i32)) as usize;
const _: () = assert!(QUAD as i32 * MAX_INPUT as i32 * MAX_WEIGHT as i32 <= i16::MAX as i32);

/// The weights of four inputs, for each of sixteen sums.
pub type Weights = [i8; LANES * QUAD];

/// A number for each of some channels.
pub type Channels = [f32; LANES];

/// A way to multiply, `QUADS` times four inputs at once. Every way gives the same sums.
pub trait Dot<const QUADS: usize>: Vectors {
    /// Adds to each sum, in each of `M` vectors, the products of the inputs with its weights.
    fn add<const M: usize>(
        self,
        sums: &mut [Self::Sums; M],
        inputs: &[[u8; QUAD]; QUADS],
        weights: &[[Weights; M]; QUADS],
    );
}

/// What else is done with sixteen numbers at once.
pub trait Vectors: Copy {
    /// Sixteen sums of 32 bits.
    type Sums: Copy;
    /// Sixteen floats.
    type Floats: Copy;

    fn zero(self) -> Self::Sums;

    /// Returns `sums * scale + offset`.
    fn scale(self, sums: Self::Sums, scale: &Channels, offset: &Channels) -> Self::Floats;

    fn multiply(self, values: &Channels, scale: &Channels) -> Self::Floats;

    fn multiply_bytes(self, bytes: &[u8; LANES], scale: &Channels) -> Self::Floats;

    fn plus(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;

    fn floats(self, floats: Self::Floats) -> Channels;

    /// Rounds to whole numbers from 0 to [`MAX_INPUT`].
    fn round(self, floats: Self::Floats) -> [u8; LANES];
}

/// Instructions that every processor has, and those for dot products on ARM if `DOT_PRODUCT`.
#[cfg(any(test, target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub struct Plain<const DOT_PRODUCT: bool>(());

#[cfg(test)]
pub const PORTABLE: Plain<false> = Plain(());

#[cfg(test)]
impl Dot<1> for Plain<false> {
    #[inline(always)]
    fn add<const M: usize>(
        self,
        sums: &mut [Self::Sums; M],
        [inputs]: &[[u8; QUAD]; 1],
        [weights]: &[[Weights; M]; 1],
    ) {
        let weights = weights.as_flattened().as_chunks::<QUAD>().0;
        for (sum, weights) in sums.as_flattened_mut().iter_mut().zip(weights) {
            let pairs = inputs.iter().zip(weights);
            *sum += pairs.map(|(input, weight)| i32::from(*input) * i32::from(*weight)).sum::<i32>();
        }
    }
}

/// For ARM the compiler makes vector instructions of it. For AVX2 it does not: a network would take two fifths more
/// time.
#[cfg(any(test, target_arch = "aarch64"))]
impl<const DOT_PRODUCT: bool> Vectors for Plain<DOT_PRODUCT> {
    type Sums = [i32; LANES];
    type Floats = Channels;

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        [0; LANES]
    }

    #[inline(always)]
    fn scale(self, sums: Self::Sums, scale: &Channels, offset: &Channels) -> Channels {
        std::array::from_fn(|i| sums[i] as f32 * scale[i] + offset[i])
    }

    #[inline(always)]
    fn multiply(self, values: &Channels, scale: &Channels) -> Channels {
        std::array::from_fn(|i| values[i] * scale[i])
    }

    #[inline(always)]
    fn multiply_bytes(self, bytes: &[u8; LANES], scale: &Channels) -> Channels {
        self.multiply(&bytes.map(f32::from), scale)
    }

    #[inline(always)]
    fn plus(self, a: Channels, b: Channels) -> Channels {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn floats(self, floats: Channels) -> Channels {
        floats
    }

    #[inline(always)]
    fn round(self, floats: Channels) -> [u8; LANES] {
        floats.map(|float| float.round_ties_even().min(MAX_INPUT.into()) as u8)
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Vnni};

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "a `Vnni` or `Avx2` proves that the processor has the instructions, none of which reads memory"
)]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256, __m256i, __m512, __m512i, _mm256_dpbusd_avx_epi32, _mm512_dpbusd_epi32,
    };

    use pulp::NullaryFnOnce;
    use pulp::x86::V3;

    use super::{Channels, Dot, LANES, MAX_INPUT, QUAD, Vectors, Weights};

    pulp::simd_type! {
        /// AVX-512 and its Vector Neural Network Instructions: 64 products in one instruction.
        #[allow(missing_docs)]
        pub struct Vnni {
            pub avx512f: "avx512f",
            pub avx512bw: "avx512bw",
            pub avx512dq: "avx512dq",
            pub avx512vl: "avx512vl",
            pub avx512vnni: "avx512vnni",
        }
    }

    impl Dot<1> for Vnni {
        #[inline(always)]
        fn add<const M: usize>(
            self,
            sums: &mut [__m512i; M],
            [inputs]: &[[u8; QUAD]; 1],
            [weights]: &[[Weights; M]; 1],
        ) {
            let inputs = pulp::cast([i32::from_ne_bytes(*inputs); LANES]);
            for m in 0..M {
                // SAFETY: a `Vnni` is only there if the processor has AVX-512 VNNI; the instruction reads no memory.
                sums[m] = unsafe { _mm512_dpbusd_epi32(sums[m], inputs, pulp::cast(weights[m])) };
            }
        }
    }

    impl Vectors for Vnni {
        type Sums = __m512i;
        type Floats = __m512;

        #[inline(always)]
        fn zero(self) -> __m512i {
            pulp::cast([0_i32; LANES])
        }

        #[inline(always)]
        fn scale(self, sums: __m512i, scale: &Channels, offset: &Channels) -> __m512 {
            // Not fused: every way gives the same bits.
            let product = self.multiply(&pulp::cast(self.avx512f._mm512_cvtepi32_ps(sums)), scale);
            self.plus(product, pulp::cast(*offset))
        }

        #[inline(always)]
        fn multiply(self, values: &Channels, scale: &Channels) -> __m512 {
            self.avx512f._mm512_mul_ps(pulp::cast(*values), pulp::cast(*scale))
        }

        #[inline(always)]
        fn multiply_bytes(self, bytes: &[u8; LANES], scale: &Channels) -> __m512 {
            let words = self.avx512f._mm512_cvtepu8_epi32(pulp::cast(*bytes));
            self.multiply(&pulp::cast(self.avx512f._mm512_cvtepi32_ps(words)), scale)
        }

        #[inline(always)]
        fn plus(self, a: __m512, b: __m512) -> __m512 {
            self.avx512f._mm512_add_ps(a, b)
        }

        #[inline(always)]
        fn floats(self, floats: __m512) -> Channels {
            pulp::cast(floats)
        }

        #[inline(always)]
        fn round(self, floats: __m512) -> [u8; LANES] {
            let avx = self.avx512f;
            let most = pulp::cast([f32::from(MAX_INPUT); LANES]);
            let floats = avx._mm512_min_ps(avx._mm512_max_ps(floats, avx._mm512_setzero_ps()), most);
            pulp::cast(avx._mm512_cvtsepi32_epi8(avx._mm512_cvtps_epi32(floats)))
        }
    }

    /// AVX2, if `VNNI` with AVX-VNNI: 32 products in one instruction.
    #[derive(Clone, Copy)]
    pub struct Avx2<const VNNI: bool>(V3);

    impl<const VNNI: bool> Avx2<VNNI> {
        pub fn try_new() -> Option<Self> {
            let simd = V3::try_new()?;
            (!VNNI || is_x86_feature_detected!("avxvnni")).then_some(Self(simd))
        }

        /// Runs `work` with these instructions.
        pub fn vectorize(self, work: impl NullaryFnOnce<Output = ()>) {
            #[target_feature(enable = "avx2,fma,avxvnni")]
            fn run(work: impl NullaryFnOnce) {
                work.call();
            }
            // SAFETY: an `Avx2<true>` is only there if `try_new` found AVX2, FMA and AVX-VNNI.
            if VNNI { unsafe { run(work) } } else { self.0.vectorize(work) }
        }
    }

    impl Dot<1> for Avx2<true> {
        #[inline(always)]
        fn add<const M: usize>(
            self,
            sums: &mut [Self::Sums; M],
            [inputs]: &[[u8; QUAD]; 1],
            [weights]: &[[Weights; M]; 1],
        ) {
            let inputs = pulp::cast([i32::from_ne_bytes(*inputs); LANES / 2]);
            for m in 0..M {
                let weights: [__m256i; 2] = pulp::cast(weights[m]);
                for half in 0..2 {
                    // SAFETY: an `Avx2<true>` is only there if the processor has AVX-VNNI; the instruction reads no memory.
                    sums[m][half] = unsafe { _mm256_dpbusd_avx_epi32(sums[m][half], inputs, weights[half]) };
                }
            }
        }
    }

    /// The products of two quads are added in 16 bits, and then to the sums: five instructions for 64 of them. Alone,
    /// each quad would take three for 32.
    impl Dot<2> for Avx2<false> {
        #[inline(always)]
        fn add<const M: usize>(
            self,
            sums: &mut [Self::Sums; M],
            inputs: &[[u8; QUAD]; 2],
            weights: &[[Weights; M]; 2],
        ) {
            let avx2 = self.0.avx2;
            let first = pulp::cast([i32::from_ne_bytes(inputs[0]); LANES / 2]);
            let last = pulp::cast([i32::from_ne_bytes(inputs[1]); LANES / 2]);
            for m in 0..M {
                let [a, b]: [[__m256i; 2]; 2] = [pulp::cast(weights[0][m]), pulp::cast(weights[1][m])];
                for half in 0..2 {
                    let pairs = avx2._mm256_add_epi16(
                        avx2._mm256_maddubs_epi16(first, a[half]),
                        avx2._mm256_maddubs_epi16(last, b[half]),
                    );
                    let quads = avx2._mm256_madd_epi16(pairs, pulp::cast([1_i16; LANES]));
                    sums[m][half] = avx2._mm256_add_epi32(sums[m][half], quads);
                }
            }
        }
    }

    impl<const VNNI: bool> Vectors for Avx2<VNNI> {
        type Sums = [__m256i; 2];
        type Floats = [__m256; 2];

        #[inline(always)]
        fn zero(self) -> Self::Sums {
            pulp::cast([0_i32; LANES])
        }

        #[inline(always)]
        fn scale(self, sums: Self::Sums, scale: &Channels, offset: &Channels) -> Self::Floats {
            let sums = sums.map(|sums| self.0.avx._mm256_cvtepi32_ps(sums));
            self.plus(self.multiply(&pulp::cast(sums), scale), pulp::cast(*offset))
        }

        #[inline(always)]
        fn multiply(self, values: &Channels, scale: &Channels) -> Self::Floats {
            let (values, scale): ([__m256; 2], [__m256; 2]) = (pulp::cast(*values), pulp::cast(*scale));
            [0, 1].map(|half| self.0.avx._mm256_mul_ps(values[half], scale[half]))
        }

        #[inline(always)]
        fn multiply_bytes(self, bytes: &[u8; LANES], scale: &Channels) -> Self::Floats {
            let values = pulp::cast::<_, [u64; 2]>(*bytes).map(|half| {
                let words = self.0.avx2._mm256_cvtepu8_epi32(pulp::cast([half, 0]));
                self.0.avx._mm256_cvtepi32_ps(words)
            });
            self.multiply(&pulp::cast(values), scale)
        }

        #[inline(always)]
        fn plus(self, a: Self::Floats, b: Self::Floats) -> Self::Floats {
            [0, 1].map(|half| self.0.avx._mm256_add_ps(a[half], b[half]))
        }

        #[inline(always)]
        fn floats(self, floats: Self::Floats) -> Channels {
            pulp::cast(floats)
        }

        #[inline(always)]
        fn round(self, floats: Self::Floats) -> [u8; LANES] {
            let (avx, avx2) = (self.0.avx, self.0.avx2);
            let most = pulp::cast([f32::from(MAX_INPUT); LANES / 2]);
            let [low, high] = floats.map(|floats| avx._mm256_cvtps_epi32(avx._mm256_min_ps(floats, most)));
            // The conversion to bytes takes what is negative for zero.
            let words = avx2._mm256_permute4x64_epi64::<0b11_01_10_00>(avx2._mm256_packs_epi32(low, high));
            let [low, high]: [__m128i; 2] = pulp::cast(words);
            pulp::cast(self.0.sse2._mm_packus_epi16(low, high))
        }
    }
}

#[cfg(target_arch = "aarch64")]
#[allow(
    unsafe_code,
    reason = "a `Plain<true>` proves that the processor has the instruction, which does not touch memory"
)]
mod arm {
    use std::arch::aarch64::{int8x16_t, int32x4_t, vdupq_n_s32};
    use std::arch::{asm, is_aarch64_feature_detected};

    use pulp::NullaryFnOnce;

    use super::{Dot, LANES, Plain, QUAD, Weights};

    impl Plain<true> {
        pub fn try_new() -> Option<Self> {
            is_aarch64_feature_detected!("dotprod").then_some(Self(()))
        }

        /// Runs `work` with these instructions.
        #[allow(clippy::unused_self, reason = "it is the proof that they are there")]
        pub fn vectorize(self, work: impl NullaryFnOnce<Output = ()>) {
            #[target_feature(enable = "neon,dotprod")]
            fn run(work: impl NullaryFnOnce) {
                work.call();
            }
            // SAFETY: a `Plain<true>` is only there if `try_new` found the dot products; every 64-bit ARM has NEON.
            unsafe { run(work) }
        }
    }

    impl Dot<1> for Plain<true> {
        #[inline(always)]
        fn add<const M: usize>(
            self,
            sums: &mut [Self::Sums; M],
            [inputs]: &[[u8; QUAD]; 1],
            [weights]: &[[Weights; M]; 1],
        ) {
            // No input is above 127, so as signed bytes they are the same.
            // SAFETY: every 64-bit ARM has NEON; the instruction reads no memory.
            let inputs = unsafe { vdupq_n_s32(i32::from_ne_bytes(*inputs)) };
            for m in 0..M {
                let weights: [int8x16_t; QUAD] = pulp::cast(weights[m]);
                let mut vectors: [int32x4_t; LANES / QUAD] = pulp::cast(sums[m]);
                for (sums, weights) in vectors.iter_mut().zip(weights) {
                    // `vdotq_s32` is stable from Rust 1.98 on.
                    // SAFETY: a `Plain<true>` is only there if the processor has the instruction, which changes nothing
                    // but `sums`.
                    unsafe {
                        asm!(
                            "sdot {sums:v}.4s, {weights:v}.16b, {inputs:v}.16b",
                            sums = inout(vreg) *sums,
                            weights = in(vreg) weights,
                            inputs = in(vreg) inputs,
                            options(pure, nomem, nostack, preserves_flags)
                        );
                    }
                }
                sums[m] = pulp::cast(vectors);
            }
        }
    }
}
