//! The routes for operators.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    web::{self, Data},
};

use super::info::describe;
use crate::{
    error::{AccessErrors, ApiError, Body},
    metrics::Snapshot,
    paths::{METRICS, RELOAD},
    state::AppState,
};

/// Prints the figures for Prometheus
#[utoipa::path(
    get, path = METRICS, tag = "operation",
    responses(
        (status = 200, description = "Prometheus's text format", body = String, content_type = "text/plain"),
        AccessErrors
    )
)]
pub async fn metrics(state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    let classifier = state.model.current();
    let training = &classifier.header().training;
    let pool = state.recogniser.pool();
    let now = Snapshot {
        n_waiting: pool.n_waiting(),
        n_streams: pool.streams().n_held(),
        n_taught: classifier.header().taught.len(),
        data_digest: &training.data_digest,
        epoch: training.kept_epoch,
    };
    let text = state.metrics.to_text(&now).map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

/// Loads the model's file again
///
/// The new model is loaded and tested aside. It takes the place of the old one between two requests. A model that
/// does not load or fails its self-test is refused, and the old one goes on answering.
#[utoipa::path(
    post, path = RELOAD, tag = "operation",
    responses(
        (status = 200, description = "the new model, as /info describes it", body = serde_json::Value),
        (status = 409, description = "the new model is refused", body = Body),
        AccessErrors
    )
)]
pub async fn reload(state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    let model = Arc::clone(&state.model);
    let fresh = web::block(move || model.reload()).await.map_err(ApiError::internal)?;
    let fresh = fresh.map_err(ApiError::Reload)?;
    Ok(HttpResponse::Ok().json(describe(&fresh, &state.capacity)))
}
