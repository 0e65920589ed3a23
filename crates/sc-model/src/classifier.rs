//! The one path from a waveform to an answer: for evaluation, command line and server.

use std::path::Path;

use sc_data::Waveform;
use serde::Serialize;

use crate::Error;

/// What runs the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// This crate's own loops over floats.
    #[default]
    Native,
    /// Burn's default CPU backend.
    #[cfg(feature = "flex")]
    Flex,
}

/// A label and how likely it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// Its name.
    pub label: String,
    /// In [0, 1]; the probabilities of all labels add up to 1.
    pub probability: f32,
}

/// The answer to one [`Waveform`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The likeliest label.
    pub label: String,
    /// Its probability.
    pub confidence: f32,
    /// Whether `label` is a keyword and `confidence` reaches the threshold: act on it only then.
    pub accepted: bool,
    /// Every label, likeliest first.
    pub predictions: Vec<Scored>,
}

/// A loaded record, ready to answer. Shared between threads without a lock.
pub struct Classifier;

impl Classifier {
    /// Loads a record from a file and checks that it answers as it did when it was written.
    ///
    /// # Errors
    /// [`Error`] names what differs from what was expected.
    pub fn load(path: &Path, backend: Backend) -> Result<Self, Error> {
        todo!("{path:?} {backend:?}")
    }

    /// The record compiled in, `assets/model.safetensors`.
    ///
    /// # Errors
    /// As [`Classifier::load`]; also if the crate was built without the file.
    pub fn shipped(backend: Backend) -> Result<Self, Error> {
        todo!("{backend:?}")
    }

    /// The labels, in the order of the logits.
    pub fn labels(&self) -> &[String] {
        todo!()
    }

    /// What the record says of itself: format version, labels, front end, network, training facts,
    /// threshold, as JSON for `GET /info`.
    pub fn description(&self) -> serde_json::Value {
        todo!()
    }

    /// Answers one waveform on the calling thread.
    pub fn classify(&self, waveform: &Waveform) -> Prediction {
        todo!("{waveform:?}")
    }
}
