//! The recogniser for Python: types and conversions, and no logic of its own.
//!
//! The package is `speech_commands`, in `python/`; this crate is its module `_native`. Python's `help` prints the comments
//! of the classes here. Their types are in `python/speech_commands/_native.pyi`.

mod answer;
mod audio;
mod detector;
mod recognizer;

use pyo3::prelude::*;
use sc_data::with_causes;
use sc_model::words::TeachError;

pyo3::create_exception!(
    speech_commands,
    Error,
    pyo3::exceptions::PyException,
    "Audio, a model or a setting that cannot be used. The text says what is wrong, as the command line does. \
     `reason` is the kind of refusal of a word in a word or two, as \"too_few\"; else it is None."
);

/// Returns the error with its causes, as the command line prints them.
fn to_python(error: &dyn std::error::Error) -> PyErr {
    Error::new_err(with_causes(error))
}

/// Returns the refusal of a word, with its `reason`.
fn refusal(error: &TeachError) -> PyErr {
    let raised = to_python(error);
    let set = Python::attach(|py| raised.value(py).setattr("reason", error.reason()));
    set.err().unwrap_or(raised)
}

/// The compiled part of `speech_commands`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let error = module.py().get_type::<Error>();
    error.setattr("reason", module.py().None())?;
    module.add("Error", error)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<answer::Detection>()?;
    module.add_class::<answer::Prediction>()?;
    module.add_class::<answer::Score>()?;
    module.add_class::<detector::Detector>()?;
    module.add_class::<recognizer::Recognizer>()
}
