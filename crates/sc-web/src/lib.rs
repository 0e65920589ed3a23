//! The recogniser for JavaScript: types and conversions, and no logic of its own.
//!
//! `just web-package` makes the npm package, of which `js/index.js` is the entry. On other targets than WebAssembly the
//! crate is empty.
#![cfg(target_arch = "wasm32")]

mod detector;
mod recogniser;

use sc_data::with_causes;
use sc_model::words::TeachError;
use wasm_bindgen::prelude::*;

/// Returns the error with its causes, as the command line prints them.
fn to_js(error: &dyn std::error::Error) -> JsError {
    JsError::new(&with_causes(error))
}

/// Returns the refusal of a word, with its kind as the property `reason`.
fn refusal(error: &TeachError) -> JsValue {
    let refusal = JsValue::from(to_js(error));
    match js_sys::Reflect::set(&refusal, &"reason".into(), &error.reason().into()) {
        Ok(_) => refusal,
        Err(error) => error,
    }
}

/// Returns an answer as a plain JavaScript object, with the names that the server's JSON has.
fn object<T: serde::Serialize + ?Sized>(answer: &T) -> Result<JsValue, JsValue> {
    let json = serde_json::to_string(answer).map_err(|error| to_js(&error))?;
    js_sys::JSON::parse(&json)
}
