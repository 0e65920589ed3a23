//! The description of the service for programs. The pages under `/docs/` show it to people, who can try it.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header::LOCATION};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
};

use super::{admin, detect, health, inference, info, predict, stream, words};

/// Every endpoint with its requests and responses.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Speech commands",
        description = "Recordings in, spoken keywords out. Errors are `{\"error\": \"what was wrong, and what would be right\"}`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/")),
    security((), ("bearer" = []), ("api_key" = [])),
    modifiers(&Keys),
    tags(
        (name = "keywords", description = "Recordings to keywords"),
        (name = "words", description = "Words of one's own, by a few recordings"),
        (name = "inference", description = "The same by the Open Inference Protocol, version 2"),
        (name = "operation", description = "For whoever runs the server"),
    ),
    paths(
        predict::predict, detect::detect, stream::stream, info::info,
        words::list, words::teach, words::forget, words::record,
        inference::server, inference::metadata, inference::ready, inference::infer,
        health::health, health::live, health::ready, admin::metrics, admin::reload,
    ),
)]
struct Api;

/// Adds the headers that a server with `--api-key` reads the key from.
struct Keys;

impl Modify for Keys {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(header));
    }
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_json().unwrap_or_default());

/// Sends the description, as `OpenAPI` 3.1.
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT.as_str())
}

/// Redirects `/docs` to `/docs/`, the folder of the page's files. The target is relative: a proxy may serve both
/// under another path.
pub async fn to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish()
}
