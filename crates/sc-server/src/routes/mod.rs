//! What is served under which path.

mod admin;
mod assets;
mod detect;
mod docs;
mod health;
mod inference;
mod info;
mod predict;
mod stream;

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, Handler, HttpResponse, Resource, Responder,
    middleware::DefaultHeaders,
    web::{self, ServiceConfig},
};

use crate::error::ApiError;

/// The route table.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(post("/predict", predict::predict))
        .service(post("/detect", detect::detect))
        .service(get("/stream", stream::stream))
        .service(get("/info", info::info))
        .service(get("/health", health::health))
        .service(get("/health/live", health::live))
        .service(get("/health/ready", health::ready))
        .service(get("/v2", inference::server))
        .service(get("/v2/health/live", health::live))
        .service(get("/v2/health/ready", health::ready))
        .service(get("/metrics", admin::metrics))
        .service(post("/admin/reload", admin::reload))
        .service(get("/openapi.json", docs::openapi))
        .service(get("/docs", docs::to_docs))
        .default_service(web::to(not_found));
    for model in ["/v2/models/{model}", "/v2/models/{model}/versions/{version}"] {
        config
            .service(get(model, inference::metadata))
            .service(get(&format!("{model}/ready"), inference::ready))
            .service(post(&format!("{model}/infer"), inference::infer));
    }
    for asset in &assets::ASSETS {
        config.service(get(asset.path, move |request| async move { asset.respond(&request) }));
    }
}

/// Keeps the page to what this server sends: no foreign host, no inline script, no frame around it.
pub fn security_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ))
        .add(("Permissions-Policy", "microphone=(self)"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("X-Content-Type-Options", "nosniff"))
}

fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(|| wrong_method("GET, HEAD")))
}

fn post<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).route(web::post().to(handler)).default_service(web::to(|| wrong_method("POST")))
}

async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound)
}

fn wrong_method(allowed: &'static str) -> Ready<Result<HttpResponse, ApiError>> {
    ready(Err(ApiError::WrongMethod { allowed }))
}
