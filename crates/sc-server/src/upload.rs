//! A request's body to the bytes of its recording.

use actix_multipart::{Field, Multipart};
use actix_web::{
    error::PayloadError,
    http::header::HeaderMap,
    rt::time::timeout,
    web::{Bytes, BytesMut, Payload},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Capacity, error::ApiError};

/// The form field that carries the recording.
const FIELD: &str = "file";

/// Reads the form in `payload` and returns its field `file`.
///
/// # Errors
/// [`ApiError::TooLarge`] and [`ApiError::TooSlow`] if the body exceeds what `capacity` allows,
/// [`ApiError::Form`] if it is not a form, [`ApiError::NoFile`] if the form lacks the field.
pub async fn read_recording(
    headers: &HeaderMap,
    payload: Payload,
    capacity: &Capacity,
) -> Result<Bytes, ApiError> {
    let body = timeout(capacity.body_deadline, read_body(payload, capacity.recording.max_bytes))
        .await
        .map_err(|_| ApiError::TooSlow { limit: capacity.body_deadline })??;
    file_field(headers, body).await
}

/// Reads the body to its end even past `limit`, throwing the excess away: a client that is still
/// sending when the connection closes would never see the answer.
async fn read_body(mut payload: Payload, limit: usize) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    let mut fits = true;
    while let Some(chunk) = payload.next().await.transpose()? {
        fits = fits && body.len() + chunk.len() <= limit;
        if fits {
            body.extend_from_slice(&chunk);
        }
    }
    if fits { Ok(body.freeze()) } else { Err(ApiError::TooLarge { limit }) }
}

async fn file_field(headers: &HeaderMap, body: Bytes) -> Result<Bytes, ApiError> {
    let body = stream::iter([Ok::<_, PayloadError>(body)]);
    let mut form = Multipart::new(headers, body);
    while let Some(field) = form.try_next().await? {
        if field.name() == Some(FIELD) {
            return content(field).await;
        }
    }
    Err(ApiError::NoFile)
}

async fn content(mut field: Field) -> Result<Bytes, ApiError> {
    let mut content = BytesMut::new();
    while let Some(chunk) = field.try_next().await? {
        content.extend_from_slice(&chunk);
    }
    Ok(content.freeze())
}
