//! Google Speech Commands, from the published archive to log-mel features.
//!
//! The path, in the order of the modules: an archive is fetched, checked and unpacked; a file name
//! becomes a clip with its keyword, speaker and split; bytes become samples, samples one second of
//! 16 kHz mono, and that second a log-mel spectrogram.

mod clip;
mod decode;
mod error;
mod fft;
mod label;
mod log_mel;
mod mel;
mod split;
mod waveform;

pub use clip::Clip;
pub use decode::{Limits, decode};
pub use error::Error;
pub use label::{Labels, Task};
pub use log_mel::{Features, LogMel, LogMelConfig, Scratch};
pub use split::Split;
pub use waveform::{N_SAMPLES, SAMPLE_RATE_HZ, Waveform};
