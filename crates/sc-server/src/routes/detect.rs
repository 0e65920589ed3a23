//! The keywords in audio of any length.

use std::convert::Infallible;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{Accept, CACHE_CONTROL, Header},
    web::{Bytes, Data, Payload},
};
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    error::{AccessErrors, ApiError, AudioErrors},
    paths::DETECT,
    query::DetectQuery,
    recogniser::{Audio, Detections, Progress},
    state::AppState,
    upload::{AudioFile, Encoded, Form, Upload, read_audio},
};

const EVENT_STREAM: &str = "text/event-stream";

/// Finds the keywords in a recording, up to the longest that is taken
///
/// The network answers every 80 ms for a second, and its probabilities are averaged over 320 ms. Where a keyword
/// comes near the threshold, a second look at the second around it decides. With `Accept: text/event-stream` each detection is sent
/// as a server-sent event `detection` as soon as it is found, and `end` with `duration_s` follows the last.
#[utoipa::path(
    post, path = DETECT, tag = "keywords", params(DetectQuery),
    request_body(content(
        (AudioFile = "audio/*"), (AudioFile = "application/octet-stream"),
        (Encoded = "application/json"), (Form = "multipart/form-data"),
    )),
    responses((status = 200, description = "the keywords", body = Detections), AudioErrors, AccessErrors)
)]
pub async fn detect(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let config = DetectQuery::parse(request.query_string())?;
    let (Upload::One(file), place) = read_audio(&request, payload, &state, &DetectQuery::PARAMETERS).await?
    else {
        return Err(ApiError::TooMany { limit: 1 });
    };
    let audio = Audio::File(file);
    if !accepts_events(&request) {
        return Ok(HttpResponse::Ok().json(state.recogniser.detect(place, audio, config).await?));
    }
    let steps = state.recogniser.detect_in_steps(place, audio, config).await?;
    Ok(HttpResponse::Ok()
        .content_type(EVENT_STREAM)
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(events(steps)))
}

/// Returns true if an event stream is what the client likes best.
fn accepts_events(request: &HttpRequest) -> bool {
    Accept::parse(request).is_ok_and(|accepted| accepted.preference().essence_str() == EVENT_STREAM)
}

/// The data of the last event. `json!` would write a number of single precision with digits that it does not have.
#[derive(Serialize)]
struct End {
    duration_s: f32,
}

/// Turns each step into a server-sent event, to the last.
fn events(steps: UnboundedReceiver<Progress>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some(steps), |steps| async move {
        let mut steps = steps?;
        Some(match steps.recv().await? {
            Progress::Detected(detection) => (Ok(event("detection", &detection)), Some(steps)),
            Progress::Done { duration_s } => (Ok(event("end", &End { duration_s })), None),
            Progress::Failed { error } => (Ok(event("error", &json!({ "error": error }))), None),
        })
    })
}

fn event(name: &str, value: &impl Serialize) -> Bytes {
    let json = serde_json::to_string(value).unwrap_or_default();
    format!("event: {name}\ndata: {json}\n\n").into()
}
