//! The routes for operators.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data},
};

use super::info::Description;
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
    let (classifier, digest) = state.model.current_and_digest();
    let (header, digest) = (classifier.header(), digest.to_string());
    let pool = state.recogniser.pool();
    let now = Snapshot {
        n_waiting: pool.n_waiting(),
        n_streams: pool.streams().n_held(),
        n_taught: header.taught.len(),
        model_digest: &digest,
        data_digest: &header.training.data_digest,
        epoch: header.training.kept_epoch,
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
        (status = 403, description = "a page of another origin", body = Body),
        (status = 409, description = "the new model is refused", body = Body),
        (status = 503, description = "the model is being changed: ask again", body = Body),
        AccessErrors
    )
)]
pub async fn reload(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    // Any page may send such a request without asking first.
    state.access.check_own(request.headers())?;
    let change = state.model.change_now()?;
    let fresh =
        web::block(move || change.reload()).await.map_err(ApiError::internal)?.map_err(ApiError::Reload)?;
    Ok(HttpResponse::Ok().json(Description::new(&fresh, &state.capacity)))
}
