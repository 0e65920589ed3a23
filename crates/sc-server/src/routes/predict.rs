//! A recording's keyword.

use std::time::Instant;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use sc_data::{Limits, Waveform};
use sc_model::{Classifier, Prediction};
use serde::Serialize;

use crate::{
    Capacity,
    error::{ApiError, Body},
    metrics::{Metrics, Stage},
    model::Model,
    pool::Pool,
    query::PredictQuery,
    upload::{Upload, read_recordings},
};

/// One of several answers.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum Answer {
    Heard(Prediction),
    Failed(Body),
}

/// One recording gets one answer, several get a list.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "read by the derive alone")]
enum Answers {
    One(Prediction),
    Several(Vec<Answer>),
}

/// The keyword in a recording
///
/// Of a recording longer than a second, the loudest second is heard. Several recordings in one form get a list
/// of answers in their order, each with its own result or error.
#[utoipa::path(
    post, path = "/predict", tag = "keywords", params(PredictQuery),
    request_body(content(
        (crate::upload::Form = "multipart/form-data"), (crate::upload::Recording = "audio/*"),
        (crate::upload::Recording = "application/octet-stream"), (crate::upload::Encoded = "application/json"),
    )),
    responses(
        (status = 200, description = "what was heard, or a list of it", body = Answers),
        crate::error::RecordingErrors, crate::error::AccessErrors
    )
)]
pub async fn predict(
    request: HttpRequest,
    payload: Payload,
    capacity: Data<Capacity>,
    pool: Data<Pool>,
    model: Data<Model>,
    metrics: Data<Metrics>,
) -> Result<HttpResponse, ApiError> {
    let query = PredictQuery::parse(request.query_string())?;
    let upload = read_recordings(request.headers(), payload, &capacity).await?;
    let classifier = model.current();
    let deadline = Instant::now() + capacity.deadline;
    let hear = move |recording: &[u8]| answer(recording, &query, &classifier, &capacity.recording, &metrics);
    match upload {
        Upload::One(recording) if is_short(&recording) => {
            Ok(HttpResponse::Ok().json(pool.run_short(|| hear(&recording)).await??))
        }
        Upload::One(recording) => Ok(HttpResponse::Ok().json(pool.run(move || hear(&recording)).await??)),
        Upload::Several(recordings) => {
            let hear_all = move || -> Vec<Answer> {
                // After it nobody waits any more.
                let in_time = recordings.iter().take_while(|_| Instant::now() < deadline);
                in_time.map(|recording| hear(recording).map_err(ApiError::from).into()).collect()
            };
            Ok(HttpResponse::Ok().json(pool.run(hear_all).await?))
        }
    }
}

/// Whether a recording is heard within about a millisecond: a WAV file of about a second.
fn is_short(recording: &[u8]) -> bool {
    const MAX_BYTES: usize = 100_000; // a second at 48 kHz
    recording.starts_with(b"RIFF") && recording.len() <= MAX_BYTES
}

fn answer(
    recording: &[u8],
    query: &PredictQuery,
    classifier: &Classifier,
    limits: &Limits,
    metrics: &Metrics,
) -> Result<Prediction, sc_data::Error> {
    let start = Instant::now();
    let waveform = Waveform::decode(recording, limits)?;
    metrics.took(Stage::Decode, start.elapsed());
    let threshold = query.threshold.unwrap_or(classifier.header().threshold);
    let mut prediction = metrics.classify(classifier, &waveform, threshold);
    prediction.predictions.truncate(query.top_k);
    Ok(prediction)
}

impl From<Result<Prediction, ApiError>> for Answer {
    fn from(result: Result<Prediction, ApiError>) -> Self {
        match result {
            Ok(prediction) => Self::Heard(prediction),
            Err(error) => Self::Failed(Body { error: error.message() }),
        }
    }
}
