//! Log-mel features to logits to an answer.

mod backend;
mod classifier;
mod config;
mod engine;
mod error;
#[cfg(feature = "burn")]
mod network;
mod record;
mod weights;

pub use backend::Backend;
pub use classifier::{Classifier, Prediction, Scored, softmax};
pub use config::{BlockConfig, ConvConfig, ConvLayer, ConvShape, KeywordCnnConfig};
pub use engine::{Engine, Kernel, Workspace};
pub use error::Error;
#[cfg(feature = "burn")]
pub use network::KeywordCnn;
pub use record::{FORMAT_VERSION, Header, Record, Training, self_test_waveform};
pub use weights::{Values, Weights};
