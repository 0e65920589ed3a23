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
