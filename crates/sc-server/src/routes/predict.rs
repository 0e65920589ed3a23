//! A recording's keyword.

use actix_web::{
    HttpRequest, HttpResponse,
    error::QueryPayloadError,
    web::{Data, Payload, Query},
};
use sc_data::{Limits, Waveform};
use sc_model::{Classifier, Prediction};
use serde::{Deserialize, Serialize};

use crate::{
    Capacity,
    error::ApiError,
    pool::Pool,
    upload::{Upload, read_recordings},
};

/// Labels in an answer, the likeliest first, unless the query says how many.
const TOP_K: usize = 5;

/// What the query may ask for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wishes {
    /// Labels in an answer.
    top_k: Option<usize>,
    /// Least confidence at which a keyword is accepted.
    threshold: Option<f32>,
}

/// One of several answers.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Heard(Prediction),
    Failed { error: String },
}

/// `POST /predict`: recordings in, their likeliest keywords out.
pub async fn predict(
    request: HttpRequest,
    payload: Payload,
    capacity: Data<Capacity>,
    pool: Data<Pool>,
    classifier: Data<Classifier>,
) -> Result<HttpResponse, ApiError> {
    let wishes = Wishes::parse(request.query_string())?;
    let upload = read_recordings(request.headers(), payload, &capacity).await?;
    let hear = move |recording: &[u8]| wishes.answer(&classifier, recording, &capacity.recording);
    match upload {
        Upload::One(recording) => Ok(HttpResponse::Ok().json(pool.run(move || hear(&recording)).await??)),
        Upload::Several(recordings) => {
            let hear_all = move || -> Vec<Answer> {
                recordings.iter().map(|recording| hear(recording).map_err(ApiError::from).into()).collect()
            };
            Ok(HttpResponse::Ok().json(pool.run(hear_all).await?))
        }
    }
}

impl Wishes {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let wishes = Query::<Self>::from_query(query).map_err(|error| match error {
            QueryPayloadError::Deserialize(cause) => ApiError::Query(cause.to_string()),
            other => ApiError::Query(other.to_string()),
        })?;
        match (wishes.top_k, wishes.threshold) {
            (Some(0), _) => Err(ApiError::Query("top_k counts from 1".into())),
            (_, Some(threshold)) if !(0.0..=1.0).contains(&threshold) => {
                Err(ApiError::Query("threshold goes from 0 to 1".into()))
            }
            _ => Ok(wishes.into_inner()),
        }
    }

    fn answer(
        &self,
        classifier: &Classifier,
        recording: &[u8],
        limits: &Limits,
    ) -> Result<Prediction, sc_data::Error> {
        let waveform = Waveform::decode(recording, limits)?;
        let threshold = self.threshold.unwrap_or(classifier.header().threshold);
        let mut prediction = classifier.classify_at(&waveform, threshold);
        prediction.predictions.truncate(self.top_k.unwrap_or(TOP_K));
        Ok(prediction)
    }
}

impl From<Result<Prediction, ApiError>> for Answer {
    fn from(result: Result<Prediction, ApiError>) -> Self {
        match result {
            Ok(prediction) => Self::Heard(prediction),
            Err(error) => Self::Failed { error: error.message() },
        }
    }
}
