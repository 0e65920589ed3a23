//! Google Speech Commands, from the published archive to log-mel features.
//!
//! Data take this path: an archive is fetched, checked and unpacked, or a folder of one's own is read; a path becomes a
//! clip with its keyword, speaker and split; bytes become samples, samples become one second of 16 kHz mono, and
//! that second becomes a log-mel spectrogram.
//!
//! ```
//! use sc_data::{Limits, LogMelConfig, Waveform};
//!
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/media");
//! # std::env::set_current_dir(folder)?;
//! let waveform = Waveform::decode(&std::fs::read("word.mp3")?, &Limits::default())?;
//! let features = LogMelConfig::default().init().compute(&waveform);
//! assert_eq!(features.shape(), [101, 40]); // a frame every 10 ms, each of 40 mel bands
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "fetch")]
mod archive;
mod aside;
pub mod augment;
mod cache;
mod causes;
mod clip;
mod conditions;
mod dataset;
mod decode;
mod digest;
mod error;
mod examples;
mod fft;
mod filter;
mod half;
mod label;
mod lanes;
mod log_mel;
mod mel;
mod printable;
mod rate;
mod readable;
mod split;
mod waveform;

#[cfg(feature = "fetch")]
pub use archive::{
    ArchiveSource, Fetch, FetchError, FetchEvent, FetchStep, Outcome, SPEECH_COMMANDS_SHA256,
    SPEECH_COMMANDS_URL, UnpackLimits, unpack,
};
pub use aside::Aside;
pub use cache::{SampleCache, Source};
pub use causes::with_causes;
pub use clip::Clip;
pub use conditions::{Condition, Subject, Surroundings};
pub use dataset::{SpeechCommands, labelled_clips};
pub use decode::{
    Blocks, Limits, StreamResampler, decode, decode_file, decode_from, quick_wav_seconds, resample,
};
pub use digest::Sha256Digest;
pub use error::{DatasetError, Error};
pub use examples::Example;
pub use half::Half;
pub use label::{Labels, SILENCE, Task, UNKNOWN, Words, normal_form, word_label};
pub use log_mel::{Features, LogMel, LogMelConfig, LogMelScratch};
pub use printable::printable;
pub use rate::{N_SAMPLES, SAMPLE_RATE_HZ};
pub use split::Split;
pub use waveform::Waveform;
