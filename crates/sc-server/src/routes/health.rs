//! Whether the server can answer.

use actix_web::web::{Data, Json};
use serde::Serialize;

use crate::{error::ApiError, lifecycle::Lifecycle};

/// What [`health`] answers.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Health {
    #[schema(example = "healthy")]
    status: &'static str,
    model_loaded: bool,
    #[schema(example = "cpu")]
    device: &'static str,
}

/// Whether the program runs and has a model
///
/// Always well, since no server starts without a model.
#[utoipa::path(get, path = "/health", tag = "operation", responses((status = 200, description = "well", body = Health)))]
pub async fn health() -> Json<Health> {
    Json(Health { status: "healthy", model_loaded: true, device: "cpu" })
}

/// What [`live`] answers.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Live {
    live: bool,
}

/// Whether the program runs
#[utoipa::path(get, path = "/health/live", tag = "operation", responses((status = 200, description = "it runs", body = Live)))]
pub async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// What [`ready`] answers.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Ready {
    ready: bool,
    live: bool,
}

/// Whether requests should be sent here
///
/// From the moment the model has passed its self-test until the server is told to stop.
#[utoipa::path(
    get, path = "/health/ready", tag = "operation",
    responses((status = 200, description = "send requests here", body = Ready), (status = 503, description = "the server is stopping", body = crate::error::Body))
)]
pub async fn ready(lifecycle: Data<Lifecycle>) -> Result<Json<Ready>, ApiError> {
    if lifecycle.is_stopping() {
        Err(ApiError::Stopping)
    } else {
        Ok(Json(Ready { ready: true, live: true }))
    }
}
