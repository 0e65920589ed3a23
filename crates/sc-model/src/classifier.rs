//! The one path from a waveform to an answer: for evaluation, command line and server.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sc_data::{LogMel, Waveform};
use serde::Serialize;

use crate::engine::{Engine, Workspace};
use crate::record::{Header, Record, self_test_waveform};
use crate::{Backend, Error};

/// Furthest a logit of the self-test may be from what the record says.
const SELF_TEST_TOLERANCE: f32 = 2e-3;

/// A label and how likely it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scored {
    /// Its name.
    pub label: String,
    /// In [0, 1]; the probabilities of all labels add up to 1.
    pub probability: f32,
}

/// The answer to one [`Waveform`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// How long the parts of an answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Waveform to log-mel features.
    pub features: Duration,
    /// Features to logits.
    pub network: Duration,
}

/// A loaded record, ready to answer; threads share it.
pub struct Classifier {
    header: Header,
    log_mel: LogMel,
    network: Network,
    /// Room for clips on their way: one for each thread that ever answered at the same time.
    scratch: Mutex<Vec<Scratch>>,
}

/// The network on what was chosen to run it.
enum Network {
    Native(Engine),
    #[cfg(feature = "flex")]
    Burn(Box<crate::KeywordCnn>, burn::tensor::Device),
}

struct Scratch {
    log_mel: sc_data::Scratch,
    features: Vec<f32>,
    workspace: Option<Workspace>,
    logits: Vec<f32>,
}

impl Classifier {
    /// Readies a record and checks that it answers as it did when it was written.
    ///
    /// # Errors
    /// [`Error::Record`] if the self-test fails.
    pub fn new(record: &Record, backend: Backend) -> Result<Self, Error> {
        let classifier = Self::untested(record, backend);
        let logits = classifier.logits(&self_test_waveform());
        let furthest = logits.iter().zip(&record.header.self_test).map(|(a, b)| (a - b).abs());
        // `max` passes over what is not a number; a failed comparison does not.
        if furthest.clone().all(|distance| distance <= SELF_TEST_TOLERANCE) {
            return Ok(classifier);
        }
        let furthest = furthest.fold(0.0, f32::max);
        Err(Error::record(format!(
            "its self-test is off by {furthest}: at most {SELF_TEST_TOLERANCE} is right"
        )))
    }

    /// Loads a record from a file and checks that it answers as it did when it was written.
    ///
    /// # Errors
    /// [`Error`] names what differs from what was expected.
    pub fn load(path: &Path, backend: Backend) -> Result<Self, Error> {
        Self::new(&Record::load(path)?, backend)
    }

    /// The record compiled in, `assets/model.safetensors`.
    ///
    /// # Errors
    /// As [`Classifier::load`]; [`Error::NotShipped`] if the crate was built without the file.
    pub fn shipped(backend: Backend) -> Result<Self, Error> {
        Self::new(&Record::shipped()?, backend)
    }

    /// Readies a record that has no self-test yet.
    pub fn untested(record: &Record, backend: Backend) -> Self {
        let Record { header, weights } = record;
        let network = match backend {
            Backend::Native => Network::Native(Engine::new(&header.network, weights)),
            #[cfg(feature = "flex")]
            other => {
                let device = other.device().unwrap_or_default();
                Network::Burn(Box::new(header.network.init(weights, &device)), device)
            }
        };
        Self { header: header.clone(), log_mel: header.log_mel.init(), network, scratch: Mutex::default() }
    }

    /// The same with another threshold: the least confidence at which a keyword is accepted.
    #[must_use]
    pub fn with_threshold(mut self, threshold: f32) -> Self {
        self.header.threshold = threshold;
        self
    }

    /// What the record says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Answers one waveform on the calling thread.
    pub fn classify(&self, waveform: &Waveform) -> Prediction {
        self.predict(&self.logits(waveform), self.header.threshold)
    }

    /// The same with a threshold for this answer alone, and the time it took.
    pub fn classify_at(&self, waveform: &Waveform, threshold: f32) -> (Prediction, Timing) {
        let mut timing = Timing::default();
        let logits = self.with_scratch(|scratch| timing = self.hear(waveform, scratch));
        (self.predict(&logits, threshold), timing)
    }

    /// One number a label, before they become probabilities.
    pub fn logits(&self, waveform: &Waveform) -> Vec<f32> {
        self.with_scratch(|scratch| {
            self.hear(waveform, scratch);
        })
    }

    /// The same for a spectrogram that the record's front end made, `[n_frames, n_mels]`.
    ///
    /// # Panics
    /// If it has another size.
    pub fn logits_of(&self, log_mel: &[f32]) -> Vec<f32> {
        self.with_scratch(|Scratch { workspace, logits, .. }| self.run(log_mel, workspace, logits))
    }

    /// Front end and network.
    fn hear(&self, waveform: &Waveform, scratch: &mut Scratch) -> Timing {
        let Scratch { log_mel, features, workspace, logits } = scratch;
        let start = Instant::now();
        self.log_mel.compute_into(waveform, log_mel, features);
        let between = Instant::now();
        self.run(features, workspace, logits);
        Timing { features: between - start, network: between.elapsed() }
    }

    fn run(&self, log_mel: &[f32], workspace: &mut Option<Workspace>, logits: &mut [f32]) {
        match (&self.network, workspace) {
            (Network::Native(engine), Some(workspace)) => engine.logits(log_mel, workspace, logits),
            #[cfg(feature = "flex")]
            (Network::Burn(network, device), _) => {
                logits.copy_from_slice(&network.logits(log_mel, self.header.network.n_mels, device));
            }
            (Network::Native(_), None) => unreachable!("the engine's scratch has a workspace"),
        }
    }

    /// The logits that `compute` leaves in a scratch.
    fn with_scratch(&self, compute: impl FnOnce(&mut Scratch)) -> Vec<f32> {
        let mut scratch = self.borrow_scratch();
        compute(&mut scratch);
        let logits = scratch.logits.clone();
        self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(scratch);
        logits
    }

    fn borrow_scratch(&self) -> Scratch {
        let free = self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Scratch {
            log_mel: self.log_mel.scratch(),
            features: vec![0.0; self.header.network.n_frames * self.header.network.n_mels],
            workspace: match &self.network {
                Network::Native(engine) => Some(engine.workspace()),
                #[cfg(feature = "flex")]
                Network::Burn(..) => None,
            },
            logits: vec![0.0; self.header.labels.names().len()],
        })
    }

    fn predict(&self, logits: &[f32], threshold: f32) -> Prediction {
        let probabilities = softmax(logits, self.header.temperature);
        let labels = &self.header.labels;
        let scored = labels.names().iter().zip(probabilities).enumerate();
        let mut scored: Vec<(usize, Scored)> = scored
            .map(|(index, (label, probability))| (index, Scored { label: label.clone(), probability }))
            .collect();
        scored.sort_by(|(_, a), (_, b)| b.probability.total_cmp(&a.probability));
        let (index, Scored { label, probability }) = scored[0].clone();
        Prediction {
            accepted: labels.is_keyword(index) && probability >= threshold,
            label,
            confidence: probability,
            predictions: scored.into_iter().map(|(_, scored)| scored).collect(),
        }
    }
}

/// `exp(logit / temperature)`, scaled to add up to 1.
pub fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| ((logit - largest) / temperature).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
