//! The keywords in a stretch of sound.

use std::{convert::Infallible, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, CACHE_CONTROL},
    web::{Bytes, Data, Payload},
};
use futures_util::{Stream, stream};
use sc_data::{SAMPLE_RATE_HZ, decode};
use sc_model::{Classifier, Detection, Detector, DetectorConfig};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::{
    Capacity,
    error::ApiError,
    model::Model,
    pool::Pool,
    query::DetectQuery,
    upload::{Upload, read_recordings},
};

/// Events on their way to a client that reads slower than they are found.
const EVENTS_AHEAD: usize = 16;

/// What was heard in a recording.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Heard {
    /// Length of the recording.
    duration_s: f32,
    /// In the order they were heard.
    detections: Vec<Detection>,
}

/// The keywords in a recording, up to the longest that is taken
///
/// A window of a second moves over the recording; its probabilities are averaged over 300 ms, and a keyword
/// is detected when its average reaches the threshold. With `Accept: text/event-stream` each is sent as a
/// server-sent event `detection` as soon as it is found, and `end` with `duration_s` after the last.
#[utoipa::path(
    post, path = "/detect", tag = "keywords", params(DetectQuery),
    request_body(content(
        (crate::upload::Recording = "audio/*"), (crate::upload::Recording = "application/octet-stream"),
        (crate::upload::Encoded = "application/json"), (crate::upload::Form = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "what was heard", body = Heard),
        crate::error::RecordingErrors, crate::error::AccessErrors
    )
)]
pub async fn detect(
    request: HttpRequest,
    payload: Payload,
    capacity: Data<Capacity>,
    pool: Data<Pool>,
    model: Data<Model>,
) -> Result<HttpResponse, ApiError> {
    let config = DetectQuery::parse(request.query_string())?;
    let Upload::One(recording) = read_recordings(request.headers(), payload, &capacity).await? else {
        return Err(ApiError::TooMany { limit: 1 });
    };
    let classifier = model.current();
    let samples = pool.run(move || decode(&recording, &capacity.recording)).await??;
    let accepts_events =
        request.headers().get_all(ACCEPT).any(|value| value.as_bytes().starts_with(b"text/event-stream"));
    if accepts_events {
        return Ok(HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header((CACHE_CONTROL, "no-store"))
            .streaming(events(pool, classifier, config, samples)));
    }
    let heard = pool
        .run(move || {
            let mut detections = Vec::new();
            listen(classifier, &config, &samples, |detection| {
                detections.push(detection);
                true
            });
            Heard { duration_s: seconds(&samples), detections }
        })
        .await?;
    Ok(HttpResponse::Ok().json(heard))
}

fn seconds(samples: &[f32]) -> f32 {
    samples.len() as f32 / SAMPLE_RATE_HZ as f32
}

/// Tells `hear` each detection at once; stops when it answers `false`.
fn listen(
    classifier: Arc<Classifier>,
    config: &DetectorConfig,
    samples: &[f32],
    mut hear: impl FnMut(Detection) -> bool,
) {
    let mut detector = Detector::new(classifier, config);
    for second in samples.chunks(SAMPLE_RATE_HZ as usize) {
        if !detector.push(second).into_iter().all(&mut hear) {
            return;
        }
    }
    detector.finish().into_iter().all(hear);
}

/// Server-sent events, each as soon as it is found.
fn events(
    pool: Data<Pool>,
    classifier: Arc<Classifier>,
    config: DetectorConfig,
    samples: Vec<f32>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let (sender, events) = mpsc::channel(EVENTS_AHEAD);
    actix_web::rt::spawn(async move {
        let client = sender.clone();
        let duration_s = seconds(&samples);
        // A closed channel is a client that has gone.
        let job = move || {
            listen(classifier, &config, &samples, |detection| {
                client.blocking_send(event("detection", &detection)).is_ok()
            });
        };
        let last = match pool.run(job).await {
            Ok(()) => event("end", &serde_json::json!({ "duration_s": duration_s })),
            Err(error) => event("error", &serde_json::json!({ "error": error.message() })),
        };
        let _ = sender.send(last).await;
    });
    stream::unfold(events, |mut events| async move { events.recv().await.map(|event| (Ok(event), events)) })
}

fn event(name: &str, value: &impl Serialize) -> Bytes {
    let json = serde_json::to_string(value).unwrap_or_default();
    format!("event: {name}\ndata: {json}\n\n").into()
}
