//! A waveform's log-mel spectrogram.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};

use crate::mel::{Filter, filter_bank};
use crate::{Error, N_SAMPLES, SAMPLE_RATE_HZ, Waveform};

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
        Self {
            n_fft: 512,
            win_length: 480,
            hop_length: 160,
            n_mels: 40,
            log_offset: 1e-6,
        }
    }
}

impl LogMelConfig {
    /// Checks settings that were read from a file, so that [`init`](Self::init) cannot fail nor
    /// features take more than a few megabytes.
    ///
    /// # Errors
    /// [`Error::Settings`] names the setting and its range.
    pub fn validate(&self) -> Result<(), Error> {
        let rules = [
            (
                self.n_fft.is_power_of_two() && (16..=8192).contains(&self.n_fft),
                "n_fft must be a power of two from 16 to 8192",
            ),
            (
                (1..=self.n_fft).contains(&self.win_length),
                "win_length must be 1 to n_fft",
            ),
            (
                (16..=N_SAMPLES).contains(&self.hop_length),
                "hop_length must be 16 to 16000",
            ),
            ((1..=256).contains(&self.n_mels), "n_mels must be 1 to 256"),
            (
                (1e-30..=1.0).contains(&self.log_offset),
                "log_offset must be 1e-30 to 1",
            ),
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
        assert!(
            self.validate().is_ok(),
            "invalid front-end settings: {self:?}"
        );
        LogMel {
            config: self.clone(),
            window: padded_hann(self.win_length, self.n_fft),
            filters: filter_bank(self.n_fft, self.n_mels, SAMPLE_RATE_HZ),
            fft: RealFftPlanner::new().plan_fft_forward(self.n_fft),
        }
    }

    /// Frames of one [`Waveform`]: 101 by default.
    pub fn n_frames(&self) -> usize {
        N_SAMPLES / self.hop_length + 1
    }
}

/// The periodic Hann window `sin²(πn / win_length)`, centred between zeros, `[n_fft]`.
fn padded_hann(win_length: usize, n_fft: usize) -> Vec<f32> {
    let mut window = vec![0.0; n_fft];
    let start = (n_fft - win_length) / 2;
    for (n, weight) in window[start..start + win_length].iter_mut().enumerate() {
        *weight = (PI * n as f64 / win_length as f64).sin().powi(2) as f32;
    }
    window
}

/// A log-mel spectrogram, `[n_frames, n_mels]`, row-major: time goes down, frequency across.
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

    /// The values, to be changed in place (augmentation).
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

/// The front end: waveform to log-mel spectrogram. Shared freely between threads.
#[derive(Clone)]
pub struct LogMel {
    config: LogMelConfig,
    window: Vec<f32>,
    filters: Vec<Filter>,
    fft: Arc<dyn RealToComplex<f32>>,
}

/// What [`LogMel::compute_into`] works in, so that it allocates nothing: one a thread.
#[derive(Clone)]
pub struct Scratch {
    padded: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    power: Vec<f32>,
    fft: Vec<Complex<f32>>,
}

impl LogMel {
    /// The settings this was made from.
    pub fn config(&self) -> &LogMelConfig {
        &self.config
    }

    /// Working memory for [`compute_into`](Self::compute_into).
    pub fn scratch(&self) -> Scratch {
        Scratch {
            padded: vec![0.0; N_SAMPLES + self.config.n_fft],
            frame: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            power: vec![0.0; self.config.n_fft / 2 + 1],
            fft: self.fft.make_scratch_vec(),
        }
    }

    /// Natural log of mel power + 1e-6: Hann window, HTK mel scale, as
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

    /// [`compute`](Self::compute) without an allocation: `out` is `[n_frames, n_mels]`, row-major.
    ///
    /// # Panics
    /// If `out` has another length, or `scratch` was made for other settings.
    pub fn compute_into(&self, waveform: &Waveform, scratch: &mut Scratch, out: &mut [f32]) {
        let LogMelConfig {
            n_fft,
            hop_length,
            n_mels,
            ..
        } = self.config;
        assert_eq!(
            out.len(),
            self.config.n_frames() * n_mels,
            "length of the features"
        );
        let samples = waveform.samples();
        let edge = n_fft / 2;
        let mut padded = std::mem::take(&mut scratch.padded);
        padded[edge..edge + N_SAMPLES].copy_from_slice(samples);
        for n in 1..=edge {
            padded[edge - n] = samples[n];
            padded[edge + N_SAMPLES - 1 + n] = samples[N_SAMPLES - 1 - n];
        }
        for (i, row) in out.chunks_exact_mut(n_mels).enumerate() {
            self.frame(&padded[i * hop_length..][..n_fft], scratch, row);
        }
        scratch.padded = padded;
    }

    /// One frame: `n_fft` samples to `n_mels` values.
    fn frame(&self, samples: &[f32], scratch: &mut Scratch, row: &mut [f32]) {
        for ((to, sample), weight) in scratch.frame.iter_mut().zip(samples).zip(&self.window) {
            *to = sample * weight;
        }
        self.fft
            .process_with_scratch(&mut scratch.frame, &mut scratch.spectrum, &mut scratch.fft)
            .expect("the plan made these buffers");
        for (power, bin) in scratch.power.iter_mut().zip(&scratch.spectrum) {
            *power = bin.norm_sqr();
        }
        for (value, Filter { start, weights }) in row.iter_mut().zip(&self.filters) {
            let power: f32 = scratch.power[*start..]
                .iter()
                .zip(weights)
                .map(|(p, w)| p * w)
                .sum();
            *value = (power + self.config.log_offset).ln();
        }
    }
}
