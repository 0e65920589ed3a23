//! The one path from a waveform to an answer: for evaluation, command line and server.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sc_data::{LogMel, LogMelScratch, Waveform};
use serde::Serialize;

use crate::engine::{Engine, Workspace};
use crate::record::{Header, Record, self_test_waveform};
use crate::runner::Runner;
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
    network: Box<dyn Runner>,
    /// Buffers that no clip uses: at most one for each thread that ever answered at the same time.
    free: Mutex<Vec<Buffers>>,
}

/// The memory for one clip on its way to an answer.
struct Buffers {
    log_mel: LogMelScratch,
    /// `[n_frames, n_mels]`.
    features: Vec<f32>,
    workspace: Workspace,
    /// `[n_labels]`.
    logits: Vec<f32>,
}

/// Loads the network on `backend`, which is one of this build's.
fn load_network(Record { header, weights }: &Record, backend: Backend) -> Box<dyn Runner> {
    #[cfg(feature = "flex")]
    if let Some(device) = backend.device() {
        return Box::new(crate::network::OnDevice::new(&header.network, weights, device));
    }
    assert_eq!(backend, Backend::Native, "this build has no such backend");
    Box::new(Engine::new(&header.network, weights))
}

impl Classifier {
    /// Readies a record and checks that it answers as it did when it was written.
    ///
    /// # Errors
    /// [`Error::Record`] if the self-test fails.
    pub fn new(record: &Record, backend: Backend) -> Result<Self, Error> {
        let classifier = Self::untested(record, backend.check()?);
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
        let (header, network) = (record.header.clone(), load_network(record, backend));
        Self { log_mel: header.log_mel.init(), header, network, free: Mutex::default() }
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
        let logits = self.with_buffers(|buffers| timing = self.run(waveform, buffers));
        (self.predict(&logits, threshold), timing)
    }

    /// One number a label, before they become probabilities.
    pub fn logits(&self, waveform: &Waveform) -> Vec<f32> {
        self.with_buffers(|buffers| {
            self.run(waveform, buffers);
        })
    }

    /// The same for a spectrogram that the record's front end made, `[n_frames, n_mels]`.
    ///
    /// # Panics
    /// If it has another size.
    pub fn logits_of(&self, log_mel: &[f32]) -> Vec<f32> {
        self.with_buffers(|Buffers { workspace, logits, .. }| self.network.logits(log_mel, workspace, logits))
    }

    /// Runs the front end and the network, and leaves the logits in `buffers`.
    fn run(&self, waveform: &Waveform, buffers: &mut Buffers) -> Timing {
        let Buffers { log_mel, features, workspace, logits } = buffers;
        let start = Instant::now();
        self.log_mel.compute_into(waveform, log_mel, features);
        let between = Instant::now();
        self.network.logits(features, workspace, logits);
        Timing { features: between - start, network: between.elapsed() }
    }

    /// Returns the logits that `compute` leaves in the buffers it is given.
    fn with_buffers(&self, compute: impl FnOnce(&mut Buffers)) -> Vec<f32> {
        let mut buffers = self.take_buffers();
        compute(&mut buffers);
        let logits = buffers.logits.clone();
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
        logits
    }

    fn take_buffers(&self) -> Buffers {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Buffers {
            log_mel: self.log_mel.scratch(),
            features: vec![0.0; self.header.network.n_frames * self.header.network.n_mels],
            workspace: self.network.workspace(),
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
