//! Recognises keywords: from log-mel features to logits to an answer.
//!
//! A [`Record`] is one file with the weights and all settings that belong to them. A [`Classifier`] is made
//! from a record. It takes a [`Waveform`](sc_data::Waveform), runs the front end of the record and the
//! network on one of the [`Backend`]s, and returns calibrated probabilities and a decision. Evaluation,
//! command line and server all answer through it. A [`Detector`] moves it over audio of any length.
//!
//! [`KeywordCnnConfig`] describes the network once. Two modules run it: `network`, in Burn, trains it and
//! runs on any backend; `engine`, plain loops over floats, is many times as fast on a CPU. Without the
//! features `flex`, `ndarray` and `wgpu`, Burn is left out.
//!
//! ```
//! use sc_data::{Limits, Waveform};
//! use sc_model::{Backend, Classifier};
//!
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/web/examples");
//! # std::env::set_current_dir(folder)?;
//! let classifier = Classifier::shipped(Backend::Native)?;
//! let waveform = Waveform::decode(&std::fs::read("yes.mp3")?, &Limits::default())?;
//! let prediction = classifier.classify(&waveform);
//! assert!(prediction.accepted);
//! assert_eq!(prediction.label, "yes");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A detector takes sound of any length, of 4,000 to 192,000 Hz, in pieces of up to a minute, as a microphone gives it:
//!
//! ```
//! use std::{path::Path, sync::Arc};
//!
//! use sc_data::decode_file;
//! use sc_model::{DetectorConfig, LiveDetector};
//! # use sc_data::Limits;
//! # use sc_model::{Backend, Classifier};
//!
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/web/examples");
//! # std::env::set_current_dir(folder)?;
//! # let classifier = Classifier::shipped(Backend::Native)?;
//! let sound = decode_file(Path::new("several.mp3"), &Limits::default())?; // at 16 kHz
//! let mut detector = LiveDetector::new(Arc::new(classifier), &DetectorConfig::default(), 16_000.0)?;
//! let mut found = Vec::new();
//! for piece in sound.chunks(1_280) {
//!     found.extend(detector.push(piece)?);
//! }
//! found.extend(detector.finish());
//! assert_eq!(found[0].label, "go");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Three to fifty recordings teach a word:
//!
//! ```
//! use sc_data::with_causes;
//! use sc_model::Record;
//! use sc_model::words::{Recording, teach};
//! # use std::path::Path;
//! # use sc_data::{Limits, decode_file};
//!
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! # for (name, pitch_hz) in [("one.wav", 110.0), ("two.wav", 130.0), ("three.wav", 150.0)] {
//! #     sc_test::wav::write(&folder.path().join(name), &sc_test::dataset::spoken("stop", pitch_hz));
//! # }
//! let recordings = ["one.wav", "two.wav", "three.wav"].map(|path| {
//!     let samples = decode_file(Path::new(path), &Limits::default());
//!     Recording::new(path.into(), samples.map_err(|error| with_causes(&error)))
//! });
//! let (record, report) = teach(&Record::shipped()?, "lights", recordings.into())?;
//! assert!(report.left_out.is_empty());
//! record.save(Path::new("my.safetensors"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backend;
mod classifier;
mod clock;
mod compact;
mod config;
mod detector;
mod engine;
mod error;
#[cfg(feature = "flex")]
mod network;
mod record;
mod runner;
mod weights;
pub mod words;

pub use backend::Backend;
pub use classifier::{Classifier, Prediction, Scored, Timing, softmax};
pub use compact::compact;
pub use config::{
    BlockConfig, ConvConfig, ConvLayer, ConvShape, KeywordCnnConfig, NORM_EPSILON, NORM_TENSORS,
};
pub use detector::{Detection, Detector, DetectorConfig, LiveDetector, Score};
pub use engine::{Engine, Kernel, Piece, Stream, Workspace};
pub use error::Error;
#[cfg(feature = "flex")]
pub use network::KeywordCnn;
pub use record::{Header, Record, Training, check_threshold, self_test_waveform};
pub use runner::Output;
pub use weights::{Values, Weights};
