//! Log-mel features to logits to an answer.
//!
//! A [`Record`] is one file: weights, and everything needed to use them rightly. A [`Classifier`] is made
//! of it and hears a [`Waveform`](sc_data::Waveform): the front end that the record names, the network on
//! one of the [`Backend`]s, calibrated probabilities, and whether to believe them. Evaluation, command
//! line and server all answer through it. A [`Detector`] moves it over sound of any length.
//!
//! The network is described once, by [`KeywordCnnConfig`], and written twice: in Burn, where it is trained
//! and runs on any backend (`network`), and as plain loops over floats, many times as fast on a CPU
//! (`engine`). Without one of the features `flex`, `ndarray` or `wgpu`, Burn is left out.
//!
//! ```
//! use sc_data::Waveform;
//! use sc_model::{Backend, Classifier};
//!
//! let classifier = Classifier::shipped(Backend::Native)?;
//! let prediction = classifier.classify(&Waveform::silence());
//! assert_eq!(prediction.label, "_silence_");
//! assert!(!prediction.accepted);
//! # Ok::<(), sc_model::Error>(())
//! ```

mod backend;
mod classifier;
mod config;
mod detector;
mod engine;
mod error;
#[cfg(feature = "flex")]
mod network;
mod record;
mod runner;
mod weights;

pub use backend::Backend;
pub use classifier::{Classifier, Prediction, Scored, Timing, softmax};
pub use config::{BlockConfig, ConvConfig, ConvLayer, ConvShape, KeywordCnnConfig};
pub use detector::{Detection, Detector, DetectorConfig, Score};
pub use engine::{Engine, Kernel, Workspace};
pub use error::Error;
#[cfg(feature = "flex")]
pub use network::KeywordCnn;
pub use record::{FORMAT_VERSION, Header, Record, Training, self_test_waveform};
pub use weights::{Values, Weights};
