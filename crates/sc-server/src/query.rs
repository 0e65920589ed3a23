//! The queries of requests, parsed and checked.

use actix_web::{error::QueryPayloadError, web::Query};
use sc_model::{DetectorConfig, check_threshold};
use serde::{Deserialize, de::DeserializeOwned};

use crate::error::ApiError;

/// Labels in an answer unless the query sets their number.
const TOP_K: usize = 5;

/// The query of `POST /predict`.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PredictQuery {
    /// Number of labels in an answer, the likeliest first.
    #[serde(default = "top_k")]
    #[param(minimum = 1, default = 5)]
    pub top_k: usize,
    /// Least confidence at which a keyword is accepted, instead of the model's own threshold.
    #[param(minimum = 0, maximum = 1)]
    pub threshold: Option<f32>,
}

fn top_k() -> usize {
    TOP_K
}

impl PredictQuery {
    pub const PARAMETERS: [&str; 2] = ["top_k", "threshold"];

    /// Reads a query string.
    ///
    /// # Errors
    /// [`ApiError::Query`] names what is wrong.
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let parsed: Self = parse(query)?;
        if parsed.top_k == 0 {
            return Err(ApiError::Query("top_k counts from 1".into()));
        }
        parsed.threshold.map_or(Ok(()), check_threshold).map_err(ApiError::Query)?;
        Ok(parsed)
    }
}

/// The query of `POST /detect`.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DetectQuery {
    /// Milliseconds from one answer to the next. They become a multiple of the network's own: of 80 for the
    /// shipped model.
    #[param(minimum = 10, maximum = 1000, default = 80)]
    pub hop_ms: Option<u32>,
    /// Least confidence at which a keyword is detected, instead of the model's own threshold.
    #[param(minimum = 0, maximum = 1)]
    pub threshold: Option<f32>,
}

impl DetectQuery {
    pub const PARAMETERS: [&str; 2] = ["hop_ms", "threshold"];

    /// Reads a query string.
    ///
    /// # Errors
    /// [`ApiError::Query`] names what is wrong.
    pub fn parse(query: &str) -> Result<DetectorConfig, ApiError> {
        let Self { hop_ms, threshold } = parse(query)?;
        detector_config(hop_ms, threshold)
    }
}

/// The query of `GET /stream`.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Samples a second that the client will send.
    #[serde(default = "sample_rate")]
    #[param(minimum = 4000, maximum = 192_000, default = 16_000)]
    pub sample_rate: u32,
    /// Also send the likeliest label of the newest step, after each message in which a step ended.
    #[serde(default)]
    pub scores: bool,
    /// Milliseconds from one answer to the next. They become a multiple of the network's own: of 80 for the
    /// shipped model.
    #[param(minimum = 10, maximum = 1000, default = 80)]
    pub hop_ms: Option<u32>,
    /// Least confidence at which a keyword is detected, instead of the model's own threshold.
    #[param(minimum = 0, maximum = 1)]
    pub threshold: Option<f32>,
}

fn sample_rate() -> u32 {
    sc_data::SAMPLE_RATE_HZ
}

impl StreamQuery {
    /// Reads a query string.
    ///
    /// # Errors
    /// [`ApiError::Query`] names what is wrong.
    pub fn parse(query: &str) -> Result<(Self, DetectorConfig), ApiError> {
        let parsed: Self = parse(query)?;
        let config = detector_config(parsed.hop_ms, parsed.threshold)?;
        Ok((parsed, config))
    }
}

fn detector_config(hop_ms: Option<u32>, threshold: Option<f32>) -> Result<DetectorConfig, ApiError> {
    let hop = hop_ms.map(|hop| hop as f32 / 1000.0);
    DetectorConfig::new(hop, None, threshold).map_err(ApiError::Query)
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    Query::from_query(query).map(Query::into_inner).map_err(|error| {
        let cause = match error {
            QueryPayloadError::Deserialize(cause) => cause.to_string(),
            other => other.to_string(),
        };
        if cause.starts_with("unknown field") {
            return ApiError::Query(cause); // it names those that there are
        }
        // Other causes name no parameter. None is needed, so that each can be tried alone.
        let wrong = query.split('&').find(|parameter| Query::<T>::from_query(parameter).is_err());
        let expected = wrong.and_then(|parameter| Some((parameter, expected(parameter.split('=').next()?)?)));
        ApiError::Query(
            expected.map_or(cause, |(parameter, expected)| format!("{parameter}: expected {expected}")),
        )
    })
}

/// Returns what a parameter must be, if there is one of this name.
fn expected(name: &str) -> Option<&'static str> {
    match name {
        "top_k" => Some("a whole number, 1 or more"),
        "threshold" => Some("a number from 0 to 1"),
        "sample_rate" => Some("a whole number of samples a second"),
        "hop_ms" => Some("a whole number of milliseconds, 10 to 1000"),
        "scores" => Some("true or false"),
        _ => None,
    }
}
