//! The description of the model and of the limits.

use actix_web::{HttpResponse, web::Data};
use sc_data::{Labels, Limits, LogMelConfig};
use sc_model::{Classifier, KeywordCnnConfig, Training};
use serde::Serialize;

use crate::{Capacity, paths::INFO, state::AppState};

/// What a record says of itself, the limits, and the program's version.
#[derive(Serialize)]
pub struct Description<'a> {
    version: &'static str,
    labels: &'a Labels,
    backend: String,
    threshold: f32,
    temperature: f32,
    log_mel: &'a LogMelConfig,
    network: &'a KeywordCnnConfig,
    multiply_adds: u64,
    training: &'a Training,
    limits: &'a Limits,
}

/// Describes the model and the limits
///
/// The answer holds the model's labels, backend, front end, network and its cost, training with its figures, and
/// threshold; the limits on audio; and the program's version.
#[utoipa::path(get, path = INFO, tag = "keywords", responses((status = 200, description = "the figures of the model", body = serde_json::Value)))]
pub async fn info(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(Description::new(&state.model.current(), &state.capacity))
}

impl<'a> Description<'a> {
    /// Describes what answers, and what it takes.
    pub fn new(classifier: &'a Classifier, capacity: &'a Capacity) -> Self {
        let header = classifier.header();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            labels: &header.labels,
            backend: classifier.backend().to_string(),
            threshold: header.threshold,
            temperature: header.temperature,
            log_mel: &header.log_mel,
            network: &header.network,
            multiply_adds: header.network.multiply_adds(),
            training: &header.training,
            limits: &capacity.audio,
        }
    }
}
