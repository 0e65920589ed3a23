//! Classifies waveforms. Evaluation, command line and server all answer through it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sc_data::{LogMel, LogMelScratch, Waveform};
use serde::Serialize;

use crate::clock::Instant;
use crate::engine::{Engine, Workspace};
use crate::record::{Header, Record, self_test_waveform};
use crate::runner::Runner;
use crate::{Backend, Error};

/// Largest difference between a logit of the self-test and the record's.
const SELF_TEST_TOLERANCE: f32 = 2e-3;

/// A label and its probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scored {
    /// The label's name.
    pub label: String,
    /// Probability in [0, 1]. The probabilities of all labels add up to 1.
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
    /// True if `label` is a keyword and `confidence` reaches the threshold. Act on the answer only then.
    pub accepted: bool,
    /// All labels, likeliest first.
    pub predictions: Vec<Scored>,
}

/// Durations of the parts of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From waveform to log-mel features.
    pub features: Duration,
    /// From features to logits.
    pub network: Duration,
}

/// A loaded record, ready to classify. Threads share it.
pub struct Classifier {
    header: Header,
    log_mel: LogMel,
    network: Box<dyn Runner>,
    /// Buffers that no clip uses: at most one for each of the threads that classify at the same time.
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
    /// Prepares a record, and checks by its self-test that it answers as it did when it was written.
    ///
    /// # Errors
    /// [`Error::Record`] if the self-test fails, [`Error::Backend`] if this build leaves the backend out.
    pub fn new(record: &Record, backend: Backend) -> Result<Self, Error> {
        let classifier = Self::untested(record, backend.check()?);
        let logits = classifier.logits(&self_test_waveform());
        let furthest = logits.iter().zip(&record.header.self_test).map(|(a, b)| (a - b).abs());
        // `max` ignores NaN; a comparison with NaN fails.
        if furthest.clone().all(|distance| distance <= SELF_TEST_TOLERANCE) {
            return Ok(classifier);
        }
        let furthest = furthest.fold(0.0, f32::max);
        Err(Error::record(format!(
            "its self-test is off by {furthest}: at most {SELF_TEST_TOLERANCE} is right"
        )))
    }

    /// Loads a record from a file and prepares it as [`Classifier::new`] does.
    ///
    /// # Errors
    /// As [`Record::load`] and [`Classifier::new`].
    pub fn load(path: &Path, backend: Backend) -> Result<Self, Error> {
        Self::new(&Record::load(path)?, backend)
    }

    /// Prepares the record that is compiled in, `assets/model.safetensors`.
    ///
    /// # Errors
    /// As [`Classifier::new`], and [`Error::NotShipped`] if the crate was built without the file.
    pub fn shipped(backend: Backend) -> Result<Self, Error> {
        Self::new(&Record::shipped()?, backend)
    }

    /// Prepares a record without running its self-test.
    ///
    /// # Panics
    /// If this build leaves `backend` out.
    pub fn untested(record: &Record, backend: Backend) -> Self {
        let (header, network) = (record.header.clone(), load_network(record, backend));
        Self { log_mel: header.log_mel.init(), header, network, free: Mutex::default() }
    }

    /// Replaces the threshold: the least confidence at which a keyword is accepted.
    #[must_use]
    pub fn with_threshold(mut self, threshold: f32) -> Self {
        self.header.threshold = threshold;
        self
    }

    /// The record's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Classifies a waveform on the calling thread.
    pub fn classify(&self, waveform: &Waveform) -> Prediction {
        self.predict(&self.logits(waveform), self.header.threshold)
    }

    /// Classifies a waveform with a threshold for this answer alone, and returns the time it took.
    pub fn classify_at(&self, waveform: &Waveform, threshold: f32) -> (Prediction, Timing) {
        let mut timing = Timing::default();
        let logits = self.with_buffers(|buffers| timing = self.run(waveform, buffers));
        (self.predict(&logits, threshold), timing)
    }

    /// Returns the logits of a waveform, `[n_labels]`: the network's output before it becomes probabilities.
    pub fn logits(&self, waveform: &Waveform) -> Vec<f32> {
        self.with_buffers(|buffers| {
            self.run(waveform, buffers);
        })
    }

    /// Returns the logits, `[n_labels]`, of a spectrogram by the record's front end, `[n_frames, n_mels]`.
    ///
    /// # Panics
    /// If the spectrogram has another size.
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

/// Turns logits into probabilities: `exp(logit / temperature)`, scaled so that their sum is 1.
pub fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| ((logit - largest) / temperature).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
