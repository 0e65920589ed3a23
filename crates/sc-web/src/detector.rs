//! Detects keywords in live samples.

use std::sync::Arc;

use sc_model::{Classifier, DetectorConfig, LiveDetector};
use wasm_bindgen::prelude::*;

use crate::{object, to_js};

/// A stream of samples between two pieces. After [`finish`](Self::finish) it is closed.
#[wasm_bindgen]
pub struct Detector {
    open: Option<LiveDetector>,
}

impl Detector {
    pub(crate) fn new(
        classifier: Arc<Classifier>,
        config: &DetectorConfig,
        rate_hz: f64,
    ) -> Result<Self, JsError> {
        let open = LiveDetector::new(classifier, config, rate_hz).map_err(|error| to_js(&error))?;
        Ok(Self { open: Some(open) })
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
        object(&*open.push(samples).map_err(|error| to_js(&error))?)
    }

    /// Ends the stream, and returns the keywords detected at its end.
    ///
    /// # Errors
    /// If the detector is closed already.
    pub fn finish(&mut self) -> Result<JsValue, JsValue> {
        object(&*self.open.take().ok_or_else(closed)?.finish())
    }

    /// The likeliest label of the newest answer. The first answer comes after about 0.9 s; before, and after `finish`, it is
    /// null.
    #[wasm_bindgen(getter)]
    pub fn latest(&self) -> Result<JsValue, JsValue> {
        object(&self.open.as_ref().and_then(LiveDetector::latest))
    }
}

fn closed() -> JsError {
    JsError::new("the detector is closed: make another one for more samples")
}
