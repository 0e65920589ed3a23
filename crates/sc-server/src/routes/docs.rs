//! The service described: for programs as an `OpenAPI` document, for people as pages that can be tried.

use std::sync::LazyLock;

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_SECURITY_POLICY, ContentEncoding, LOCATION},
    web::Path,
};
use utoipa::OpenApi;

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

/// A file of the pages, gzipped by the build script.
macro_rules! page {
    ($name:literal, $media_type:literal) => {
        ($name, $media_type, include_bytes!(concat!(env!("OUT_DIR"), "/docs-", $name, ".gz")).as_slice())
    };
}

static PAGES: [(&str, &str, &[u8]); 4] = [
    page!("index.html", "text/html; charset=utf-8"),
    page!("docs.js", "text/javascript; charset=utf-8"),
    page!("swagger-ui.css", "text/css; charset=utf-8"),
    page!("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
];

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
    let name = if file.is_empty() { "index.html" } else { file.as_str() };
    let page = PAGES.iter().find(|(known, ..)| *known == name);
    let (_, media_type, content) = page.ok_or(ApiError::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type(*media_type)
        .insert_header(ContentEncoding::Gzip)
        // It styles itself inline, and its icons are in its style sheet.
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
        ))
        .body(*content))
}
