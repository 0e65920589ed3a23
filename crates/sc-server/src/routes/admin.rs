//! For whoever runs the server.

use actix_web::{
    HttpResponse,
    web::{self, Data},
};

use super::info::describe;
use crate::{Capacity, error::ApiError, metrics::Metrics, model::Model, pool::Pool};

/// Figures for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses(
        (status = 200, description = "Prometheus's text format", body = String, content_type = "text/plain"),
        crate::error::AccessErrors
    )
)]
pub async fn metrics(
    metrics: Data<Metrics>,
    pool: Data<Pool>,
    model: Data<Model>,
) -> Result<HttpResponse, ApiError> {
    let text = metrics.to_text(&pool, &model.current()).map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

/// Load the model's file again
///
/// The new model is loaded and tested aside, then takes the place of the old one between two requests. One that
/// does not load or fails its self-test is refused, and the old one goes on answering.
#[utoipa::path(
    post, path = "/admin/reload", tag = "operation",
    responses(
        (status = 200, description = "as /info", body = serde_json::Value),
        (status = 409, description = "the new model is refused", body = crate::error::Body),
        crate::error::AccessErrors
    )
)]
pub async fn reload(model: Data<Model>, capacity: Data<Capacity>) -> Result<HttpResponse, ApiError> {
    let fresh = web::block(move || model.reload()).await.map_err(ApiError::internal)?;
    let fresh = fresh.map_err(ApiError::Reload)?;
    Ok(HttpResponse::Ok().json(describe(&fresh, &capacity)))
}
