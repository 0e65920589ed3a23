//! Finds the audio files in the body of a request.

use std::io::Read;

use actix_multipart::{Field, Multipart};
use actix_web::{
    error::PayloadError,
    http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
    rt::time::timeout,
    web::{Bytes, BytesMut, Payload},
};
use base64::{DecodeError, Engine, prelude::BASE64_STANDARD};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use crate::{Capacity, error::ApiError};

/// The form field that carries an audio file.
const FIELD: &str = "file";

/// Clips that one request may hold: one worker answers them all, at about a millisecond each.
pub const MAX_CLIPS: usize = 1_000;

/// The audio files that a client sent.
pub enum Upload {
    /// One file. It gets one answer.
    One(Bytes),
    /// Several files of a form. They get a list of answers.
    Several(Vec<Bytes>),
}

/// `{"audio": "<base64>"}`
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Encoded {
    /// The bytes of an audio file, in base64.
    #[schema(content_encoding = "base64")]
    audio: String,
}

/// The bytes of an audio file: WAV, FLAC, MP3, AAC, MP4, `WebM`, Ogg Vorbis, Opus, AIFF or CAF.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "read by the derive alone")]
pub struct AudioFile(Vec<u8>);

/// A form with one audio file or more.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "read by the derive alone")]
pub struct Form {
    /// The audio files, in one field `file` each.
    file: Vec<AudioFile>,
}

/// Reads the audio files in `payload`: the fields `file` of a form, the body itself, or JSON.
///
/// # Errors
/// [`ApiError::TooLarge`] and [`ApiError::TooSlow`] if the body exceeds what `capacity` allows,
/// [`ApiError::TooMany`] if a form holds more than [`MAX_CLIPS`] files;
/// [`ApiError::Form`], [`ApiError::NoFile`], [`ApiError::Json`] and [`ApiError::ContentType`] if it holds
/// no file.
pub async fn read_audio(
    headers: &HeaderMap,
    payload: Payload,
    capacity: &Capacity,
) -> Result<Upload, ApiError> {
    let body = read_body(headers, payload, capacity).await?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        media if media.starts_with("multipart/") => file_fields(headers, body).await,
        "application/json" => decode_json(&body).map(Upload::One),
        "application/octet-stream" => Ok(Upload::One(body)),
        // Recorders of browsers name the container, which may be a video's.
        media if media.starts_with("audio/") || media.starts_with("video/") => Ok(Upload::One(body)),
        "" => Err(ApiError::ContentType { got: "no Content-Type".into() }),
        other => Err(ApiError::ContentType { got: other.into() }),
    }
}

/// Reads a body of any type, and unpacks it if it is compressed.
///
/// # Errors
/// [`ApiError::TooLarge`] and [`ApiError::TooSlow`] if it exceeds what `capacity` allows, packed or unpacked;
/// [`ApiError::ContentEncoding`] if it is compressed in another way than gzip or deflate.
pub async fn read_body(
    headers: &HeaderMap,
    payload: Payload,
    capacity: &Capacity,
) -> Result<Bytes, ApiError> {
    let body = read_to_end(payload, capacity.audio.max_bytes);
    let limit = capacity.body_deadline;
    let body = timeout(limit, body).await.unwrap_or(Err(ApiError::TooSlow { limit }))?;
    unpack(headers, body, capacity.audio.max_bytes)
}

fn unpack(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, ApiError> {
    let encoding = headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim());
    match encoding.unwrap_or("identity").to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => unpack_from(MultiGzDecoder::new(body.as_ref()), limit),
        "deflate" => unpack_from(ZlibDecoder::new(body.as_ref()), limit),
        other => Err(ApiError::ContentEncoding { got: other.into() }),
    }
}

/// Unpacks to its end, or to a byte more than `limit`: a small body can unpack to gigabytes.
fn unpack_from(packed: impl Read, limit: usize) -> Result<Bytes, ApiError> {
    let mut unpacked = Vec::new();
    packed.take(limit as u64 + 1).read_to_end(&mut unpacked).map_err(ApiError::Unpack)?;
    if unpacked.len() > limit { Err(ApiError::TooLarge { limit }) } else { Ok(unpacked.into()) }
}

/// Reads the body to its end, even past `limit`, and throws the excess away: a client that still sends
/// when the connection closes would never see the answer.
async fn read_to_end(mut payload: Payload, limit: usize) -> Result<Bytes, ApiError> {
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

async fn file_fields(headers: &HeaderMap, body: Bytes) -> Result<Upload, ApiError> {
    let body = stream::iter([Ok::<_, PayloadError>(body)]);
    let mut form = Multipart::new(headers, body);
    let mut files = Vec::new();
    let mut others = Vec::new();
    while let Some(field) = form.try_next().await? {
        if field.name() == Some(FIELD) {
            if files.len() == MAX_CLIPS {
                return Err(ApiError::TooMany { limit: MAX_CLIPS });
            }
            files.push(content(field).await?);
        } else if others.len() < 2 && is_file(&field) {
            others.push(content(field).await?);
        }
    }
    // A lone file says what it is by being one.
    if let ([], 1) = (files.as_slice(), others.len()) {
        files = others;
    }
    match files.len() {
        0 => Err(ApiError::NoFile),
        1 => Ok(Upload::One(files.remove(0))),
        _ => Ok(Upload::Several(files)),
    }
}

/// Returns true for a field of a form that was chosen as a file.
fn is_file(field: &Field) -> bool {
    field.content_disposition().is_some_and(|disposition| disposition.get_filename().is_some())
}

async fn content(mut field: Field) -> Result<Bytes, ApiError> {
    let mut content = BytesMut::new();
    while let Some(chunk) = field.try_next().await? {
        content.extend_from_slice(&chunk);
    }
    Ok(content.freeze())
}

fn decode_json(body: &[u8]) -> Result<Bytes, ApiError> {
    let Encoded { audio } =
        serde_json::from_slice(body).map_err(|error| ApiError::Json(error.to_string()))?;
    decode_base64(&audio).map_err(|error| ApiError::Json(error.to_string()))
}

/// Decodes base64, also in lines, and behind the head of a data URL, as a browser's `FileReader` gives it.
///
/// # Errors
/// If it is no base64.
pub fn decode_base64(text: &str) -> Result<Bytes, DecodeError> {
    let text = match text.trim_start().strip_prefix("data:").and_then(|url| url.split_once(";base64,")) {
        Some((_, data)) => data,
        None => text,
    };
    if !text.contains(|c: char| c.is_ascii_whitespace()) {
        return BASE64_STANDARD.decode(text).map(Bytes::from);
    }
    let text: String = text.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(text).map(Bytes::from)
}
