//! The table of routes, and their handlers.

mod admin;
mod assets;
mod detect;
mod docs;
mod health;
pub mod inference;
mod info;
mod pieces;
mod predict;
mod record;
mod stream;
mod words;

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, Handler, HttpResponse, Resource, Responder,
    http::header::{HeaderName, RETRY_AFTER},
    middleware::DefaultHeaders,
    web::{self, ServiceConfig},
};

use crate::{access::Audience, error::ApiError, observe::REQUEST_ID, paths, route::Route};

/// A path, and the function that makes its resource.
type Served = (&'static str, fn(&'static str) -> Resource);

/// Routes that say if the server is well.
const PROBES: [Served; 3] = [
    (paths::HEALTH, |path| get(path, health::health)),
    (paths::HEALTH_LIVE, |path| get(path, health::live)),
    (paths::HEALTH_READY, |path| get(path, health::ready)),
];

/// Routes that describe the service. The files of the page are public too.
const PUBLIC: [Served; 12] = [
    (paths::INFO, |path| get(path, info::info)),
    (paths::WORDS, |path| get(path, words::list)),
    (paths::INFERENCE, |path| get(path, inference::server)),
    (paths::INFERENCE_LIVE, |path| get(path, health::live)),
    (paths::INFERENCE_READY, |path| get(path, health::ready)),
    (paths::MODEL, |path| get(path, inference::metadata)),
    (paths::MODEL_READY, |path| get(path, inference::ready)),
    (paths::VERSION, |path| get(path, inference::metadata)),
    (paths::VERSION_READY, |path| get(path, inference::ready)),
    (paths::OPENAPI, |path| get(path, docs::openapi)),
    (paths::DOCS, |path| get(path, docs::to_docs)),
    (paths::RECORD, |path| get(path, record::record)),
];

/// Routes that cost something.
const GUARDED: [Served; 7] = [
    (paths::PREDICT, |path| post(path, predict::predict)),
    (paths::DETECT, |path| post(path, detect::detect)),
    (paths::STREAM, |path| get(path, stream::stream)),
    (paths::WORD, put_or_delete),
    (paths::TAUGHT_RECORD, |path| get(path, words::record)),
    (paths::MODEL_INFER, |path| post(path, inference::infer)),
    (paths::VERSION_INFER, |path| post(path, inference::infer)),
];

/// Routes for those who run the server.
const OPERATORS: [Served; 2] =
    [(paths::METRICS, |path| get(path, admin::metrics)), (paths::RELOAD, |path| post(path, admin::reload))];

/// Adds all routes, each behind the guard of its table.
pub fn routes(config: &mut ServiceConfig) {
    table().for_each(|route| route.register(config));
    config.default_service(web::to(not_found));
}

fn table() -> impl Iterator<Item = Route> {
    let of = |audience| move |(path, resource)| Route { path, audience, resource };
    let files = assets::ASSETS.iter().map(|asset| -> Served { (asset.path, |path| get(path, assets::file)) });
    PROBES
        .into_iter()
        .map(of(Audience::Probes))
        .chain(PUBLIC.into_iter().chain(files).map(of(Audience::Public)))
        .chain(GUARDED.into_iter().map(of(Audience::Guarded)))
        .chain(OPERATORS.into_iter().map(of(Audience::Operators)))
}

/// Returns headers that keep the page to what this server sends: no other host, no inline script, no frame
/// around it.
pub fn security_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((
            "Content-Security-Policy",
            "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; media-src blob:; object-src 'none'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
        ))
        .add(("Permissions-Policy", "microphone=(self)"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("X-Content-Type-Options", "nosniff"))
}

/// Returns the headers of answers that pages of other origins may read.
pub fn readable_headers() -> [HeaderName; 3] {
    [REQUEST_ID, RETRY_AFTER, HeaderName::from_static(inference::HEADER_LENGTH)]
}

fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(patterns(path))
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
    web::resource(patterns(path))
        .route(web::post().to(handler))
        .default_service(web::to(|| wrong_method("POST")))
}

/// Returns the paths that are served as `path`: clients may append a slash. Of `/docs` it makes the folder.
fn patterns(path: &str) -> Vec<String> {
    let folder = format!("{path}/");
    if path.ends_with('/') || path == paths::DOCS { vec![path.into()] } else { vec![path.into(), folder] }
}

fn put_or_delete(path: &str) -> Resource {
    web::resource(patterns(path))
        .route(web::put().to(words::teach))
        .route(web::delete().to(words::forget))
        .default_service(web::to(|| wrong_method("PUT, DELETE")))
}

async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound)
}

fn wrong_method(allowed: &'static str) -> Ready<Result<HttpResponse, ApiError>> {
    ready(Err(ApiError::WrongMethod { allowed }))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Arc};

    use actix_web::{
        App,
        http::{Method, StatusCode},
        test::{TestRequest, call_service, init_service},
        web::Data,
    };
    use sc_model::Backend;

    use super::*;
    use crate::{Access, Capacity, Lifecycle, MODEL_NAME, Model, ModelSource, state::AppState};

    /// The state of a server that asks for a key.
    fn state() -> Data<AppState> {
        let model = Model::load(ModelSource { file: None, words: None, backend: Backend::Native }).unwrap();
        let access = Access::new(vec!["0".repeat(64).parse().unwrap()], None, Vec::new());
        Data::new(AppState::new(
            Arc::new(model),
            MODEL_NAME.into(),
            Capacity::default(),
            access,
            Arc::<Lifecycle>::default(),
        ))
    }

    /// Returns a path of the route, as it is and with each letter written in percent.
    fn requested(route: &Route) -> [String; 2] {
        let path = route.path.replace("{model}", "speech-commands").replace("{version}", "1");
        let encoded = path.bytes().map(|byte| match byte {
            b'/' => "/".into(),
            byte => format!("%{byte:02x}"),
        });
        [encoded.collect(), path]
    }

    #[actix_web::test]
    async fn every_route_but_the_public_ones_asks_for_a_key() {
        let app = init_service(App::new().app_data(state()).configure(routes)).await;
        for route in table() {
            for path in requested(&route) {
                for method in [Method::GET, Method::POST] {
                    let request = TestRequest::with_uri(&path).method(method).to_request();
                    let status = call_service(&app, request).await.status();
                    let asks = status == StatusCode::UNAUTHORIZED;
                    let is_public = matches!(route.audience, Audience::Probes | Audience::Public);
                    assert_eq!(asks, !is_public, "{path}: {status}");
                }
            }
        }
    }

    #[actix_web::test]
    async fn a_route_without_the_state_that_holds_the_keys_is_closed() {
        let app = init_service(App::new().configure(routes)).await;
        for route in table() {
            let request = TestRequest::with_uri(&requested(&route)[1]).to_request();
            let status = call_service(&app, request).await.status();
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{}", route.path);
        }
    }

    #[test]
    fn each_path_stands_in_one_table() {
        let mut paths = HashSet::new();
        assert!(table().all(|route| paths.insert(route.path)), "a path is there twice");
    }
}
