//! The way in: a request takes its place as soon as its head is there, and is refused before its body is read.

use std::time::Duration;

use actix_web::{
    HttpMessage, HttpRequest,
    error::PayloadError,
    rt::time::{Instant, sleep_until, timeout},
    web::{Bytes, Data, Payload},
};
use futures_util::{Stream, StreamExt};

use crate::{client::Client, connections::Connection, error::ApiError, places::Place, state::AppState};

/// Time for the next piece of a refused body to arrive: a slow network's round trip. The refusal waits no longer.
const THROW_AWAY: Duration = Duration::from_millis(500);

/// Takes a place for a request whose body is still to be read.
///
/// # Errors
/// [`ApiError::Busy`] if there is none.
pub async fn admit(
    request: &HttpRequest,
    payload: &mut Payload,
    state: &AppState,
) -> Result<Place, ApiError> {
    let client = client(request)?;
    match state.recogniser.pool().places().take(&client) {
        Ok(place) => Ok(place),
        Err(refusal) => Err(refuse(request, payload, refusal).await),
    }
}

/// Returns the client of a guarded request.
///
/// # Errors
/// [`ApiError::Internal`] if the request has passed by the guard.
pub fn client(request: &HttpRequest) -> Result<Client, ApiError> {
    request.extensions().get().cloned().ok_or_else(|| ApiError::internal(NoClient))
}

/// Throws the body of a refused request away. If the connection asks before the time that its last refusal
/// named, this one comes at that time: otherwise a greedy client could keep the server busy with refusals.
pub async fn refuse(
    request: &HttpRequest,
    payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    refusal: ApiError,
) -> ApiError {
    let Some(state) = request.app_data::<Data<AppState>>() else { return refusal };
    throw_away(state, payload).await;
    if let (Some(wait), Some(connection)) = (refusal.retry_after(), Connection::of(request)) {
        if let Some(time) = connection.not_before.get() {
            tokio::select! {
                () = sleep_until(time) => {}
                () = state.lifecycle.closed() => {} // a stop waits for all answers
            }
        }
        connection.not_before.set(Some(Instant::now() + wait));
    }
    refusal
}

/// Reads a body as long as it arrives, and keeps nothing of it: a client that still sends when the connection closes
/// would never see the answer, and only behind the body is there room for the next request.
async fn throw_away(state: &AppState, mut payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin) {
    let pieces = async { while let Ok(Some(Ok(_))) = timeout(THROW_AWAY, payload.next()).await {} };
    let _ = timeout(state.capacity.body_deadline, pieces).await;
}

/// A handler asked for the client of a request that no guard has let in.
#[derive(Debug, thiserror::Error)]
#[error("a request has no client: its route has no guard")]
struct NoClient;
