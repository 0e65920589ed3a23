//! Whether the server can answer.

use actix_web::web::Json;
use serde::Serialize;

/// What [`health`] answers.
#[derive(Serialize)]
pub struct Health {
    status: &'static str,
    model_loaded: bool,
    device: &'static str,
}

/// `GET /health`: always well, since no server starts without a model.
pub async fn health() -> Json<Health> {
    Json(Health { status: "healthy", model_loaded: true, device: "cpu" })
}
