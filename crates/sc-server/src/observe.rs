//! The id of every request, its line in the log, and its count in the metrics.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, Instant},
};

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use tracing::{Instrument, field::Empty};

use crate::{client::Client, connections::Connection, error::ApiError, paths, route::Route, state::AppState};

/// Probes and scrapes, which come every few seconds and say nothing: they are not logged.
const QUIET: [&str; 6] = [
    paths::HEALTH,
    paths::HEALTH_LIVE,
    paths::HEALTH_READY,
    paths::INFERENCE_LIVE,
    paths::INFERENCE_READY,
    paths::METRICS,
];

/// Names a request in the client's log and in this server's.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken, in bytes: longer than any program makes.
const MAX_ID: usize = 128;

/// Answers with the client's `x-request-id`, or with a fresh one, and logs and counts the request. Of those that
/// may be tried again later, only the number is logged.
///
/// Neither audio nor labels are logged.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let start = Instant::now();
    let id = request.headers().get(REQUEST_ID).filter(|id| is_id(id)).cloned().unwrap_or_else(fresh_id);
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let client = request.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default();
    let state = request.app_data::<Data<AppState>>().cloned();

    let span = tracing::info_span!("request", %method, route = Empty, request_id = ?id, status = Empty);
    let mut response = next.call(request).instrument(span.clone()).await?;

    let route = response.request().app_data::<Route>().map_or("none", |route| route.path);
    span.record("route", route);
    response.headers_mut().insert(REQUEST_ID, id.clone());
    let (status, time) = (response.status().as_u16(), start.elapsed());
    span.record("status", status);
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    if let Some(state) = state {
        count(&state, route, status, error, time);
    }
    let may_retry = error.is_some_and(|error| error.retry_after().is_some());
    if may_retry && Connection::of(response.request()).is_some_and(Connection::is_one_too_many) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    if !may_retry && !QUIET.contains(&route) {
        let path = without_words(&path, route);
        let id = id.to_str().unwrap_or_default();
        let key = response.request().extensions().get::<Client>().and_then(Client::key);
        tracing::info!(client, key, %method, path, status, ms = milliseconds(time), request_id = id);
    }
    Ok(response)
}

/// Returns a path for the log. The names of taught words are labels, which are not logged, also in a path that is not served:
/// behind a prefix that a proxy should have removed, or with an escaped letter.
fn without_words<'a>(path: &'a str, route: &'a str) -> &'a str {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    let is_of_words = |folder: &str| folder.eq_ignore_ascii_case(paths::WORDS.trim_start_matches('/'));
    if path.contains('%') || folders.split('/').any(is_of_words) { route } else { path }
}

/// Counts an answer, and the reason of a refusal.
pub fn count(state: &AppState, route: &str, status: u16, error: Option<&ApiError>, time: Duration) {
    state.metrics.answered(route, status, time);
    if let Some(error) = error {
        state.metrics.rejected(error.reason());
        if error.retry_after().is_some() {
            state.refusals.count();
        }
    }
}

/// Returns a time in milliseconds, to a thousandth.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn is_id(id: &HeaderValue) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

/// Makes an id of sixteen hexadecimal digits, from the keys that the standard library draws for its hash maps.
fn fresh_id() -> HeaderValue {
    let number = RandomState::new().build_hasher().finish();
    HeaderValue::from_str(&format!("{number:016x}")).unwrap_or(HeaderValue::from_static("0"))
}
