//! Detects keywords in live samples.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use sc_model::{Classifier, DetectorConfig, LiveDetector};

use crate::answer::{Detection, Score};
use crate::{Error, audio, to_python};

/// A stream of samples between two pieces, made by `Recognizer.detector`. After `finish` it is closed.
#[pyclass(frozen, module = "speech_commands")]
pub struct Detector {
    open: Mutex<Option<LiveDetector>>,
}

impl Detector {
    pub fn new(classifier: Arc<Classifier>, config: &DetectorConfig, rate_hz: f64) -> PyResult<Self> {
        let open = LiveDetector::new(classifier, config, rate_hz).map_err(|error| to_python(&error))?;
        Ok(Self { open: Mutex::new(Some(open)) })
    }

    /// Runs `work` while other Python threads run. It gives `None` if the stream is closed.
    ///
    /// The lock is taken without that of the interpreter: two threads could else wait for each other.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl Send + FnOnce(&mut Option<LiveDetector>) -> Option<T>,
    ) -> PyResult<T> {
        let result = py.detach(|| work(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner)));
        result.ok_or_else(|| Error::new_err("the detector is closed: make another one for more samples"))
    }
}

#[pymethods]
impl Detector {
    /// Takes more samples, `[n_samples]`, and returns the keywords detected in them.
    ///
    /// The samples are float16, float32 or float64 in [-1, 1], or int16 or int32 at full scale. The answer depends on
    /// the samples alone, not on the pieces they come in.
    ///
    /// Raises `Error` if a sample is not finite or far beyond [-1, 1], for more than a minute at once, and if the
    /// detector is closed.
    fn push(&self, py: Python<'_>, samples: &Bound<'_, PyAny>) -> PyResult<Vec<Detection>> {
        let samples = audio::samples(samples)?;
        let found = self.run(py, |open| open.as_mut().map(|open| open.push(&samples)))?;
        let found = found.map_err(|error| to_python(&error))?;
        Ok(found.into_iter().map(Into::into).collect())
    }

    /// Ends the stream, and returns the keywords detected at its end. Raises `Error` if the detector is closed already.
    fn finish(&self, py: Python<'_>) -> PyResult<Vec<Detection>> {
        let found = self.run(py, |open| open.take().map(LiveDetector::finish))?;
        Ok(found.into_iter().map(Into::into).collect())
    }

    /// The likeliest label of the newest answer. The first answer comes after about 0.9 s; before, and after `finish`,
    /// it is None.
    #[getter]
    fn latest(&self, py: Python<'_>) -> Option<Score> {
        self.run(py, |open| open.as_ref()?.latest().map(Score::from)).ok()
    }
}
