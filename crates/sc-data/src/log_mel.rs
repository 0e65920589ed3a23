//! The front end: computes the log-mel spectrogram of a waveform.
#![allow(clippy::inline_always, reason = "inlined into the caller that enables vector instructions")]

use std::f64::consts::PI;

use aligned_vec::{AVec, avec};
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};

use crate::fft::PowerSpectrum;
use crate::lanes::{Lanes, MAX_LANES, lanes_of_slots, transpose};
use crate::mel::{Filter, filter_bank};
use crate::{Error, N_SAMPLES, Waveform};

/// Front-end settings, in samples at 16 kHz. Defaults: BC-ResNet (arXiv:2106.04140).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogMelConfig {
    /// Size of the Fourier transform: a power of two.
    pub n_fft: usize,
    /// Length of the Hann window: 480 is 30 ms.
    pub win_length: usize,
    /// Distance between frames: 160 is 10 ms.
    pub hop_length: usize,
    /// Mel bands, from 0 Hz to 8 kHz.
    pub n_mels: usize,
    /// Added to the power of every band before the logarithm: silence is ln 1e-6.
    pub log_offset: f32,
}

impl Default for LogMelConfig {
    fn default() -> Self {
        Self { n_fft: 512, win_length: 480, hop_length: 160, n_mels: 40, log_offset: 1e-6 }
    }
}

impl LogMelConfig {
    /// Checks settings that come from a file. With valid settings [`init`](Self::init) cannot fail, and
    /// features take a few megabytes at most.
    ///
    /// # Errors
    /// [`Error::Settings`] names the setting and its range.
    pub fn validate(&self) -> Result<(), Error> {
        let rules = [
            (
                self.n_fft.is_power_of_two() && (16..=8192).contains(&self.n_fft),
                "n_fft must be a power of two from 16 to 8192",
            ),
            ((1..=self.n_fft).contains(&self.win_length), "win_length must be 1 to n_fft"),
            ((16..=self.n_fft).contains(&self.hop_length), "hop_length must be 16 to n_fft"),
            ((1..=256).contains(&self.n_mels), "n_mels must be 1 to 256"),
            ((1e-30..=1.0).contains(&self.log_offset), "log_offset must be 1e-30 to 1"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(Error::Settings(rule)),
            None => Ok(()),
        }
    }

    /// Builds the window, the filter bank and the Fourier plan.
    ///
    /// # Panics
    /// If the settings are not [valid](Self::validate).
    pub fn init(&self) -> LogMel {
        assert!(self.validate().is_ok(), "invalid front-end settings: {self:?}");
        LogMel {
            config: self.clone(),
            half_window: half_hann(self.win_length, self.n_fft),
            spectrum: PowerSpectrum::new(self.n_fft),
            filters: filter_bank(self.n_fft, self.n_mels),
            arch: Arch::new(),
        }
    }

    /// Returns the number of frames of one [`Waveform`]: 101 by default.
    pub fn n_frames(&self) -> usize {
        N_SAMPLES / self.hop_length + 1
    }
}

/// Returns half of the periodic Hann window `sin²(πn / win_length)`, centred between zeros, `[n_fft]`.
fn half_hann(win_length: usize, n_fft: usize) -> Vec<f32> {
    let mut window = vec![0.0; n_fft];
    let start = (n_fft - win_length) / 2;
    for (n, weight) in window[start..start + win_length].iter_mut().enumerate() {
        *weight = (0.5 * (PI * n as f64 / win_length as f64).sin().powi(2)) as f32;
    }
    window
}

/// A log-mel spectrogram, `[n_frames, n_mels]`, row-major: each row is a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    values: Vec<f32>,
    n_mels: usize,
}

impl Features {
    /// `[n_frames, n_mels]`.
    pub fn shape(&self) -> [usize; 2] {
        [self.values.len() / self.n_mels, self.n_mels]
    }

    /// The values, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// The front end: turns a waveform into a log-mel spectrogram. Threads share it.
#[derive(Clone, Debug)]
pub struct LogMel {
    config: LogMelConfig,
    /// Halved, because [`PowerSpectrum`] gives four times the power. `[n_fft]`
    half_window: Vec<f32>,
    spectrum: PowerSpectrum,
    filters: Vec<Filter>,
    arch: Arch,
}

/// Working memory of [`LogMel::compute_into`], one for each thread, so that a call allocates nothing.
#[derive(Clone, Debug)]
pub struct LogMelScratch {
    /// The waveform between its reflected edges, `[16000 + n_fft]`.
    padded: Vec<f32>,
    group: Group,
}

/// Memory for the frames that are transformed at once, each in a lane.
#[derive(Clone, Debug)]
struct Group {
    /// `[n_fft / 2, 2, n_lanes]`: windowed samples, then their spectra.
    samples: AVec<f32>,
    /// `[n_fft / 2 + 1, n_lanes]`
    power: AVec<f32>,
}

impl LogMel {
    /// The Hann window that multiplies each frame, `[n_fft]`.
    pub fn hann_window(&self) -> Vec<f32> {
        self.half_window.iter().map(|weight| 2.0 * weight).collect()
    }

    /// The weight of each frequency's power in each band, `[n_mels]` rows of `n_fft / 2 + 1`.
    pub fn filter_bank(&self) -> Vec<Vec<f32>> {
        let row = |filter: &Filter| {
            let mut row = vec![0.0; self.config.n_fft / 2 + 1];
            row[filter.start..][..filter.weights.len()].copy_from_slice(&filter.weights);
            row
        };
        self.filters.iter().map(row).collect()
    }

    /// Returns working memory for [`compute_into`](Self::compute_into).
    pub fn scratch(&self) -> LogMelScratch {
        let n_fft = self.config.n_fft;
        LogMelScratch {
            padded: vec![0.0; N_SAMPLES + n_fft],
            group: Group {
                samples: avec![0.0; n_fft * MAX_LANES],
                power: avec![0.0; (n_fft / 2 + 1) * MAX_LANES],
            },
        }
    }

    /// Computes the natural log of mel power + [`log_offset`](LogMelConfig::log_offset): Hann window, HTK mel scale, as
    /// `torchaudio.transforms.MelSpectrogram`.
    ///
    /// # Shapes
    /// `[n_frames, n_mels]`, with `n_frames = 16000 / hop_length + 1`: frames are centred, edges
    /// reflected.
    pub fn compute(&self, waveform: &Waveform) -> Features {
        let n_mels = self.config.n_mels;
        let mut values = vec![0.0; self.config.n_frames() * n_mels];
        self.compute_into(waveform, &mut self.scratch(), &mut values);
        Features { values, n_mels }
    }

    /// Does the same as [`compute`](Self::compute) without an allocation. `out` is `[n_frames, n_mels]`,
    /// row-major.
    ///
    /// # Panics
    /// If `out` has another length, or `scratch` was made for other settings.
    pub fn compute_into(&self, waveform: &Waveform, scratch: &mut LogMelScratch, out: &mut [f32]) {
        assert_eq!(out.len(), self.config.n_frames() * self.config.n_mels, "length of the features");
        reflect(waveform.samples(), self.config.n_fft / 2, &mut scratch.padded);
        self.transform(&scratch.padded, &mut scratch.group, out);
    }

    /// Computes one frame for each hop of `samples`; frames are neither centred nor reflected. A live stream
    /// has the bits of the same audio in a file, however many frames come at once.
    ///
    /// # Shapes
    /// `rows` is `[n, n_mels]`, row-major; `samples` is `[(n - 1) * hop_length + n_fft]` or longer.
    ///
    /// # Panics
    /// If there are fewer samples, or `scratch` was made for other settings.
    pub fn frames_into(&self, samples: &[f32], scratch: &mut LogMelScratch, rows: &mut [f32]) {
        self.transform(samples, &mut scratch.group, rows);
    }

    fn transform(&self, samples: &[f32], group: &mut Group, rows: &mut [f32]) {
        self.arch.dispatch(Transform { log_mel: self, samples, group, rows });
    }
}

/// A call of [`LogMel::frames_into`], compiled for each kind of processor.
struct Transform<'a> {
    log_mel: &'a LogMel,
    samples: &'a [f32],
    group: &'a mut Group,
    rows: &'a mut [f32],
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { log_mel, samples, group, rows } = self;
        let LogMelConfig { n_fft, hop_length, n_mels, .. } = log_mel.config;
        let numbers = &mut S::as_mut_simd_f32s(&mut group.samples).0.as_chunks_mut().0[..n_fft / 2];
        let power = &mut S::as_mut_simd_f32s(&mut group.power).0[..=n_fft / 2];
        let lanes = lanes_of_slots(simd);
        for (i, rows) in rows.chunks_mut(S::F32_LANES * n_mels).enumerate() {
            let samples = &samples[i * S::F32_LANES * hop_length..];
            // The last frame fills the lanes behind it.
            let last = rows.len() / n_mels - 1;
            let frames = lanes.map(|lane| samples[lane.min(last) * hop_length..][..n_fft].as_chunks().0);
            log_mel.window(simd, &frames, numbers);
            log_mel.spectrum.compute(simd, numbers, power);
            log_mel.sum_bands(simd, power, rows);
        }
        for value in rows {
            *value = ln(*value);
        }
    }
}

impl LogMel {
    /// Multiplies the samples of each frame by the window, four at once. Even samples become real parts, odd
    /// ones imaginary. `frames` has the frame of each slot of [`transpose`], in fours.
    #[inline(always)]
    fn window<S: Simd>(&self, simd: S, frames: &[&[[f32; 4]]; MAX_LANES], numbers: &mut [[S::f32s; 2]]) {
        let weights = self.half_window.as_chunks::<4>().0;
        let values = numbers.as_flattened_mut().as_chunks_mut::<4>().0;
        for (n, (values, weights)) in values.iter_mut().zip(weights).enumerate() {
            let mut slots = [[0.0; 4]; MAX_LANES];
            for (slot, frame) in slots[..S::F32_LANES].iter_mut().zip(frames) {
                *slot = frame[n];
            }
            for ((value, samples), &weight) in values.iter_mut().zip(transpose(simd, &slots)).zip(weights) {
                *value = (Lanes::new(simd, samples) * weight).values();
            }
        }
    }

    /// Sums the power of each band and adds the offset.
    #[inline(always)]
    fn sum_bands<S: Simd>(&self, simd: S, power: &[S::f32s], rows: &mut [f32]) {
        for (band, Filter { start, weights }) in self.filters.iter().enumerate() {
            let mut sum = [Lanes::splat(simd, self.config.log_offset).values()];
            for (&power, &weight) in power[*start..].iter().zip(weights) {
                sum[0] = (Lanes::new(simd, sum[0]) + Lanes::new(simd, power) * weight).values();
            }
            let sum = pulp::bytemuck::cast_slice::<_, f32>(&sum);
            for (row, &sum) in rows.chunks_exact_mut(self.config.n_mels).zip(sum) {
                row[band] = sum;
            }
        }
    }
}

/// Copies `samples` to the middle of `padded`, with `edge` mirrored samples on both sides. The first and
/// the last sample are not repeated.
fn reflect(samples: &[f32], edge: usize, padded: &mut [f32]) {
    let end = edge + samples.len();
    padded[edge..end].copy_from_slice(samples);
    for n in 1..=edge {
        padded[edge - n] = samples[n];
        padded[end - 1 + n] = samples[samples.len() - 1 - n];
    }
}

/// Returns the natural logarithm of a normal positive number, to 1e-6 from e^-16 to e^16. It vectorises,
/// unlike `f32::ln`.
///
/// The polynomial is that of `logf` in the Cephes library (S. L. Moshier, netlib.org/cephes).
#[inline(always)]
fn ln(x: f32) -> f32 {
    const SQRT_HALF_BITS: i32 = 0x3F35_04F3;
    // ln 2 in two parts: the first times any exponent is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const POLYNOMIAL: [f32; 9] = [
        7.037_683_6e-2,
        -1.151_461e-1,
        1.167_699_87e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    // x = 2^exponent * (1 + f), with 1 + f in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits().cast_signed();
    let exponent = bits.wrapping_sub(SQRT_HALF_BITS) >> 23;
    let f = f32::from_bits(bits.wrapping_sub(exponent << 23).cast_unsigned()) - 1.0;
    let tail = POLYNOMIAL.iter().fold(0.0, |sum, c| sum * f + c);
    let square = f * f;
    let exponent = exponent as f32;
    (f + (f * square * tail - 0.5 * square + exponent * LN_2_LOW)) + exponent * LN_2_HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noise(seed: u32) -> Waveform {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        Waveform::from_samples(&(0..N_SAMPLES).map(|_| next()).collect::<Vec<_>>())
    }

    #[test]
    fn silence_is_the_logarithm_of_the_offset_everywhere() {
        let features = LogMelConfig::default().init().compute(&Waveform::silence());
        assert_eq!(features.shape(), [101, 40]);
        let floor = 1e-6_f32.ln();
        assert!(features.values().iter().all(|value| (value - floor).abs() < 2e-6), "{floor}");
    }

    #[test]
    fn a_delay_of_one_hop_moves_the_frames_by_one() {
        let log_mel = LogMelConfig::default().init();
        let early = noise(1);
        let mut late = Waveform::silence();
        late.samples_mut()[160..].copy_from_slice(&early.samples()[..N_SAMPLES - 160]);
        // All but the frames that the edges reach into.
        let [early, late] = [early, late].map(|waveform| log_mel.compute(&waveform));
        assert_eq!(early.values()[2 * 40..97 * 40], late.values()[3 * 40..98 * 40]);
    }

    #[test]
    fn a_live_frame_has_the_bits_of_the_recorded_one() {
        let log_mel = LogMelConfig::default().init();
        let waveform = noise(2);
        let recorded = log_mel.compute(&waveform);
        let mut live = vec![0.0; 40];
        // Frame 7 is centred on sample 7 * 160.
        let samples = &waveform.samples()[7 * 160 - 256..][..512];
        log_mel.frames_into(samples, &mut log_mel.scratch(), &mut live);
        assert_eq!(live, recorded.values()[7 * 40..8 * 40]);
    }

    #[test]
    fn a_scratch_used_before_gives_the_same_features() {
        let log_mel =
            LogMelConfig { n_fft: 1024, win_length: 1000, hop_length: 123, n_mels: 64, log_offset: 1e-6 }
                .init();
        let mut scratch = log_mel.scratch();
        let mut values = vec![0.0; 131 * 64];
        log_mel.compute_into(&noise(3), &mut scratch, &mut values);
        log_mel.compute_into(&noise(4), &mut scratch, &mut values);
        assert_eq!(values, log_mel.compute(&noise(4)).values());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let default = LogMelConfig::default;
        assert!(default().validate().is_ok());
        for config in [
            LogMelConfig { n_fft: 480, ..default() },
            LogMelConfig { n_fft: 1 << 40, ..default() },
            LogMelConfig { win_length: 513, ..default() },
            LogMelConfig { hop_length: 0, ..default() },
            LogMelConfig { hop_length: 1600, ..default() },
            LogMelConfig { n_mels: 0, ..default() },
            LogMelConfig { log_offset: f32::NAN, ..default() },
        ] {
            assert!(config.validate().is_err(), "{config:?}");
        }
    }

    proptest! {
        #[test]
        fn twice_the_amplitude_adds_two_ln_2_above_the_floor(seed: u32, gain in 0.01_f32..0.5) {
            let log_mel = LogMelConfig::default().init();
            let features = [gain, 2.0 * gain].map(|gain| {
                let mut waveform = noise(seed);
                waveform.samples_mut().iter_mut().for_each(|sample| *sample *= gain);
                log_mel.compute(&waveform)
            });
            for (quiet, loud) in features[0].values().iter().zip(features[1].values()) {
                // ln(4p + o) - ln(p + o) falls short of ln 4 by less than o / p.
                let slack = 1e-6 / (quiet.exp() - 1e-6).max(1e-9) + 1e-5;
                prop_assert!((loud - quiet - 4_f32.ln()).abs() < slack, "{quiet} {loud}");
            }
        }

        #[test]
        fn ln_is_within_a_millionth_of_the_exact_one(x in 1e-7_f32..1e7) {
            let exact = f64::from(x).ln();
            prop_assert!((f64::from(ln(x)) - exact).abs() < 1e-6, "{x}: {}, expected {exact}", ln(x));
        }

        #[test]
        fn any_finite_samples_give_finite_features(seed: u32, exponent in -126..=127_i32) {
            let mut waveform = noise(seed);
            waveform.samples_mut().iter_mut().for_each(|sample| *sample *= 2.0_f32.powi(exponent));
            waveform.samples_mut()[..2].copy_from_slice(&[f32::MAX, f32::MIN]);
            let features = LogMelConfig::default().init().compute(&waveform);
            prop_assert!(features.values().iter().all(|value| value.is_finite()));
        }

        #[test]
        fn any_valid_settings_give_finite_features(
            n_fft in (4..11_u32).prop_map(|bits| 1 << bits),
            win_length in 1..2048_usize,
            hop_length in 16..=N_SAMPLES,
            n_mels in 1..=256_usize,
        ) {
            let (win_length, hop_length) = (win_length.min(n_fft), hop_length.min(n_fft));
            let config = LogMelConfig { n_fft, win_length, hop_length, n_mels, log_offset: 1e-6 };
            let features = config.init().compute(&noise(5));
            prop_assert_eq!(features.shape(), [config.n_frames(), n_mels]);
            prop_assert!(features.values().iter().all(|value| value.is_finite()));
        }
    }
}
