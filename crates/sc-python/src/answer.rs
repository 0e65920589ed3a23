//! Answers as Python objects.

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The word in a second of audio.
#[pyclass(frozen, eq, get_all, module = "speech_commands")]
#[derive(Clone, PartialEq)]
pub struct Prediction {
    /// The likeliest label.
    label: String,
    /// Its probability.
    confidence: f32,
    /// True if `label` is a keyword and `confidence` reaches the threshold. Act on the answer only then.
    accepted: bool,
    /// All labels and their probabilities, likeliest first.
    predictions: Vec<(String, f32)>,
}

impl From<sc_model::Prediction> for Prediction {
    fn from(prediction: sc_model::Prediction) -> Self {
        let sc_model::Prediction { label, confidence, accepted, predictions } = prediction;
        let pairs = predictions.into_iter().map(|scored| (scored.label, scored.probability));
        Self { label, confidence, accepted, predictions: pairs.collect() }
    }
}

#[pymethods]
impl Prediction {
    // For copies and pickles, which begin with what `__getnewargs__` gives.
    #[new]
    fn new(label: String, confidence: f32, accepted: bool, predictions: Vec<(String, f32)>) -> Self {
        Self { label, confidence, accepted, predictions }
    }

    fn __getnewargs__(&self) -> (String, f32, bool, Vec<(String, f32)>) {
        let Self { label, confidence, accepted, predictions } = self.clone();
        (label, confidence, accepted, predictions)
    }

    /// Returns the answer as a dict, with the names of the server's JSON.
    fn to_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let row = fields(slf.as_any(), &["label", "confidence", "accepted"])?;
        let scored = |(label, probability): &(String, f32)| {
            let scored = PyDict::new(slf.py());
            scored.set_item("label", label)?;
            scored.set_item("probability", probability)?;
            Ok(scored)
        };
        let predictions = slf.get().predictions.iter().map(scored).collect::<PyResult<Vec<_>>>()?;
        row.set_item("predictions", predictions)?;
        Ok(row)
    }

    fn __repr__(&self) -> String {
        let accepted = if self.accepted { "True" } else { "False" };
        format!("Prediction(label={:?}, confidence={:.4}, accepted={accepted})", self.label, self.confidence)
    }
}

/// A keyword in audio of any length, with its place.
#[pyclass(frozen, eq, get_all, module = "speech_commands")]
#[derive(Clone, PartialEq)]
pub struct Detection {
    /// The keyword.
    label: String,
    /// Its start, in seconds from the first sample.
    start_s: f64,
    /// Its end, in seconds from the first sample.
    end_s: f64,
    /// How sure the detector is: by the stream, and by a second look at the second around the word.
    confidence: f32,
}

impl From<sc_model::Detection> for Detection {
    fn from(detection: sc_model::Detection) -> Self {
        let sc_model::Detection { label, start_s, end_s, confidence, .. } = detection;
        Self { label, start_s, end_s, confidence }
    }
}

#[pymethods]
impl Detection {
    // For copies and pickles, which begin with what `__getnewargs__` gives.
    #[new]
    fn new(label: String, start_s: f64, end_s: f64, confidence: f32) -> Self {
        Self { label, start_s, end_s, confidence }
    }

    fn __getnewargs__(&self) -> (String, f64, f64, f32) {
        let Self { label, start_s, end_s, confidence } = self.clone();
        (label, start_s, end_s, confidence)
    }

    /// Returns the detection as a dict, with the names of the server's JSON.
    fn to_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        fields(slf.as_any(), &["label", "start_s", "end_s", "confidence"])
    }

    fn __repr__(&self) -> String {
        let Self { label, start_s, end_s, confidence } = self;
        format!(
            "Detection(label={label:?}, start_s={start_s:.2}, end_s={end_s:.2}, confidence={confidence:.4})"
        )
    }
}

/// Returns some attributes of an answer as a dict.
fn fields<'py>(answer: &Bound<'py, PyAny>, names: &[&str]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(answer.py());
    for &name in names {
        dict.set_item(name, answer.getattr(name)?)?;
    }
    Ok(dict)
}

/// The likeliest label at a time of live audio.
#[pyclass(frozen, eq, get_all, module = "speech_commands")]
#[derive(Clone, PartialEq)]
pub struct Score {
    /// The time up to which sound was heard, in seconds from the first sample.
    time_s: f64,
    /// The label with the highest smoothed probability.
    label: String,
    /// That probability.
    confidence: f32,
}

impl From<&sc_model::Score> for Score {
    fn from(score: &sc_model::Score) -> Self {
        Self { time_s: score.time_s, label: score.label.clone(), confidence: score.confidence }
    }
}

#[pymethods]
impl Score {
    // For copies and pickles, which begin with what `__getnewargs__` gives.
    #[new]
    fn new(time_s: f64, label: String, confidence: f32) -> Self {
        Self { time_s, label, confidence }
    }

    fn __getnewargs__(&self) -> (f64, String, f32) {
        let Self { time_s, label, confidence } = self.clone();
        (time_s, label, confidence)
    }

    fn __repr__(&self) -> String {
        format!("Score(time_s={:.2}, label={:?}, confidence={:.4})", self.time_s, self.label, self.confidence)
    }
}
