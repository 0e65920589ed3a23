//! A recording's keyword.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Payload},
};
use sc_data::Waveform;
use sc_model::{Classifier, Prediction};

use crate::{Capacity, error::ApiError, pool::Pool, upload::read_recording};

/// Labels in an answer, the likeliest first.
const N_PREDICTIONS: usize = 5;

/// `POST /predict`: one recording in, the likeliest keywords out.
pub async fn predict(
    request: HttpRequest,
    payload: Payload,
    capacity: Data<Capacity>,
    pool: Data<Pool>,
    classifier: Data<Classifier>,
) -> Result<Json<Prediction>, ApiError> {
    let recording = read_recording(request.headers(), payload, &capacity).await?;
    let answer = move || {
        let waveform = Waveform::decode(&recording, &capacity.recording)?;
        Ok::<_, sc_data::Error>(classifier.classify(&waveform))
    };
    let mut prediction = pool.run(answer).await??;
    prediction.predictions.truncate(N_PREDICTIONS);
    Ok(Json(prediction))
}
