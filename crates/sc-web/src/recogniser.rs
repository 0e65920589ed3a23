//! Classifies samples, and learns words.

use std::sync::Arc;

use js_sys::Float32Array;
use sc_data::{Limits, Waveform, resample, with_causes};
use sc_model::words::{self, Recording};
use sc_model::{Backend, Classifier, DetectorConfig, Record, check_threshold};
use wasm_bindgen::prelude::*;

use crate::detector::Detector;
use crate::{object, refusal, to_js};

/// A loaded model.
#[wasm_bindgen]
pub struct Recognizer {
    record: Record,
    classifier: Arc<Classifier>,
}

#[wasm_bindgen]
impl Recognizer {
    /// Loads the bytes of a model file.
    ///
    /// # Errors
    /// If they are no usable model.
    #[wasm_bindgen(constructor)]
    pub fn new(record: &[u8]) -> Result<Self, JsError> {
        Self::of(Record::from_bytes(record).map_err(|error| to_js(&error))?)
    }

    /// Teaches a word by recordings of it, each of mono samples, and returns the report of the server's
    /// `PUT /words/{name}`. A recording that cannot be used is left out.
    ///
    /// # Errors
    /// If the word cannot be taught. Nothing has changed then.
    pub fn teach(&mut self, name: &str, takes: Vec<Float32Array>, rate_hz: f64) -> Result<JsValue, JsValue> {
        let recordings = recordings(&takes, rate_hz);
        let (record, report) =
            words::teach(&self.record, name, recordings).map_err(|error| refusal(&error))?;
        *self = Self::of(record)?;
        object(&report)
    }

    /// Returns the recordings that teaching would leave out, or would refuse a word for, as its report names them.
    ///
    /// # Errors
    /// If there are more than 50, or the model teaches no words.
    pub fn check(&self, takes: Vec<Float32Array>, rate_hz: f64) -> Result<JsValue, JsValue> {
        object(&words::check(&self.record, recordings(&takes, rate_hz)).map_err(|error| refusal(&error))?)
    }

    /// Forgets a taught word.
    ///
    /// # Errors
    /// If no taught word has this name.
    pub fn forget(&mut self, name: &str) -> Result<(), JsValue> {
        *self = Self::of(words::forget(&self.record, name).map_err(|error| refusal(&error))?)?;
        Ok(())
    }

    /// Takes the words that were taught to another copy of the model, from the bytes of its file. Returns their names.
    ///
    /// # Errors
    /// If the bytes are no usable model, or its words cannot be joined. Nothing has changed then.
    pub fn join(&mut self, record: &[u8]) -> Result<Vec<String>, JsValue> {
        let other = Record::from_bytes(record).map_err(|error| to_js(&error))?;
        let (record, names) = words::join(&self.record, &other).map_err(|error| refusal(&error))?;
        *self = Self::of(record)?;
        Ok(names)
    }

    /// Returns the bytes of the model file, with the taught words.
    ///
    /// # Errors
    /// None in practice: what was loaded can be written.
    pub fn record(&self) -> Result<Vec<u8>, JsError> {
        self.record.to_bytes().map_err(|error| to_js(&error))
    }

    /// All labels: those of the network, in the order of its logits, then the taught words.
    #[wasm_bindgen(getter)]
    pub fn labels(&self) -> Vec<String> {
        self.classifier.header().labels.names().to_vec()
    }

    /// The model's header: labels, settings, and the training that made it.
    #[wasm_bindgen(getter)]
    pub fn info(&self) -> Result<JsValue, JsValue> {
        object(self.classifier.header())
    }

    /// Names the keyword in the loudest second of mono samples. It is accepted from `threshold` on, or from the model's own.
    ///
    /// # Errors
    /// If there are no samples, too many, one that is not finite, or a sample rate or threshold out of range.
    pub fn classify(
        &self,
        samples: &[f32],
        rate_hz: f64,
        threshold: Option<f32>,
    ) -> Result<JsValue, JsValue> {
        threshold.map_or(Ok(()), check_threshold).map_err(|reason| JsError::new(&reason))?;
        let threshold = threshold.unwrap_or(self.classifier.threshold());
        object(&self.classifier.classify_at(&waveform(samples, rate_hz)?, threshold).0)
    }

    /// Returns the logits of a log-mel spectrogram, `[n_frames, n_mels]`, row-major.
    ///
    /// # Errors
    /// If it has another size.
    pub fn logits(&self, features: &[f32]) -> Result<Vec<f32>, JsError> {
        let network = &self.classifier.header().network;
        let expected = network.n_frames * network.n_mels;
        if features.len() != expected {
            let len = features.len();
            return Err(JsError::new(&format!("{len} features: expected {expected}, as logMel gives them")));
        }
        Ok(self.classifier.logits_of(features))
    }

    /// Returns the log-mel spectrogram of the loudest second of mono samples, `[n_frames, n_mels]`, row-major.
    ///
    /// # Errors
    /// As [`classify`](Self::classify).
    #[wasm_bindgen(js_name = logMel)]
    pub fn log_mel(&self, samples: &[f32], rate_hz: f64) -> Result<Vec<f32>, JsError> {
        Ok(self.classifier.features(&waveform(samples, rate_hz)?).values().to_vec())
    }

    /// Makes a detector for live samples.
    ///
    /// # Errors
    /// If the sample rate or a setting is out of range.
    pub fn detector(
        &self,
        rate_hz: f64,
        threshold: Option<f32>,
        hop_s: Option<f32>,
        smoothing_s: Option<f32>,
    ) -> Result<Detector, JsError> {
        let config = DetectorConfig::new(hop_s, smoothing_s, threshold);
        let config = config.map_err(|reason| JsError::new(&reason))?;
        Detector::new(Arc::clone(&self.classifier), &config, rate_hz)
    }
}

impl Recognizer {
    fn of(record: Record) -> Result<Self, JsError> {
        let classifier = Classifier::new(&record, Backend::Native).map_err(|error| to_js(&error))?;
        Ok(Self { record, classifier: Arc::new(classifier) })
    }
}

/// Numbers the recordings of a word, from 1.
fn recordings(takes: &[Float32Array], rate_hz: f64) -> Vec<Recording> {
    let recordings = takes.iter().enumerate().map(|(i, take)| {
        let samples = resample(&take.to_vec(), rate_hz, &Limits::default());
        Recording::new((i + 1).to_string(), samples.map_err(|error| with_causes(&error)))
    });
    recordings.collect()
}

/// Returns the loudest second of the samples.
fn waveform(samples: &[f32], rate_hz: f64) -> Result<Waveform, JsError> {
    let samples = resample(samples, rate_hz, &Limits::default()).map_err(|error| to_js(&error))?;
    Ok(Waveform::from_samples(&samples))
}
