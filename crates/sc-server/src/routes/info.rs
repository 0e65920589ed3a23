//! `GET /info`: what answers, and what it accepts.

use actix_web::web::{Data, Json};
use sc_model::Classifier;
use serde_json::{Value, json};

use crate::{Capacity, model::Model};

/// What the model is, and what is accepted
///
/// Labels, front end, network and its cost, training and its figures, threshold; limits; version.
#[utoipa::path(get, path = "/info", tag = "keywords", responses((status = 200, description = "the figures of the model", body = Value)))]
pub async fn info(model: Data<Model>, capacity: Data<Capacity>) -> Json<Value> {
    Json(describe(&model.current(), &capacity))
}

/// What the record says of itself, what is accepted, and by which version of the program.
pub fn describe(classifier: &Classifier, capacity: &Capacity) -> Value {
    let header = classifier.header();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "labels": header.labels,
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
    let recording = &capacity.recording;
    json!({
        "max_bytes": recording.max_bytes,
        "max_seconds": recording.max_seconds,
        "max_channels": recording.max_channels,
        "min_rate_hz": recording.min_rate_hz,
        "max_rate_hz": recording.max_rate_hz,
    })
}
