//! Classifies waveforms. Evaluation, command line and server all answer through it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sc_data::{Features, LogMel, LogMelScratch, N_SAMPLES, Waveform};
use serde::Serialize;

use crate::clock::Instant;
use crate::engine::{Engine, Workspace};
use crate::record::{Header, Record, self_test_waveform};
use crate::runner::{Output, Runner};
use crate::words::{self, Embedding, WordSpace};
use crate::{Backend, Error};

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
    /// The labels, likeliest first: all of them, or as many as were asked for by `top_k`.
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
    /// Least confidence at which a keyword is accepted: the record's, unless another one was asked for.
    threshold: f32,
    pub(crate) log_mel: LogMel,
    pub(crate) network: Box<dyn Runner>,
    backend: Backend,
    words: Option<WordSpace>,
    /// Buffers that no clip uses: at most one for each of the threads that classify at the same time.
    free: Mutex<Vec<Buffers>>,
}

/// The memory for one clip, or for pieces of streams, on the way to an answer.
pub(crate) struct Buffers {
    pub log_mel: LogMelScratch,
    /// `[n_frames, n_mels]`.
    features: Vec<f32>,
    pub workspace: Workspace,
    output: Output,
}

/// Loads the network on `backend`, which is one of this build's. Returns the one that it runs on.
fn load_network(Record { header, weights, .. }: &Record, backend: Backend) -> (Box<dyn Runner>, Backend) {
    #[cfg(feature = "flex")]
    if let Some(device) = backend.device() {
        return (Box::new(crate::network::OnDevice::new(&header.network, weights, device)), backend);
    }
    if backend == Backend::NativeInt8
        && let Some(network) = Engine::in_eight_bits(&header.network, weights)
    {
        return (Box::new(network), backend);
    }
    (Box::new(Engine::new(&header.network, weights)), Backend::Native)
}

impl Classifier {
    /// Prepares a record, and checks by its self-test that it answers as it did when it was written.
    ///
    /// # Errors
    /// [`Error::Record`] if the self-test fails, or if its answer, or that to the quietest or the loudest sound, is no number;
    /// [`Error::Backend`] if this build leaves the backend out.
    pub fn new(record: &Record, backend: Backend) -> Result<Self, Error> {
        let classifier = Self::prepare(record, backend.check()?);
        let logits = classifier.numbers(&self_test_waveform())?;
        let square: Vec<f32> = (0..N_SAMPLES).map(|i| if i / 16 % 2 == 0 { 1.0 } else { -1.0 }).collect();
        classifier.numbers(&Waveform::silence())?;
        classifier.numbers(&Waveform::from_samples(&square))?;
        let distances = logits.iter().zip(&record.header.self_test).map(|(a, b)| (a - b).abs());
        let (furthest, most) = (distances.fold(0.0, f32::max), classifier.network.tolerance());
        if furthest > most {
            return Err(Error::record(format!(
                "its self-test is off by {furthest}: at most {most} is right"
            )));
        }
        Ok(classifier)
    }

    /// Returns the logits of a waveform. Refuses weights so large that these overflow, or the embedding does.
    fn numbers(&self, waveform: &Waveform) -> Result<Vec<f32>, Error> {
        let output = self.listen(waveform);
        let embedding = self.embed(&output);
        let numbers =
            embedding.iter().flat_map(|Embedding { direction, ordinary }| direction.iter().chain([ordinary]));
        if output.logits.iter().chain(numbers).all(|number| number.is_finite()) {
            return Ok(output.logits);
        }
        Err(Error::record("its weights are so large that an answer is no number"))
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

    /// Prepares a record for [`Backend::Native`] without running its self-test.
    pub fn untested(record: &Record) -> Self {
        Self::prepare(record, Backend::Native)
    }

    fn prepare(record: &Record, backend: Backend) -> Self {
        let header = record.header.clone();
        let (network, backend) = load_network(record, backend);
        let (log_mel, words, threshold) = (header.log_mel.init(), record.words.clone(), header.threshold);
        Self { header, threshold, log_mel, network, backend, words, free: Mutex::default() }
    }

    /// Replaces the threshold: the least confidence at which a keyword is accepted. Answers are then those of
    /// [`classify_at`](Self::classify_at).
    #[must_use]
    pub fn with_threshold(mut self, threshold: f32) -> Self {
        self.threshold = threshold;
        self
    }

    /// Returns the least confidence at which a keyword is accepted.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// The record's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The backend that runs the network. It is [`Backend::Native`] where [`Backend::NativeInt8`] was asked for and the
    /// processor has no instruction for it, or the network has a kernel too large for it.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Classifies a waveform on the calling thread.
    pub fn classify(&self, waveform: &Waveform) -> Prediction {
        self.classify_at(waveform, self.threshold).0
    }

    /// Classifies a waveform with a threshold for this answer alone, and returns the time it took.
    pub fn classify_at(&self, waveform: &Waveform, threshold: f32) -> (Prediction, Timing) {
        self.with_buffers(|buffers| {
            let timing = self.run(waveform, self.has_taught_words(), buffers);
            (self.predict(self.probabilities(&buffers.output, threshold), threshold), timing)
        })
    }

    /// Returns the log-mel spectrogram of a waveform by the record's front end.
    pub fn features(&self, waveform: &Waveform) -> Features {
        self.log_mel.compute(waveform)
    }

    /// Returns the network's logits of a waveform, before they become probabilities. Taught words have none.
    pub fn logits(&self, waveform: &Waveform) -> Vec<f32> {
        self.listen(waveform).logits
    }

    /// Returns the logits of a spectrogram by the record's front end, `[n_frames, n_mels]`.
    ///
    /// # Panics
    /// If the spectrogram has another size.
    pub fn logits_of(&self, log_mel: &[f32]) -> Vec<f32> {
        self.listen_to(log_mel).logits
    }

    /// Returns the network's output for a spectrogram by the record's front end, `[n_frames, n_mels]`.
    ///
    /// # Panics
    /// If the spectrogram has another size.
    pub(crate) fn listen_to(&self, log_mel: &[f32]) -> Output {
        self.with_buffers(|Buffers { workspace, output, .. }| {
            self.network.run(log_mel, workspace, self.has_taught_words(), output);
            output.clone()
        })
    }

    /// Returns the network's output for a waveform. Records that differ in their taught words alone give the same one.
    pub fn listen(&self, waveform: &Waveform) -> Output {
        self.with_buffers(|buffers| {
            self.run(waveform, true, buffers);
            buffers.output.clone()
        })
    }

    /// Returns the network's output as an embedding, if the record has a space for words. Records that differ in their
    /// taught words alone give the same one.
    pub fn embed(&self, output: &Output) -> Option<Embedding> {
        self.words.as_ref().map(|space| space.embed(&output.word_frames))
    }

    /// Returns the score of each taught word, as [`TaughtWord::least_score`](words::TaughtWord) compares it.
    pub fn word_scores(&self, embedding: &Embedding) -> Vec<f32> {
        self.words.as_ref().map_or_else(Vec::new, |space| space.scores(embedding).collect())
    }

    /// Answers by the network's logits and the scores of the taught words.
    pub fn answer_with(&self, logits: &[f32], word_scores: &[f32]) -> Prediction {
        self.predict(self.combine(logits, word_scores, self.threshold), self.threshold)
    }

    pub(crate) fn has_taught_words(&self) -> bool {
        !self.header.taught.is_empty()
    }

    /// Runs the front end and the network, and leaves the result in `buffers`.
    fn run(&self, waveform: &Waveform, has_words: bool, buffers: &mut Buffers) -> Timing {
        let Buffers { log_mel, features, workspace, output, .. } = buffers;
        let start = Instant::now();
        self.log_mel.compute_into(waveform, log_mel, features);
        let took = start.elapsed();
        let start = Instant::now();
        self.network.run(features, workspace, has_words, output);
        Timing { features: took, network: start.elapsed() }
    }

    /// Runs `compute` with buffers that nobody else uses meanwhile.
    pub(crate) fn with_buffers<T>(&self, compute: impl FnOnce(&mut Buffers) -> T) -> T {
        let mut buffers = self.take_buffers();
        let result = compute(&mut buffers);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
        result
    }

    fn take_buffers(&self) -> Buffers {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Buffers {
            log_mel: self.log_mel.scratch(),
            features: vec![0.0; self.header.network.n_frames * self.header.network.n_mels],
            workspace: Workspace::default(),
            output: Output::default(),
        })
    }

    /// Returns the probability of each label. A taught word is likelier than other speech from `threshold` on.
    pub(crate) fn probabilities(&self, output: &Output, threshold: f32) -> Vec<f32> {
        let embedding = if self.has_taught_words() { self.embed(output) } else { None };
        let scores = embedding.map_or_else(Vec::new, |embedding| self.word_scores(&embedding));
        self.combine(&output.logits, &scores, threshold)
    }

    fn combine(&self, logits: &[f32], word_scores: &[f32], threshold: f32) -> Vec<f32> {
        let network = softmax(logits, self.header.temperature);
        let scores = word_scores.iter().zip(&self.header.taught);
        // The record's own: a word's confidence must not change with the threshold that it is compared with.
        let taught = scores.map(|(score, word)| words::confidence(*score, word, self.header.threshold));
        words::combine(&network, |label| self.header.labels.is_keyword(label), taught, threshold)
    }

    /// Turns the probability of each label into an answer.
    fn predict(&self, probabilities: Vec<f32>, threshold: f32) -> Prediction {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::softmax;

    #[test]
    fn equal_logits_share_alike_however_large_they_are() {
        for logit in [0.0, 1e30, -1e30, f32::MAX, f32::MIN] {
            assert_eq!(softmax(&[logit; 4], 1.5), [0.25; 4], "{logit}");
        }
    }

    #[test]
    fn the_largest_of_extreme_logits_is_certain() {
        for logits in [[1e30, -1e30, 0.0], [f32::MAX, f32::MIN, -1e30], [-1e30, -2e30, f32::MIN]] {
            assert_eq!(softmax(&logits, 0.5), [1.0, 0.0, 0.0], "{logits:?}");
        }
    }

    #[test]
    fn a_logit_that_is_no_number_reaches_no_threshold() {
        assert!(softmax(&[3.0, f32::NAN, 1.0], 1.0).iter().all(|probability| probability.is_nan()));
    }

    proptest! {
        #[test]
        fn probabilities_add_up_to_1_and_keep_the_order(
            logits in prop::collection::vec(-1e30_f32..1e30, 1..40),
            temperature in 0.01_f32..100.0,
        ) {
            let probabilities = softmax(&logits, temperature);
            prop_assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            for (a, p) in logits.iter().zip(&probabilities) {
                for (b, q) in logits.iter().zip(&probabilities) {
                    prop_assert!(a > b || p <= q, "{a} {b}: {p} {q}");
                }
            }
        }
    }
}
