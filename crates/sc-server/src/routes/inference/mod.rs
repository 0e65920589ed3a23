//! The Open Inference Protocol, version 2: what `KServe`, Triton and their clients speak.
//!
//! Tensors in: `AUDIO_FILE`, BYTES `[n]`, recordings of any format; or `AUDIO`, FP32 `[n, samples]` at 16 kHz,
//! or at the rate its parameter `sample_rate` says. Out: `PROBABILITIES`, FP32 `[n, labels]`; `LABEL`, BYTES
//! `[n]`; `ACCEPTED`, BOOL `[n]`. Triton's extensions for binary tensors and classification are understood.

mod request;
mod response;

use std::time::Instant;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path, Payload},
};
use sc_data::{Limits, StreamResampler, Waveform};
use sc_model::{Classifier, Prediction};
use serde::Deserialize;
use serde_json::{Value, json};

use self::{
    request::{Audio, Inference},
    response::answer,
};
use crate::{
    Capacity, ModelName,
    error::ApiError,
    metrics::{Metrics, Stage},
    model::Model,
    pool::Pool,
    upload::read_body,
};

/// The one version that is served. Another model is another server.
const VERSION: &str = "1";

/// A model in a path, and perhaps its version.
#[derive(Deserialize)]
pub struct Named {
    model: String,
    version: Option<String>,
}

impl Named {
    fn check(&self, name: &ModelName) -> Result<(), ApiError> {
        let version = self.version.as_deref().unwrap_or(VERSION);
        if self.model == name.0 && version == VERSION {
            return Ok(());
        }
        Err(ApiError::NoModel {
            name: format!("{} in version {version}", self.model),
            served: format!("{} in version {VERSION}", name.0),
        })
    }
}

/// What serves
#[utoipa::path(get, path = "/v2", tag = "inference", responses((status = 200, description = "the metadata", body = Value)))]
pub async fn server() -> Json<Value> {
    Json(json!({
        "name": "speech-commands",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data", "classification"],
    }))
}

/// The model's tensors
#[utoipa::path(
    get, path = "/v2/models/{model}", tag = "inference",
    params(("model" = String, Path, example = "speech-commands")),
    responses((status = 200, description = "the metadata", body = Value), (status = 404, description = "another model or version", body = crate::error::Body))
)]
pub async fn metadata(
    named: Path<Named>,
    name: Data<ModelName>,
    model: Data<Model>,
) -> Result<Json<Value>, ApiError> {
    named.check(&name)?;
    let n_labels = model.current().header().labels.names().len();
    let tensor = |name, datatype, shape: &[i64]| json!({"name": name, "datatype": datatype, "shape": shape});
    Ok(Json(json!({
        "name": name.0,
        "versions": [VERSION],
        "platform": "rust_speech_commands",
        "inputs": [tensor("AUDIO_FILE", "BYTES", &[-1]), tensor("AUDIO", "FP32", &[-1, -1])],
        "outputs": [
            tensor("PROBABILITIES", "FP32", &[-1, n_labels as i64]),
            tensor("LABEL", "BYTES", &[-1]),
            tensor("ACCEPTED", "BOOL", &[-1]),
        ],
    })))
}

/// Whether the model answers
#[utoipa::path(
    get, path = "/v2/models/{model}/ready", tag = "inference",
    params(("model" = String, Path, example = "speech-commands")),
    responses((status = 200, description = "the metadata", body = Value), (status = 404, description = "another model or version", body = crate::error::Body))
)]
pub async fn ready(named: Path<Named>, name: Data<ModelName>) -> Result<Json<Value>, ApiError> {
    named.check(&name)?;
    Ok(Json(json!({ "name": name.0, "ready": true })))
}

/// Keywords in a batch of recordings, as tensors
///
/// The input is `AUDIO_FILE`, BYTES `[n]`, of recordings in any format (in JSON as base64), or `AUDIO`, FP32
/// `[n, samples]`, at 16 kHz or at its parameter `sample_rate`. The outputs are `PROBABILITIES`, FP32
/// `[n, labels]`, `LABEL`, BYTES `[n]`, and `ACCEPTED`, BOOL `[n]`. Binary tensors follow the JSON if
/// `Inference-Header-Content-Length` says how long that is.
#[utoipa::path(
    post, path = "/v2/models/{model}/infer", tag = "inference",
    params(("model" = String, Path, example = "speech-commands")),
    request_body(content = request::Request, example = json!({
        "inputs": [{"name": "AUDIO", "shape": [1, 4], "datatype": "FP32", "data": [0.0, 0.1, -0.1, 0.0]}]
    })),
    responses(
        (status = 200, description = "JSON, and binary tensors behind it if asked for", content(
            (Value = "application/json"), (crate::upload::Recording = "application/octet-stream"),
        )),
        (status = 404, description = "another model or version", body = crate::error::Body),
        crate::error::RecordingErrors, crate::error::AccessErrors
    )
)]
pub async fn infer(
    (request, payload): (HttpRequest, Payload),
    named: Path<Named>,
    name: Data<ModelName>,
    (capacity, pool): (Data<Capacity>, Data<Pool>),
    (model, metrics): (Data<Model>, Data<Metrics>),
) -> Result<HttpResponse, ApiError> {
    named.check(&name)?;
    let body = read_body(payload, &capacity).await?;
    let Inference { id, audio, outputs } = Inference::parse(request.headers(), &body)?;
    let classifier = model.current();
    let labels = classifier.header().labels.clone();
    let deadline = Instant::now() + capacity.deadline;
    let hear = move || -> Result<Vec<Prediction>, sc_data::Error> {
        // After it nobody waits any more.
        let in_time = audio.iter().take_while(|_| Instant::now() < deadline);
        in_time.map(|audio| hear(audio, &classifier, &capacity.recording, &metrics)).collect()
    };
    let predictions = pool.run(hear).await??;
    answer(&name.0, VERSION, id, &labels, &predictions, &outputs)
}

fn hear(
    audio: &Audio,
    classifier: &Classifier,
    limits: &Limits,
    metrics: &Metrics,
) -> Result<Prediction, sc_data::Error> {
    let start = Instant::now();
    let waveform = match audio {
        Audio::File(bytes) => Waveform::decode(bytes, limits)?,
        Audio::Samples { samples, rate_hz } => {
            limits.check_format(1, *rate_hz)?;
            limits.check_samples(samples, *rate_hz)?;
            Waveform::from_samples(&StreamResampler::all(samples, *rate_hz))
        }
    };
    metrics.took(Stage::Decode, start.elapsed());
    Ok(metrics.classify(classifier, &waveform, classifier.header().threshold))
}
