//! `GET /info`: what answers, and what it accepts.

use actix_web::web::{Data, Json};
use sc_model::Classifier;
use serde_json::{Value, json};

use crate::Capacity;

/// What the record says of itself, what is accepted, and by which version of the program.
pub async fn info(classifier: Data<Classifier>, capacity: Data<Capacity>) -> Json<Value> {
    let header = classifier.header();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "labels": header.labels,
        "threshold": header.threshold,
        "temperature": header.temperature,
        "log_mel": header.log_mel,
        "network": header.network,
        "multiply_adds": header.network.multiply_adds(),
        "training": header.training,
        "limits": limits(&capacity),
    }))
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
