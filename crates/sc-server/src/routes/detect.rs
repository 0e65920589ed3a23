//! The keywords in a recording.

use std::{convert::Infallible, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{Accept, CACHE_CONTROL, Header},
    web::{Bytes, Data, Payload},
};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    error::{AccessErrors, ApiError, AudioErrors, Body},
    metrics::Metrics,
    paths::DETECT,
    query::DetectQuery,
    recogniser::{Audio, Detections, Progress},
    state::AppState,
    upload::{AudioFile, Encoded, Form, read_audio},
};

const EVENT_STREAM: &str = "text/event-stream";

/// Finds the keywords in a recording, up to the longest that is taken
///
/// The network answers every 80 ms for a second, and its probabilities are averaged over 320 ms. Where a keyword
/// comes near the threshold, a second look at the second around it decides. With `Accept: text/event-stream` each detection is sent
/// as a server-sent event `detection` as soon as it is found, and `end` with `duration_s` follows the last. A search that
/// ends early ends with an event `error` instead, with `error` and `reason`.
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
    let (files, place) = read_audio(&request, payload, &state, &DetectQuery::PARAMETERS).await?;
    let [file] = <[Bytes; 1]>::try_from(files).map_err(|_| ApiError::TooMany { limit: 1 })?;
    let audio = Audio::File(file);
    if !accepts_events(&request) {
        return Ok(HttpResponse::Ok().json(state.recogniser.detect(place, audio, config).await?));
    }
    let steps = state.recogniser.detect_in_steps(place, audio, config).await?;
    Ok(HttpResponse::Ok()
        .content_type(EVENT_STREAM)
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(events(steps, Arc::clone(&state.metrics))))
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

/// Turns each step into a server-sent event, to the last, and counts an error.
fn events(
    steps: UnboundedReceiver<Progress>,
    metrics: Arc<Metrics>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some((steps, metrics)), |left| async move {
        let (mut steps, metrics) = left?;
        Some(match steps.recv().await? {
            Progress::Detected(detection) => (Ok(event("detection", &detection)), Some((steps, metrics))),
            Progress::Done { duration_s } => (Ok(event("end", &End { duration_s })), None),
            Progress::Failed(error) => {
                metrics.rejected(error.reason());
                (Ok(event("error", &Body::from(&error))), None)
            }
        })
    })
}

fn event(name: &str, value: &impl Serialize) -> Bytes {
    let json = serde_json::to_string(value).unwrap_or_default();
    format!("event: {name}\ndata: {json}\n\n").into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::StreamExt;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::metrics::Snapshot;

    #[actix_web::test]
    async fn a_detection_that_ends_early_is_counted_and_ends_with_an_event_that_says_why() {
        let (progress, steps) = unbounded_channel();
        let error = ApiError::Deadline { limit: Duration::from_secs(30) };
        assert!(progress.send(Progress::Failed(error)).is_ok());
        let metrics = Arc::new(Metrics::new());
        let sent: Vec<_> = events(steps, Arc::clone(&metrics)).collect().await;
        let message = "no answer within 30 s: send less at once, or try again";
        let expected = format!("event: error\ndata: {{\"error\":\"{message}\",\"reason\":\"deadline\"}}\n\n");
        assert_eq!(sent, [Ok(Bytes::from(expected))]);
        let counted = metrics.to_text(&Snapshot::default()).unwrap();
        assert!(counted.contains("sc_rejected_total{reason=\"deadline\"} 1"), "{counted}");
    }
}
