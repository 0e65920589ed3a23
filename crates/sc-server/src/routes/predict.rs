//! The keyword in a clip.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, Payload},
};
use sc_model::Prediction;
use serde::Serialize;

use crate::{
    error::{AccessErrors, ApiError, AudioErrors, Body},
    paths::PREDICT,
    query::PredictQuery,
    recogniser::Audio,
    state::AppState,
    upload::{AudioFile, Encoded, Form, read_audio},
};

/// The result for one of several clips.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum ClipResult {
    Recognised(Prediction),
    Refused(Body),
}

/// One clip gets one prediction, several get a list of results.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "read by the derive alone")]
enum Results {
    One(Prediction),
    Several(Vec<ClipResult>),
}

/// Names the keyword in a recording
///
/// In a recording longer than a second, the loudest second counts. Several recordings in one form get a list of
/// results in their order, each a prediction or an error.
#[utoipa::path(
    post, path = PREDICT, tag = "keywords", params(PredictQuery),
    request_body(content(
        (Form = "multipart/form-data"), (AudioFile = "audio/*"),
        (AudioFile = "application/octet-stream"), (Encoded = "application/json"),
    )),
    responses(
        (status = 200, description = "the prediction, or a list of results", body = Results),
        AudioErrors, AccessErrors
    )
)]
pub async fn predict(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let PredictQuery { top_k, threshold } = PredictQuery::parse(request.query_string())?;
    let shorten = |mut prediction: Prediction| {
        prediction.predictions.truncate(top_k);
        prediction
    };
    let (files, place) = read_audio(&request, payload, &state, &PredictQuery::PARAMETERS).await?;
    match <[Bytes; 1]>::try_from(files) {
        Ok([file]) => {
            let prediction = state.recogniser.classify(place, Audio::File(file), threshold).await?;
            Ok(HttpResponse::Ok().json(shorten(prediction)))
        }
        Err(files) => {
            let clips = files.into_iter().map(Audio::File).collect();
            let (_, answers) = state.recogniser.classify_all(place, clips, threshold).await?;
            let results = answers.into_iter().map(|answer| match answer {
                Ok(prediction) => ClipResult::Recognised(shorten(prediction)),
                Err(error) => refuse(&state, &error.into()),
            });
            Ok(HttpResponse::Ok().json(results.collect::<Vec<ClipResult>>()))
        }
    }
}

/// Refuses one of several clips, and counts that.
fn refuse(state: &AppState, error: &ApiError) -> ClipResult {
    state.metrics.rejected(error.reason());
    ClipResult::Refused(error.into())
}
