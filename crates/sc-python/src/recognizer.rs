//! Classifies audio.
#![allow(clippy::needless_pass_by_value, reason = "what Python hands over is a value")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyMapping, PyMemoryView, PyString};
use rayon::{ThreadPoolBuilder, prelude::*};
use sc_data::Limits;
use sc_model::words::{Recording, Taught, check_word, forget, join, teach};
use sc_model::{Backend, Classifier, DetectorConfig, Header, Record, check_threshold};

use crate::answer::{Detection, Prediction};
use crate::audio::{self, Audio};
use crate::detector::Detector;
use crate::{Error, refusal, to_python};

/// Recordings that each thread answers between two looks for Ctrl-C. At the end of each round a thread waits for half a
/// recording on average: one part in 32.
const BETWEEN_SIGNALS: usize = 16;

/// A loaded model. Threads may share it.
///
/// `path` is a model file; without it, the model that comes with the package is loaded. `threshold` replaces the
/// model's own: the least confidence, 0 to 1, at which a keyword is accepted. `backend` is "native", which computes in
/// floats, or "native-int8", which computes in eight bits: in half the time or less.
///
/// Raises `Error` if the file is no usable model, or there is no such backend.
#[pyclass(frozen, module = "speech_commands")]
pub struct Recognizer {
    /// Exchanged whole when words are taught.
    current: RwLock<Arc<Loaded>>,
    /// Held while the words change: two writers at once lose nothing.
    writer: Mutex<()>,
}

/// A record, ready to classify.
struct Loaded {
    record: Record,
    classifier: Arc<Classifier>,
}

impl Loaded {
    fn new(record: Record, backend: Backend, threshold: f32) -> PyResult<Arc<Self>> {
        let classifier = Classifier::new(&record, backend).map_err(|error| to_python(&error))?;
        let classifier = Arc::new(classifier.with_threshold(threshold));
        Ok(Arc::new(Self { record, classifier }))
    }

    /// Returns the record's header with the threshold that is in use.
    fn header(&self) -> Header {
        let mut header = self.record.header.clone();
        header.set_threshold(self.classifier.threshold());
        header
    }
}

#[pymethods]
impl Recognizer {
    #[new]
    #[pyo3(signature = (path=None, *, threshold=None, backend="native"))]
    fn new(
        py: Python<'_>,
        path: Option<&Bound<'_, PyAny>>,
        threshold: Option<f32>,
        backend: &str,
    ) -> PyResult<Self> {
        let path = path.map(model_path).transpose()?;
        let backend = backend.parse().map_err(|error| to_python(&error))?;
        threshold.map_or(Ok(()), check_threshold).map_err(Error::new_err)?;
        let loaded = py.detach(|| {
            let record = path.as_deref().map_or_else(Record::shipped, Record::load);
            let record = record.map_err(|error| to_python(&error))?;
            let threshold = threshold.unwrap_or(record.header.threshold);
            Loaded::new(record, backend, threshold)
        })?;
        Ok(Self { current: RwLock::new(loaded), writer: Mutex::new(()) })
    }

    /// What computes: "native", or "native-int8" if it was asked for and the processor has instructions for it.
    #[getter]
    fn backend(&self) -> String {
        self.current().classifier.backend().to_string()
    }

    /// The least confidence at which a keyword is accepted.
    #[getter]
    fn threshold<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_object(py, &self.current().classifier.threshold()) // with as few digits as `info` has
    }

    /// All labels: those of the network, in the order of its logits, then the taught words.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.current().record.header.labels.names().to_vec()
    }

    /// The model's header: labels, settings, and the training that made it.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_object(py, &self.current().header())
    }

    /// Names the word in the loudest second of audio of up to a minute.
    ///
    /// `audio` is a path, the bytes of a file, or an array `[n_samples]` of one channel: float16, float32 or float64 in
    /// [-1, 1], or int16 or int32 at full scale. An array needs its `sample_rate`, in Hz, 4,000 to 192,000.
    ///
    /// Raises `Error` if it is no audio that can be used. The text begins with the path, if there is one.
    #[pyo3(signature = (audio, *, sample_rate=None))]
    fn classify(
        &self,
        py: Python<'_>,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<f64>,
    ) -> PyResult<Prediction> {
        let audio = Audio::new(audio, sample_rate)?;
        py.detach(|| self.answer(audio)).map_err(Error::new_err)
    }

    /// Names the word in each recording, on all cores, in the order of `recordings`.
    ///
    /// Each is as for `classify`; an array `[n, n_samples]` is n of them. In the place of one that cannot be used is
    /// the `Error`. Other Python threads run meanwhile.
    #[pyo3(signature = (recordings, *, sample_rate=None))]
    fn classify_many(
        &self,
        py: Python<'_>,
        recordings: &Bound<'_, PyAny>,
        sample_rate: Option<f64>,
    ) -> PyResult<Vec<Py<PyAny>>> {
        let mut recordings = each(recordings)?.map(|one| one_of_many(&one?, sample_rate)).fuse();
        // Threads of its own: those of rayon's pool are gone in a process that was forked.
        let pool = ThreadPoolBuilder::new().build().map_err(|error| to_python(&error))?;
        let at_once = BETWEEN_SIGNALS * pool.current_num_threads();
        let answer = |audio: PyResult<Audio>| self.answer(audio?).map_err(Error::new_err);
        let mut answers = Vec::new();
        loop {
            py.check_signals()?;
            let some = recordings.by_ref().take(at_once).collect::<PyResult<Vec<_>>>()?;
            if some.is_empty() {
                return Ok(answers);
            }
            let found: Vec<_> = py.detach(|| pool.install(|| some.into_par_iter().map(answer).collect()));
            for answer in found {
                answers.push(match answer {
                    Ok(prediction) => Bound::new(py, prediction)?.into_any().unbind(),
                    Err(error) => error.into_value(py).into_any(),
                });
            }
        }
    }

    /// Detects every keyword in audio of up to ten minutes. Arguments and errors are those of `classify`.
    #[pyo3(signature = (audio, *, sample_rate=None))]
    fn detect(
        &self,
        py: Python<'_>,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<f64>,
    ) -> PyResult<Vec<Detection>> {
        let audio = Audio::new(audio, sample_rate)?;
        let found = py.detach(|| {
            let samples = audio.decode(&audio::LONG)?;
            let mut detector =
                sc_model::Detector::new(Arc::clone(&self.current().classifier), &DetectorConfig::default());
            let mut found = detector.push(&samples);
            found.extend(detector.finish());
            Ok(found)
        });
        Ok(found.map_err(Error::new_err::<String>)?.into_iter().map(Into::into).collect())
    }

    /// Makes a detector for live samples.
    ///
    /// `threshold` is the least confidence of a detected keyword, instead of the model's own. `hop_s` is the distance
    /// between the seconds that are classified, 0.01 to 1 s, or 0.08 if it is left out. `smoothing_s` is the time over
    /// which their probabilities are averaged, 0 to 1 s, or 0.24 if it is left out.
    ///
    /// Raises `Error` if the sample rate or a setting is out of range.
    // An expression would be an ellipsis in `help`.
    #[pyo3(signature = (sample_rate=16_000.0, *, threshold=None, hop_s=None, smoothing_s=None))]
    fn detector(
        &self,
        sample_rate: f64,
        threshold: Option<f32>,
        hop_s: Option<f32>,
        smoothing_s: Option<f32>,
    ) -> PyResult<Detector> {
        let config = DetectorConfig::new(hop_s, smoothing_s, threshold).map_err(Error::new_err)?;
        Detector::new(Arc::clone(&self.current().classifier), &config, sample_rate)
    }

    /// Returns what the network sees of the loudest second, `[n_frames][n_mels]`: the logarithm of mel power.
    ///
    /// Arguments and errors are those of `classify`.
    #[pyo3(signature = (audio, *, sample_rate=None))]
    fn log_mel(
        &self,
        py: Python<'_>,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<f64>,
    ) -> PyResult<Vec<Vec<f32>>> {
        let audio = Audio::new(audio, sample_rate)?;
        let features = py.detach(|| Ok(self.current().classifier.features(&audio.waveform()?)));
        let features = features.map_err(Error::new_err::<String>)?;
        let [_, n_mels] = features.shape();
        Ok(features.values().chunks(n_mels).map(<[f32]>::to_vec).collect())
    }

    /// Returns the network's output for the loudest second before it becomes probabilities, `[n_labels]`. Taught words
    /// have none.
    ///
    /// Arguments and errors are those of `classify`.
    #[pyo3(signature = (audio, *, sample_rate=None))]
    fn logits(
        &self,
        py: Python<'_>,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<f64>,
    ) -> PyResult<Vec<f32>> {
        let audio = Audio::new(audio, sample_rate)?;
        let logits = py.detach(|| Ok(self.current().classifier.logits(&audio.waveform()?)));
        logits.map_err(Error::new_err::<String>)
    }

    /// Teaches words of your own by 3 to 50 recordings of each, each as for `classify`. It takes no training.
    ///
    /// From then on every answer knows them; a detector that was made before does not. Returns a report for each word,
    /// by name: `used`, `left_out` with the reasons, `recall_leave_one_out`, `false_accepts`, `nearest` and `advice`.
    ///
    /// Raises `Error` with its `reason`, and changes nothing, if a word cannot be taught.
    #[pyo3(signature = (words, *, sample_rate=None))]
    fn teach<'py>(
        &self,
        py: Python<'py>,
        words: &Bound<'py, PyAny>,
        sample_rate: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let audio = |takes: Bound<'py, PyAny>| -> PyResult<Vec<Audio>> {
            each(&takes)?.map(|take| Audio::new(&take?, sample_rate)).collect()
        };
        let words = named(words)?.into_iter().map(|(name, takes)| Ok((name, audio(takes)?)));
        let words = words.collect::<PyResult<BTreeMap<_, _>>>()?;
        let reports = self.change(py, |mut record| {
            let mut reports = Vec::new();
            for (name, takes) in words {
                let (taught, report) = teach_one(&record, &name, takes)?;
                record = taught;
                reports.push(report);
            }
            Ok((record, reports))
        })?;
        to_object(py, &reports)
    }

    /// Takes the words that were taught to another copy of the model, as on another device, from its file. Returns their
    /// names.
    ///
    /// Raises `Error` with its `reason`, and changes nothing, if the file is of another network, has no words, or has one
    /// that is known here in another way.
    fn join(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        let path = model_path(path)?;
        self.change(py, |record| {
            let other = Record::load(&path).map_err(|error| to_python(&error))?;
            join(&record, &other).map_err(|error| refusal(&error))
        })
    }

    /// Forgets a taught word. Raises `Error` if none has this name.
    fn forget(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.change(py, |record| Ok((forget(&record, name).map_err(|error| refusal(&error))?, ())))
    }

    /// Writes the model to a file, with the threshold that is in use. Raises `Error` if that fails.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let current = self.current();
        py.detach(|| {
            let record = Record { header: current.header(), ..current.record.clone() };
            record.save(&path).map_err(|error| to_python(&error))
        })
    }

    fn __repr__(&self) -> String {
        let current = self.current();
        let (labels, threshold) = (current.record.header.labels.names(), current.classifier.threshold());
        format!("Recognizer(labels={labels:?}, threshold={threshold})")
    }
}

impl Recognizer {
    fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Exchanges the record for another, or leaves all as it was, while other Python threads run.
    ///
    /// The lock is taken without that of the interpreter: two threads could else wait for each other.
    fn change<T: Send>(
        &self,
        py: Python<'_>,
        change: impl Send + FnOnce(Record) -> PyResult<(Record, T)>,
    ) -> PyResult<T> {
        py.detach(|| {
            let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let before = self.current();
            let (record, result) = change(before.record.clone())?;
            let classifier = &before.classifier;
            let loaded = Loaded::new(record, classifier.backend(), classifier.threshold())?;
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
            Ok(result)
        })
    }

    fn answer(&self, audio: Audio) -> Result<Prediction, String> {
        let waveform = audio.waveform()?;
        Ok(self.current().classifier.classify(&waveform).into())
    }
}

/// Takes the path of a model file.
fn model_path(path: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    let kind = path.get_type().name()?;
    path.extract().map_err(|_| Error::new_err(format!("{kind}: expected the path of a model file")))
}

/// Returns the recordings that an iterable gives. One recording alone is refused: a text would give its characters, bytes
/// numbers, and an array its samples.
fn each<'py>(things: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    let is_one = things.is_instance_of::<PyString>()
        || things.hasattr("__fspath__")?
        || things.hasattr("read")?
        || holds_numbers(things)?;
    let kind = things.get_type().name()?;
    let refused = || Error::new_err(format!("{kind}: expected a list of recordings, or another iterable"));
    if is_one || !things.hasattr("__iter__")? && !things.hasattr("__getitem__")? {
        return Err(refused());
    }
    things.try_iter()
}

/// Returns true for bytes, and for an array of numbers in one dimension. Arrays of paths are none.
fn holds_numbers(things: &Bound<'_, PyAny>) -> PyResult<bool> {
    // A view of the array itself needs no copy, and a masked array has one, too.
    let view = PyMemoryView::from(things).or_else(|_| PyMemoryView::from(&audio::as_array(things)?));
    let view = match view {
        Err(raised) if raised.is_instance_of::<PyException>(things.py()) => return Ok(false),
        view => view?, // what is no `Exception` is raised, such as Ctrl-C
    };
    let format: String = view.getattr("format")?.extract()?;
    let dimensions: usize = view.getattr("ndim")?.extract()?;
    Ok(dimensions < 2 && format.chars().all(|c| "@=<>!bBhHiIlLqQefd".contains(c)))
}

/// Takes one of many recordings. An [`Error`] keeps its place; all else, such as Ctrl-C, ends the call.
fn one_of_many(source: &Bound<'_, PyAny>, sample_rate: Option<f64>) -> PyResult<PyResult<Audio>> {
    match Audio::new(source, sample_rate) {
        Err(error) if !error.is_instance_of::<Error>(source.py()) => Err(error),
        audio => Ok(audio),
    }
}

/// Returns the items of a mapping of words. Their values are not looked at yet.
fn named<'py>(words: &Bound<'py, PyAny>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    let kind = words.get_type().name()?;
    let Ok(words) = words.cast::<PyMapping>() else {
        return Err(Error::new_err(format!("{kind}: expected a dict of words and their recordings")));
    };
    let items: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = words.items()?.extract()?;
    let text = |name: &Bound<'py, PyAny>| {
        let refused = |_| Error::new_err(format!("{name:?}: expected the name of a word, a text"));
        name.extract::<String>().map_err(refused)
    };
    items.into_iter().map(|(name, takes)| Ok((text(&name)?, takes))).collect()
}

fn teach_one(record: &Record, name: &str, takes: Vec<Audio>) -> PyResult<(Record, Taught)> {
    // Before they are decoded.
    check_word(record.header.labels.names(), name, takes.len()).map_err(|error| refusal(&error))?;
    let recordings = takes.into_iter().enumerate().map(|(i, take)| {
        let name = take.path().map_or_else(|| (i + 1).to_string(), |path| path.display().to_string());
        Recording::new(name, take.decode_unnamed(&Limits::default()))
    });
    teach(record, name, recordings.collect()).map_err(|error| refusal(&error))
}

/// Returns a value as Python's dicts, lists, texts and numbers.
fn to_object<'py>(py: Python<'py>, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
    let json = serde_json::to_string(value).map_err(|error| to_python(&error))?;
    py.import("json")?.call_method1("loads", (json,))
}
