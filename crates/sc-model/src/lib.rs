//! Log-mel features to logits to an answer.

mod classifier;
mod error;

pub use classifier::{Backend, Classifier, Prediction, Scored};
pub use error::Error;
