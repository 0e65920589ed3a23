//! A waveform's log-mel spectrogram.

use serde::{Deserialize, Serialize};

use crate::Waveform;

/// Front-end settings, in samples at 16 kHz. Defaults: BC-ResNet (arXiv:2106.04140).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogMelConfig {
    /// Size of the Fourier transform.
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
    /// Builds the window, the filter bank and the Fourier plan.
    pub fn init(&self) -> LogMel {
        todo!()
    }

    /// Frames of one [`Waveform`]: 101 by default.
    pub fn n_frames(&self) -> usize {
        crate::N_SAMPLES / self.hop_length + 1
    }
}

/// The front end: waveform to log-mel spectrogram. Shared freely between threads.
#[derive(Clone)]
pub struct LogMel;

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
}

impl LogMel {
    /// Natural log of mel power + 1e-6: Hann window, HTK mel scale, as `torchaudio.transforms.MelSpectrogram`.
    pub fn compute(&self, waveform: &Waveform) -> Features {
        todo!("{waveform:?}")
    }
}
