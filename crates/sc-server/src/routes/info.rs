//! The description of the model and of the limits.

use actix_web::web::{Data, Json};
use sc_model::Classifier;
use serde_json::{Value, json};

use crate::{Capacity, paths::INFO, state::AppState};

/// Describes the model and the limits
///
/// The answer holds the model's labels, backend, front end, network and its cost, training with its figures, and
/// threshold; the limits on audio; and the program's version.
#[utoipa::path(get, path = INFO, tag = "keywords", responses((status = 200, description = "the figures of the model", body = Value)))]
pub async fn info(state: Data<AppState>) -> Json<Value> {
    Json(describe(&state.model.current(), &state.capacity))
}

/// Returns what the record says of itself, the limits, and the program's version.
pub fn describe(classifier: &Classifier, capacity: &Capacity) -> Value {
    let header = classifier.header();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "labels": header.labels,
        "backend": classifier.backend().to_string(),
        "threshold": header.threshold,
        "temperature": header.temperature,
        "log_mel": header.log_mel,
        "network": header.network,
        "multiply_adds": header.network.multiply_adds(),
        "training": header.training,
        "limits": limits(capacity),
    })
}

fn limits(capacity: &Capacity) -> Value {
    let audio = &capacity.audio;
    json!({
        "max_bytes": audio.max_bytes,
        "max_seconds": audio.max_seconds,
        "max_channels": audio.max_channels,
        "min_rate_hz": audio.min_rate_hz,
        "max_rate_hz": audio.max_rate_hz,
    })
}
