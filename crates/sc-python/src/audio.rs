//! Audio from Python: a path, the bytes of a file, or an array of samples.

use std::path::{Path, PathBuf};

use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sc_data::{Limits, Waveform, decode, decode_file, resample, with_causes};

use crate::{Error, to_python};

/// Limits on audio in which all keywords are detected: ten minutes; at 48 kHz, stereo, 32 bits they are 230 MB.
pub const LONG: Limits = Limits { max_bytes: 256 << 20, ..Limits::DATASET };

/// The arrays that are taken.
const ARRAY: &str = "an array of float16, float32, float64, int16 or int32";
/// The ways from other numbers to one of them.
const OF_BYTES: &str = "16-bit samples in bytes are an array by `memoryview(samples).cast('h')`";
const OF_INT8: &str = "8-bit samples are an array by `samples / 128`";
const OF_UINT8: &str = "8-bit samples are an array by `(samples.astype('float32') - 128) / 128`";
const OF_UINT16: &str =
    "16-bit samples without a sign are an array by `(samples.astype('float32') - 32_768) / 32_768`";
const OF_OTHERS: &str = "16-bit samples in other integers are an array by `samples / 32_768`";

/// Audio that waits to be decoded, so that decoding needs no lock of the interpreter.
///
/// Bytes are those of a file, which has its own rate. `way` is there if one was given: whoever gives one means samples.
pub enum Audio {
    Path(PathBuf),
    Bytes { bytes: Vec<u8>, way: Option<&'static str> },
    Samples { samples: Vec<f32>, rate_hz: u32 },
}

impl Audio {
    /// Takes what a user hands over.
    pub fn new(source: &Bound<'_, PyAny>, sample_rate: Option<f64>) -> PyResult<Self> {
        if let Ok(bytes) = source.cast::<PyBytes>() {
            let (bytes, way) = (bytes.as_bytes().to_vec(), sample_rate.and(Some(OF_BYTES)));
            return Ok(Self::Bytes { bytes, way });
        }
        if let Ok(path) = source.extract::<PathBuf>() {
            return Ok(Self::Path(path));
        }
        let source = &as_array(source)?;
        if let Some(bytes) = numbers::<u8>(source)? {
            return Ok(Self::Bytes { bytes, way: sample_rate.and(way_to_array(source)?) });
        }
        let Some(samples) = floats(source)? else {
            return refused(source, &format!("a path, the bytes of a file, or {ARRAY}"));
        };
        let Some(rate_hz) = sample_rate else {
            return Err(Error::new_err("an array of samples needs its sample_rate, in Hz"));
        };
        Ok(Self::Samples { samples, rate_hz: rate(rate_hz)? })
    }

    /// Returns the file's path, if it is one.
    pub fn path(&self) -> Option<&Path> {
        if let Self::Path(path) = self { Some(path) } else { None }
    }

    /// Returns the loudest second. An error begins with the file's path, if it is one.
    pub fn waveform(&self) -> Result<Waveform, String> {
        Ok(Waveform::from_samples(&self.decode(&Limits::default())?))
    }

    /// Returns the audio as 16 kHz mono samples. An error begins with the file's path, if it is one.
    pub fn decode(&self, limits: &Limits) -> Result<Vec<f32>, String> {
        self.decode_unnamed(limits).map_err(|error| match self.path() {
            Some(path) => format!("{}: {error}", path.display()),
            None => error,
        })
    }

    /// Does the same for a caller that names the file by itself.
    pub fn decode_unnamed(&self, limits: &Limits) -> Result<Vec<f32>, String> {
        match self {
            Self::Path(path) => decode_file(path, limits).map_err(|error| with_causes(&error)),
            Self::Bytes { bytes, way } => decode(bytes, limits).map_err(|error| match (error, way) {
                (error @ sc_data::Error::NotAudio, Some(way)) => format!("{error}; {way}"),
                (error, _) => with_causes(&error),
            }),
            Self::Samples { samples, rate_hz } => {
                resample(samples, (*rate_hz).into(), limits).map_err(|error| with_causes(&error))
            }
        }
    }
}

/// Returns a sample rate within the limits, without its fraction of a hertz.
fn rate(rate_hz: f64) -> PyResult<u32> {
    Limits::default().check_rate(rate_hz).map_err(|error| to_python(&error))
}

/// Returns the samples of an array, and refuses all else.
pub fn samples(source: &Bound<'_, PyAny>) -> PyResult<Vec<f32>> {
    let array = &as_array(source)?;
    floats(array)?.map_or_else(|| refused(array, ARRAY), Ok)
}

/// Returns the array that an object of another library makes of itself, such as a tensor or a column of a table.
pub fn as_array<'py>(source: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if !source.hasattr("__array__")? {
        return Ok(source.clone());
    }
    if is_masked(source)? {
        return Err(Error::new_err("a masked array: fill its gaps first, as by `samples.filled(0)`"));
    }
    let array = source.call_method0("__array__").map_err(|raised| unusable(source.py(), raised))?;
    if matches!(dtype(&array)?.as_deref(), Some("float16" | "<f2" | ">f2")) {
        return array.call_method1("astype", ("float32",)); // PyO3 has no such numbers
    }
    Ok(array)
}

/// Returns true for one of numpy's arrays with gaps: `__array__` gives what lies in them.
fn is_masked(array: &Bound<'_, PyAny>) -> PyResult<bool> {
    if !array.hasattr("filled")? {
        return Ok(false);
    }
    let Some(mask) = array.getattr_opt("mask")? else { return Ok(false) };
    let Some(any) = mask.getattr_opt("any")? else { return Ok(false) };
    any.call0()?.is_truthy()
}

/// Returns the type of an array's numbers, if it names one.
fn dtype(array: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    Ok(array.getattr_opt("dtype")?.map(|dtype| dtype.to_string()))
}

/// Returns an [`Error`] whose cause is what was raised. What is no `Exception` stays as it is, such as Ctrl+C.
fn unusable(py: Python<'_>, raised: PyErr) -> PyErr {
    if !raised.is_instance_of::<PyException>(py) {
        return raised;
    }
    let error = Error::new_err(raised.to_string());
    error.set_cause(py, Some(raised));
    error
}

/// Returns the numbers of a one-dimensional array, or `None` if they are no samples. Integers are divided by their full
/// scale.
fn floats(array: &Bound<'_, PyAny>) -> PyResult<Option<Vec<f32>>> {
    if let Some(samples) = numbers::<f32>(array)? {
        return Ok(Some(samples));
    }
    if let Some(samples) = numbers::<f64>(array)? {
        return Ok(Some(samples.into_iter().map(|sample| sample as f32).collect()));
    }
    if let Some(samples) = numbers::<i16>(array)? {
        return Ok(Some(samples.into_iter().map(|sample| f32::from(sample) / 32_768.0).collect()));
    }
    let samples = numbers::<i32>(array)?;
    Ok(samples.map(|samples| samples.into_iter().map(|sample| sample as f32 / 2_147_483_648.0).collect()))
}

/// Refuses what is no audio. The error names the type of an array's numbers, and the way to samples.
fn refused<T>(source: &Bound<'_, PyAny>, expected: &str) -> PyResult<T> {
    let name = source.get_type().name()?;
    let of = dtype(source)?.map(|dtype| format!(" of {dtype}")).unwrap_or_default();
    let way = way_to_array(source)?.map(|way| format!("; {way}")).unwrap_or_default();
    Err(Error::new_err(format!("{name}{of}: expected {expected}{way}")))
}

/// Returns how numbers of another type become samples.
fn way_to_array(source: &Bound<'_, PyAny>) -> PyResult<Option<&'static str>> {
    Ok(match dtype(source)?.as_deref() {
        None => PyBuffer::<u8>::get(source).is_ok().then_some(OF_BYTES),
        Some("int8") => Some(OF_INT8),
        Some("uint8") => Some(OF_UINT8),
        Some("uint16") => Some(OF_UINT16),
        Some(dtype) => dtype.contains("int").then_some(OF_OTHERS),
    })
}

/// Returns `None` if this is no array of `T`.
fn numbers<T: Element>(array: &Bound<'_, PyAny>) -> PyResult<Option<Vec<T>>> {
    let Ok(buffer) = PyBuffer::<T>::get(array) else { return Ok(None) };
    check_order(&buffer)?;
    if buffer.dimensions() != 1 {
        let n = buffer.dimensions();
        let first = match buffer.shape() {
            [rows, columns] if rows < columns => ", as `samples[0]`",
            [_, _] => ", as `samples[:, 0]`",
            _ => "",
        };
        return Err(Error::new_err(format!(
            "an array of {n} dimensions: expected one channel, [n_samples]{first}"
        )));
    }
    buffer.to_vec(array.py()).map(Some)
}

/// Refuses numbers in another order of bytes than this machine's: `PyO3` takes them as if they were in its own.
fn check_order<T: Element>(buffer: &PyBuffer<T>) -> PyResult<()> {
    let foreign: &[u8] = if cfg!(target_endian = "little") { b">!" } else { b"<" };
    let is_foreign = buffer.format().to_bytes().first().is_some_and(|order| foreign.contains(order));
    if is_foreign && buffer.item_size() > 1 {
        return Err(Error::new_err(
            "an array in another order of bytes than this machine's: convert it first, as by \
             `array.astype(array.dtype.newbyteorder('='))`",
        ));
    }
    Ok(())
}
