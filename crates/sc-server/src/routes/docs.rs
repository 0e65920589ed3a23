//! The description of the service for programs. The pages under `/docs/` show it to people, who can try it.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header::LOCATION};
use serde_json::json;
use utoipa::{
    Modify, OpenApi, PartialSchema,
    openapi::{
        PathItem, RefOr, Required,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::{admin, detect, health, inference, info, predict, record, stream, words};
use crate::paths;

/// Every endpoint with its requests and responses.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Speech commands",
        description = "Recordings in, spoken keywords out. \
            Errors are `{\"error\": \"what was wrong, and what would be right\", \"reason\": \"its kind, for programs\"}`, \
            except for a refused CORS preflight, which gets plain text, and a head that cannot be read, which gets no body.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = ".")), // of this document: a proxy may serve it under another path
    security((), ("bearer" = []), ("api_key" = [])),
    modifiers(&Keys, &SamePaths),
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
        health::health, health::live, health::ready, admin::metrics, admin::reload, record::record,
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

/// Adds the paths that lead where another one does.
struct SamePaths;

/// Each with the path that is described, and with the id of its operation.
const SAME_PATHS: [(&str, &str, &str); 5] = [
    (paths::INFERENCE_LIVE, paths::HEALTH_LIVE, "inference_live"),
    (paths::INFERENCE_READY, paths::HEALTH_READY, "inference_ready"),
    (paths::VERSION, paths::MODEL, "version"),
    (paths::VERSION_READY, paths::MODEL_READY, "version_ready"),
    (paths::VERSION_INFER, paths::MODEL_INFER, "version_infer"),
];

impl Modify for SamePaths {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        for (path, described, id) in SAME_PATHS {
            let Some(mut item) = api.paths.get_path_item(described).cloned() else { continue };
            let PathItem { get, post, .. } = &mut item;
            get.iter_mut().chain(post).for_each(|operation| rename(operation, path, id));
            api.paths.paths.insert(path.into(), item);
        }
    }
}

/// Makes a described operation that of `path`.
fn rename(operation: &mut Operation, path: &str, id: &str) {
    operation.operation_id = Some(id.into());
    operation.tags = Some(vec!["inference".into()]);
    if path.contains("{version}") {
        operation.parameters.get_or_insert_default().push(RefOr::T(version()));
    }
}

fn version() -> Parameter {
    let parameter = ParameterBuilder::new().name("version").parameter_in(ParameterIn::Path);
    let parameter = parameter.required(Required::True).schema(Some(String::schema()));
    parameter.example(Some(json!(inference::VERSION))).build()
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
