//! The service described: for programs as an `OpenAPI` document, for people as pages that can be tried.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_SECURITY_POLICY, LOCATION},
    web::Path,
};
use utoipa::OpenApi;
use utoipa_swagger_ui::{Config, serve};

use super::{admin, detect, health, inference, info, predict, stream};
use crate::error::ApiError;

/// What every endpoint takes and answers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Speech commands",
        description = "Recordings in, spoken keywords out. Errors are `{\"error\": \"what was wrong, and what would be right\"}`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/")),
    tags(
        (name = "keywords", description = "Recordings to keywords"),
        (name = "inference", description = "The same by the Open Inference Protocol, version 2"),
        (name = "operation", description = "For whoever runs the server"),
    ),
    paths(
        predict::predict, detect::detect, stream::stream, info::info,
        inference::server, inference::metadata, inference::ready, inference::infer,
        health::health, health::live, health::ready, admin::metrics, admin::reload,
    ),
)]
struct Api;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_json().unwrap_or_default());

static SWAGGER: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").try_it_out_enabled(true)));

/// `GET /openapi.json`: `OpenAPI` 3.1.
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT.as_str())
}

/// `GET /docs`: its files lie beside it.
pub async fn to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

/// `GET /docs/…`: Swagger UI, from this program.
pub async fn docs(file: Path<String>) -> Result<HttpResponse, ApiError> {
    let file =
        serve(&file, Arc::clone(&SWAGGER)).map_err(|error| ApiError::Internal(error.to_string().into()))?;
    let file = file.ok_or(ApiError::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        // It styles itself inline, and its icons are in its style sheet.
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
        ))
        .body(file.bytes.into_owned()))
}
