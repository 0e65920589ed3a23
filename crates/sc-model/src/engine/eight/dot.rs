//! The instructions that multiply eight-bit numbers: four products added to each of sixteen sums at once.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

/// Sums that are computed together.
pub const LANES: usize = 16;
/// Inputs that each of them takes at once.
pub const DEPTH: usize = 4;

/// The weights of one step: for each sum, those of its inputs.
pub type Weights = [i8; LANES * DEPTH];

/// A number for each of some channels.
pub type Channels = [f32; LANES];

/// A way to multiply. Every way gives the same sums.
pub trait Dot: Copy {
    /// Sixteen sums of 32 bits.
    type Sums: Copy;
    /// Sixteen floats.
    type Floats: Copy;

    fn zero(self) -> Self::Sums;

    /// Adds to each sum the products of the inputs with its weights.
    fn add(self, sums: Self::Sums, inputs: [u8; DEPTH], weights: &Weights) -> Self::Sums;

    /// Returns `sums * scale + offset`.
    fn scale(self, sums: Self::Sums, scale: &Channels, offset: &Channels) -> Self::Floats;

    fn multiply(self, values: &Channels, scale: &Channels) -> Self::Floats;

    fn multiply_bytes(self, bytes: &[u8; LANES], scale: &Channels) -> Self::Floats;

    fn plus(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;

    fn floats(self, floats: Self::Floats) -> Channels;

    /// Rounds to whole numbers from 0 to 255.
    fn round(self, floats: Self::Floats) -> [u8; LANES];
}

/// Instructions that every processor has.
#[cfg(test)]
#[derive(Clone, Copy)]
pub struct Portable;

#[cfg(test)]
impl Dot for Portable {
    type Sums = [i32; LANES];
    type Floats = Channels;

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        [0; LANES]
    }

    #[inline(always)]
    fn add(self, mut sums: Self::Sums, inputs: [u8; DEPTH], weights: &Weights) -> Self::Sums {
        for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<DEPTH>().0) {
            for (input, weight) in inputs.iter().zip(weights) {
                *sum += i32::from(*input) * i32::from(*weight);
            }
        }
        sums
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
        floats.map(|float| float.round_ties_even() as u8)
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Vnni, Vnni256};

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "a `Vnni` or `Vnni256` proves that the processor has the instructions, none of which reads memory"
)]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256, __m256i, __m512, __m512i, _mm256_dpbusd_avx_epi32, _mm512_dpbusd_epi32,
    };

    use pulp::NullaryFnOnce;
    use pulp::x86::V3;

    use super::{Channels, DEPTH, Dot, LANES, Weights};

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

    impl Dot for Vnni {
        type Sums = __m512i;
        type Floats = __m512;

        #[inline(always)]
        fn zero(self) -> __m512i {
            pulp::cast([0_i32; LANES])
        }

        #[inline(always)]
        fn add(self, sums: __m512i, inputs: [u8; DEPTH], weights: &Weights) -> __m512i {
            let inputs = pulp::cast([i32::from_ne_bytes(inputs); LANES]);
            unsafe { _mm512_dpbusd_epi32(sums, inputs, pulp::cast(*weights)) }
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
            // The conversion to bytes takes what is negative for a large number.
            let floats = avx._mm512_max_ps(floats, avx._mm512_setzero_ps());
            pulp::cast(avx._mm512_cvtusepi32_epi8(avx._mm512_cvtps_epi32(floats)))
        }
    }

    /// The same instructions for vectors of 256 bits, on processors without AVX-512.
    #[derive(Clone, Copy)]
    pub struct Vnni256(V3);

    impl Vnni256 {
        pub fn try_new() -> Option<Self> {
            let simd = V3::try_new()?;
            is_x86_feature_detected!("avxvnni").then_some(Self(simd))
        }

        /// Runs `work` with these instructions.
        #[allow(clippy::unused_self, reason = "it is the proof that they are there")]
        pub fn vectorize(self, work: impl NullaryFnOnce) {
            #[target_feature(enable = "avx2,fma,avxvnni")]
            fn run(work: impl NullaryFnOnce) {
                work.call();
            }
            unsafe { run(work) }
        }
    }

    impl Dot for Vnni256 {
        type Sums = [__m256i; 2];
        type Floats = [__m256; 2];

        #[inline(always)]
        fn zero(self) -> Self::Sums {
            pulp::cast([0_i32; LANES])
        }

        #[inline(always)]
        fn add(self, [low, high]: Self::Sums, inputs: [u8; DEPTH], weights: &Weights) -> Self::Sums {
            let inputs = pulp::cast([i32::from_ne_bytes(inputs); LANES / 2]);
            let weights: [__m256i; 2] = pulp::cast(*weights);
            unsafe {
                [
                    _mm256_dpbusd_avx_epi32(low, inputs, weights[0]),
                    _mm256_dpbusd_avx_epi32(high, inputs, weights[1]),
                ]
            }
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
            let most = pulp::cast([255.0_f32; LANES / 2]);
            let [low, high] = floats.map(|floats| avx._mm256_cvtps_epi32(avx._mm256_min_ps(floats, most)));
            // The conversions to fewer bits keep within their range.
            let words = avx2._mm256_permute4x64_epi64::<0b11_01_10_00>(avx2._mm256_packs_epi32(low, high));
            let [low, high]: [__m128i; 2] = pulp::cast(words);
            pulp::cast(self.0.sse2._mm_packus_epi16(low, high))
        }
    }
}
