//! The Open Inference Protocol, version 2: what `KServe`, Triton and their clients speak.
//!
//! A request holds one tensor: `AUDIO_FILE`, BYTES `[n]`, audio files of any format; or `AUDIO`, FP32
//! `[n, samples]`, at 16 kHz or at its parameter `sample_rate`. The response holds `PROBABILITIES`, FP32
//! `[n, labels]`; `LABEL`, BYTES `[n]`; `ACCEPTED`, BOOL `[n]`. Triton's extensions for binary tensors and
//! classification are understood.

mod request;
mod tensor;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path, Payload},
};
use sc_model::Prediction;
use serde::Deserialize;
use serde_json::{Value, json};

use self::tensor::respond;
use crate::{
    error::{AccessErrors, ApiError, AudioErrors, Body},
    paths::{INFERENCE, MODEL, MODEL_INFER, MODEL_READY},
    state::AppState,
    upload::{AudioFile, parse, read_body},
};

pub use self::request::Inference;
#[cfg(feature = "grpc")]
pub use self::request::{Input, InputParameters, RequestParameters, Wanted, WantedParameters};
pub use self::tensor::HEADER_LENGTH;

/// The only version that is served. For another model there is another server.
pub const VERSION: &str = "1";
/// The name of the server.
pub const NAME: &str = "speech-commands";
/// The program that runs the model.
pub const PLATFORM: &str = "rust_speech_commands";
/// The extensions of the protocol that are understood.
pub const EXTENSIONS: [&str; 2] = ["binary_tensor_data", "classification"];

/// A tensor's name, datatype and shape, in which -1 is any size.
pub type Described = (&'static str, &'static str, Vec<i64>);

/// Describes the tensors of a request, of which it holds one.
pub fn inputs() -> [Described; 2] {
    [("AUDIO_FILE", "BYTES", vec![-1]), ("AUDIO", "FP32", vec![-1, -1])]
}

/// Describes the tensors of a response.
pub fn outputs(n_labels: usize) -> [Described; 3] {
    [
        ("PROBABILITIES", "FP32", vec![-1, n_labels as i64]),
        ("LABEL", "BYTES", vec![-1]),
        ("ACCEPTED", "BOOL", vec![-1]),
    ]
}

/// The model in a path, and its version if there is one.
#[derive(Deserialize)]
pub struct Named {
    pub model: String,
    pub version: Option<String>,
}

impl Named {
    /// Refuses another model than the one that is served under `name`.
    ///
    /// # Errors
    /// [`ApiError::NoModel`].
    pub fn check(&self, name: &str) -> Result<(), ApiError> {
        let version = self.version.as_deref().unwrap_or(VERSION);
        if self.model == name && version == VERSION {
            return Ok(());
        }
        Err(ApiError::NoModel {
            name: format!("{} in version {version}", self.model),
            served: format!("{name} in version {VERSION}"),
        })
    }
}

/// Returns the predictions of a batch.
///
/// # Errors
/// [`ApiError::Recording`] names the first recording that cannot be used.
pub fn predictions(answers: Vec<Result<Prediction, sc_data::Error>>) -> Result<Vec<Prediction>, ApiError> {
    let answers = answers.into_iter().zip(1..);
    answers.map(|(answer, number)| answer.map_err(|source| ApiError::Recording { number, source })).collect()
}

/// Describes the server
#[utoipa::path(get, path = INFERENCE, tag = "inference", responses((status = 200, description = "the metadata", body = Value)))]
pub async fn server() -> Json<Value> {
    Json(json!({
        "name": NAME,
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": EXTENSIONS,
    }))
}

/// Describes the model's tensors
#[utoipa::path(
    get, path = MODEL, tag = "inference",
    params(("model" = String, Path, example = "speech-commands")),
    responses((status = 200, description = "the metadata", body = Value), (status = 404, description = "another model or version", body = Body))
)]
pub async fn metadata(named: Path<Named>, state: Data<AppState>) -> Result<Json<Value>, ApiError> {
    named.check(&state.name)?;
    let n_labels = state.model.current().header().labels.names().len();
    let tensor =
        |(name, datatype, shape): Described| json!({"name": name, "datatype": datatype, "shape": shape});
    Ok(Json(json!({
        "name": state.name,
        "versions": [VERSION],
        "platform": PLATFORM,
        "inputs": inputs().map(tensor),
        "outputs": outputs(n_labels).map(tensor),
    })))
}

/// Says if the model answers
#[utoipa::path(
    get, path = MODEL_READY, tag = "inference", operation_id = "model_ready",
    params(("model" = String, Path, example = "speech-commands")),
    responses((status = 200, description = "it answers", body = Value), (status = 404, description = "another model or version", body = Body),
    (status = 503, description = "the server is stopping", body = Body))
)]
pub async fn ready(named: Path<Named>, state: Data<AppState>) -> Result<Json<Value>, ApiError> {
    named.check(&state.name)?;
    if state.lifecycle.is_stopping() {
        return Err(ApiError::Stopping);
    }
    Ok(Json(json!({ "name": state.name, "ready": true })))
}

/// Names the keywords in a batch of recordings, as tensors
///
/// The input is `AUDIO_FILE`, BYTES `[n]`, audio files of any format (in JSON as base64), or `AUDIO`, FP32
/// `[n, samples]`, at 16 kHz or at its parameter `sample_rate`. The outputs are `PROBABILITIES`, FP32
/// `[n, labels]`, `LABEL`, BYTES `[n]`, and `ACCEPTED`, BOOL `[n]`. Binary tensors may follow the JSON if the
/// header `Inference-Header-Content-Length` gives its length. `threshold` among the request's parameters is that of
/// `/predict`.
#[utoipa::path(
    post, path = MODEL_INFER, tag = "inference",
    params(("model" = String, Path, example = "speech-commands")),
    request_body(content = request::Request, example = json!({
        "inputs": [{"name": "AUDIO", "shape": [1, 4], "datatype": "FP32", "data": [0.0, 0.1, -0.1, 0.0]}]
    })),
    responses(
        (status = 200, description = "JSON, and binary tensors behind it if asked for", content(
            (Value = "application/json"), (AudioFile = "application/octet-stream"),
        )),
        (status = 404, description = "another model or version", body = Body),
        AudioErrors, AccessErrors
    )
)]
pub async fn infer(
    request: HttpRequest,
    payload: Payload,
    named: Path<Named>,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    named.check(&state.name)?;
    let (body, place) = read_body(&request, payload, &state).await?;
    let json_len = request.headers().get(HEADER_LENGTH).cloned();
    let parsed =
        parse(&state, &place, body.len(), move || Inference::parse(json_len.as_ref(), &body)).await?;
    let Inference { id, clips, outputs, threshold } = parsed;
    let (classifier, answers) = state.recogniser.classify_all(place, clips, threshold).await?;
    let predictions = predictions(answers)?;
    respond(&state.name, VERSION, id, &classifier.header().labels, &predictions, &outputs)
}
