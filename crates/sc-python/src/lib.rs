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

pyo3::create_exception!(
    speech_commands,
    Error,
    pyo3::exceptions::PyException,
    "Audio, a model or a setting that cannot be used. The text says what is wrong, as the command line does."
);

/// Returns the error with its causes, as the command line prints them.
fn to_python(error: &dyn std::error::Error) -> PyErr {
    Error::new_err(with_causes(error))
}

/// The compiled part of `speech_commands`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("Error", module.py().get_type::<Error>())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<answer::Detection>()?;
    module.add_class::<answer::Prediction>()?;
    module.add_class::<answer::Score>()?;
    module.add_class::<detector::Detector>()?;
    module.add_class::<recognizer::Recognizer>()
}
