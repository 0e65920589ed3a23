//! What the model is and what the server takes.

use actix_web::web::{Data, Json};
use sc_model::Classifier;
use serde_json::{Value, json};

use crate::Capacity;

/// `GET /info`: the model's description of itself, the limits on a recording, and the version.
pub async fn info(classifier: Data<Classifier>, capacity: Data<Capacity>) -> Json<Value> {
    let mut description = classifier.description();
    description["version"] = json!(env!("CARGO_PKG_VERSION"));
    description["limits"] = limits(&capacity);
    Json(description)
}

fn limits(capacity: &Capacity) -> Value {
    let recording = &capacity.recording;
    json!({
        "max_bytes": recording.max_bytes,
        "max_seconds": recording.max_seconds,
        "max_channels": recording.max_channels,
        "min_rate_hz": recording.min_rate_hz,
        "max_rate_hz": recording.max_rate_hz,
    })
}
