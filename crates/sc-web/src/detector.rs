//! Detects keywords in live samples.

use std::mem;
use std::sync::Arc;

use sc_data::{Limits, StreamResampler};
use sc_model::{Classifier, Detection, DetectorConfig};
use wasm_bindgen::prelude::*;

use crate::{object, to_js};

/// A stream of samples between two pieces. After [`finish`](Self::finish) it is closed.
#[wasm_bindgen]
pub struct Detector {
    open: Option<Open>,
    rate_hz: u32,
}

struct Open {
    resampler: StreamResampler,
    detector: sc_model::Detector,
}

impl Detector {
    pub(crate) fn new(classifier: Arc<Classifier>, config: &DetectorConfig, rate_hz: u32) -> Self {
        let detector = sc_model::Detector::new(classifier, config);
        Self { open: Some(Open { resampler: StreamResampler::new(rate_hz), detector }), rate_hz }
    }
}

#[wasm_bindgen]
impl Detector {
    /// Takes more mono samples and returns the keywords detected in them.
    ///
    /// # Errors
    /// If a sample is not finite, there are more than a minute's, or the detector is closed.
    pub fn push(&mut self, samples: &[f32]) -> Result<JsValue, JsValue> {
        let open = self.open.as_mut().ok_or_else(closed)?;
        if samples.is_empty() {
            return object::<[Detection]>(&[]);
        }
        Limits::default().check_samples(samples, self.rate_hz).map_err(|error| to_js(&error))?;
        let samples = open.resampler.push(samples);
        object(&*open.detector.push(&samples))
    }

    /// Ends the stream, and returns the keywords detected at its end.
    ///
    /// # Errors
    /// If the detector is closed already.
    pub fn finish(&mut self) -> Result<JsValue, JsValue> {
        let Open { resampler, mut detector } = mem::take(&mut self.open).ok_or_else(closed)?;
        let mut detections = detector.push(&resampler.finish());
        detections.extend(detector.finish());
        object(&*detections)
    }

    /// The likeliest label of the newest answer. The first answer comes after about 0.9 s; before, it is null.
    #[wasm_bindgen(getter)]
    pub fn latest(&self) -> Result<JsValue, JsValue> {
        object(&self.open.as_ref().and_then(|open| open.detector.latest()))
    }
}

fn closed() -> JsError {
    JsError::new("the detector is closed: make another one for more samples")
}
