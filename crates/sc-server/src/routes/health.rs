//! The answers to probes.

use actix_web::web::{Data, Json};
use serde::Serialize;

use crate::{
    error::{ApiError, Body},
    paths::{HEALTH, HEALTH_LIVE, HEALTH_READY},
    state::AppState,
};

/// The answer of [`health`].
#[derive(Serialize, utoipa::ToSchema)]
pub struct Health {
    #[schema(example = "healthy")]
    status: &'static str,
    model_loaded: bool,
    /// The kind of device that the network runs on: `cpu` or `gpu`.
    #[schema(example = "cpu")]
    device: &'static str,
}

/// Says that the program runs and has a model
///
/// The answer is always 200, since no server starts without a model.
#[utoipa::path(get, path = HEALTH, tag = "operation", responses((status = 200, description = "it is well", body = Health)))]
pub async fn health(state: Data<AppState>) -> Json<Health> {
    let device = state.model.source().backend.device_kind();
    Json(Health { status: "healthy", model_loaded: true, device })
}

/// The answer of [`live`].
#[derive(Serialize, utoipa::ToSchema)]
pub struct Live {
    live: bool,
}

/// Says that the program runs
#[utoipa::path(get, path = HEALTH_LIVE, tag = "operation", responses((status = 200, description = "it runs", body = Live)))]
pub async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// The answer of [`ready`].
#[derive(Serialize, utoipa::ToSchema)]
pub struct Ready {
    ready: bool,
    live: bool,
}

/// Says if requests should be sent here
///
/// They should from the moment the model has passed its self-test until the server is told to stop.
#[utoipa::path(
    get, path = HEALTH_READY, tag = "operation",
    responses((status = 200, description = "send requests here", body = Ready), (status = 503, description = "the server is stopping", body = Body))
)]
pub async fn ready(state: Data<AppState>) -> Result<Json<Ready>, ApiError> {
    if state.lifecycle.is_stopping() {
        Err(ApiError::Stopping)
    } else {
        Ok(Json(Ready { ready: true, live: true }))
    }
}
