//! Finds the audio files in the body of a request.

use std::{io::Read, pin::pin, time::Duration};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{
    HttpRequest,
    error::PayloadError,
    http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
    rt::time::timeout,
    web::{Bytes, BytesMut, Payload},
};
use base64::{
    DecodeError, Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use brotli_decompressor::Decompressor;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use crate::{
    admission::{admit, client, refuse},
    error::ApiError,
    memory::Body,
    places::Place,
    recogniser::SHORT_BYTES,
    state::AppState,
};

/// The form field that carries an audio file.
const FIELD: &str = "file";

/// Clips that one request may hold: one worker answers them all, at about a millisecond each.
pub const MAX_CLIPS: usize = 1_000;

/// Fields that a form may have, with those that hold no recording.
const MAX_FIELDS: usize = 2 * MAX_CLIPS;

/// Base64, with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes that are unpacked at once.
const UNPACK_BUFFER: usize = 4096;

/// Time that a body has for itself. One that takes longer gives its place back until it is there: bodies that
/// crawl keep no place from others.
const SWIFT: Duration = Duration::from_millis(100);

/// `{"audio": "<base64>"}`
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Encoded {
    /// The bytes of an audio file, in base64.
    #[schema(content_encoding = "base64", min_length = 1)]
    audio: String,
}

/// The bytes of an audio file: WAV, FLAC, MP3, MP2, AAC, MP4, `WebM`, Ogg Vorbis, Opus, AIFF, AU or CAF.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "read by the derive alone")]
pub struct AudioFile(Vec<u8>);

/// A form with one audio file or more.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "read by the derive alone")]
pub struct Form {
    /// The audio files, in one field `file` each.
    #[schema(min_items = 1)]
    file: Vec<AudioFile>,
}

/// Takes a place for the request, and reads the audio files in `payload`, of which there is at least one: the fields
/// `file` of a form, the body itself, or JSON. `parameters` are those of the query.
///
/// # Errors
/// As [`read_body`]; [`ApiError::TooMany`] if a form holds more than [`MAX_CLIPS`] files;
/// [`ApiError::Form`], [`ApiError::NoFile`], [`ApiError::Json`] and [`ApiError::ContentType`] if it holds
/// no file.
pub async fn read_audio(
    request: &HttpRequest,
    payload: Payload,
    state: &AppState,
    parameters: &'static [&'static str],
) -> Result<(Vec<Bytes>, Place), ApiError> {
    let headers = request.headers();
    let (body, place) = read_body(request, payload, state).await?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let files = match media_type.as_str() {
        media if media.starts_with("multipart/") => {
            let headers = headers.clone();
            parse(state, &place, body.len(), move || file_fields(&headers, &body, parameters)).await?
        }
        "application/json" => vec![parse(state, &place, body.len(), move || decode_json(&body)).await?],
        media if body.is_empty() || is_audio(media, &body) => vec![body],
        "" => return Err(ApiError::ContentType { got: "no Content-Type".into() }),
        other => return Err(ApiError::ContentType { got: other.into() }),
    };
    Ok((files, place))
}

/// Returns true for a body that is an audio file by its type.
fn is_audio(media_type: &str, body: &[u8]) -> bool {
    match media_type {
        "application/octet-stream" | "binary/octet-stream" | "application/ogg" | "application/mp4" => true,
        // `curl --data-binary` calls everything a form.
        "" | "application/x-www-form-urlencoded" => !is_text(body),
        // Recorders of browsers name the container, which may be a video's.
        media => media.starts_with("audio/") || media.starts_with("video/"),
    }
}

/// Returns true for what a text may begin with. No audio file does.
fn is_text(body: &[u8]) -> bool {
    let beginning = &body[..body.len().min(64)];
    !beginning.contains(&0)
        && beginning.iter().filter(|byte| !byte.is_ascii()).count() * 4 < beginning.len().max(1)
}

/// Takes a place for the request, and reads its body of any type, unpacked if it is compressed.
///
/// # Errors
/// [`ApiError::Busy`] if there is no place, or no memory for the body;
/// [`ApiError::TooLarge`] and [`ApiError::TooSlow`] if it exceeds what the server's capacity allows, packed or
/// unpacked; [`ApiError::ContentEncoding`] if it is compressed in another way than gzip, deflate or br.
pub async fn read_body(
    request: &HttpRequest,
    mut payload: Payload,
    state: &AppState,
) -> Result<(Bytes, Place), ApiError> {
    let place = admit(request, &mut payload, state).await?;
    let (limit, max_bytes) = (state.capacity.body_deadline, state.capacity.audio.max_bytes);
    let (pool, client) = (state.recogniser.pool(), client(request)?);
    let arriving = Body::new(&state.memory, &client, max_bytes);
    let mut arrives = pin!(timeout(limit, read_to_end(payload, arriving)));
    let (body, place) = if let Ok(body) = timeout(SWIFT, &mut arrives).await {
        (body, Ok(place))
    } else {
        drop(place); // others may have it for so long
        let body = arrives.await;
        (body, pool.places().take(&client))
    };
    let body = body.unwrap_or(Err(ApiError::TooSlow { limit }));
    let (mut body, place) = slowed(request, body.and_then(|body| Ok((body, place?)))).await?;
    if let Some(packing) = Packing::of(request.headers())? {
        let unpacked = Body::new(&state.memory, &client, max_bytes);
        let unpacked = pool.run(place.clone(), move |_| packing.unpack(&body, unpacked)).await;
        body = slowed(request, unpacked.flatten()).await?;
    }
    let (body, share) = body.into_parts();
    Ok((body, place.with_body(share)))
}

/// Holds back the refusal of a request whose body has been read.
async fn slowed<T>(request: &HttpRequest, result: Result<T, ApiError>) -> Result<T, ApiError> {
    match result {
        Err(refusal @ ApiError::Busy { .. }) => Err(refuse(request, stream::empty(), refusal).await),
        other => other,
    }
}

/// Parses a body of this size: at once if it is short, else in its turn on the pool, where nobody else waits for that.
///
/// # Errors
/// As `parse` and [`Pool::run`](crate::pool::Pool::run).
pub async fn parse<T: Send + 'static>(
    state: &AppState,
    place: &Place,
    n_bytes: usize,
    parse: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if n_bytes <= SHORT_BYTES {
        return parse();
    }
    state.recogniser.pool().run(place.clone(), move |_| parse()).await?
}

/// A way to compress a body.
enum Packing {
    Gzip,
    Deflate,
    Brotli,
}

impl Packing {
    /// Returns the way that the headers name, if they name one.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let encoding = headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim());
        match encoding.unwrap_or("identity").to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            "br" => Ok(Some(Self::Brotli)),
            other => Err(ApiError::ContentEncoding { got: other.into() }),
        }
    }

    fn unpack(&self, packed: &Body, unpacked: Body) -> Result<Body, ApiError> {
        let packed = packed.bytes();
        match self {
            Self::Gzip => unpack_from(MultiGzDecoder::new(packed), unpacked),
            Self::Deflate => unpack_from(ZlibDecoder::new(packed), unpacked),
            Self::Brotli => unpack_from(Decompressor::new(packed, UNPACK_BUFFER), unpacked),
        }
    }
}

/// Unpacks to the end, or to the limit of `unpacked`: a small body can unpack to gigabytes.
fn unpack_from(mut packed: impl Read, mut unpacked: Body) -> Result<Body, ApiError> {
    let mut piece = vec![0; UNPACK_BUFFER];
    while let n_bytes @ 1.. = packed.read(&mut piece).map_err(ApiError::Unpack)? {
        unpacked.push(&piece[..n_bytes])?;
    }
    Ok(unpacked)
}

/// Reads the body to its end, even past its limit, and throws the excess away: a client that still sends
/// when the connection closes would never see the answer.
async fn read_to_end(mut payload: Payload, body: Body) -> Result<Body, ApiError> {
    let mut body = Ok(body);
    while let Some(chunk) = payload.next().await.transpose()? {
        body = body.and_then(|mut body| body.push(&chunk).map(|()| body));
    }
    body
}

fn file_fields(headers: &HeaderMap, body: &Bytes, parameters: &[&str]) -> Result<Vec<Bytes>, ApiError> {
    // All of it is there, so that nothing waits.
    let read = |body| read_form(headers, body, parameters).now_or_never().unwrap_or(Err(ApiError::NoFile));
    match read(body.clone()) {
        // This is also said of a name that is not UTF-8.
        Err(ApiError::Form(cause)) if cause == MultipartError::ContentDispositionMissing.to_string() => {
            read(with_plain_names(body))
        }
        read => read,
    }
}

/// Replaces what is not ASCII in the names of a form's files, where they are not UTF-8. Nothing reads them.
fn with_plain_names(form: &[u8]) -> Bytes {
    const HEADER: &[u8] = b"content-disposition:";
    let mut form = form.to_vec();
    for line in form.split_mut(|byte| *byte == b'\n') {
        let is_header = line.get(..HEADER.len()).is_some_and(|start| start.eq_ignore_ascii_case(HEADER));
        if is_header && str::from_utf8(line).is_err() {
            line.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
        }
    }
    form.into()
}

async fn read_form(headers: &HeaderMap, body: Bytes, parameters: &[&str]) -> Result<Vec<Bytes>, ApiError> {
    let body = stream::iter([Ok::<_, PayloadError>(body)]);
    let mut form = Multipart::new(headers, body);
    let mut files = Vec::new();
    let mut others = Vec::new();
    let mut n_fields = 0;
    while let Some(field) = form.try_next().await? {
        n_fields += 1;
        if n_fields > MAX_FIELDS {
            return Err(ApiError::Form(format!("it has more than {MAX_FIELDS} fields")));
        }
        check_name(&field, parameters)?;
        if field.name() == Some(FIELD) {
            if files.len() == MAX_CLIPS {
                return Err(ApiError::TooMany { limit: MAX_CLIPS });
            }
            files.push(content(field).await?);
        } else if others.len() < 2 && is_file(&field) {
            let file = content(field).await?;
            if !file.is_empty() {
                others.push(file); // browsers send an empty one where none was chosen
            }
        }
    }
    match (files.iter().any(|file| !file.is_empty()), others.len()) {
        (false, 1) => files = others, // a lone file says what it is by being one
        (true, 1..) => {
            return Err(ApiError::Form("it has files in other fields too: name each field `file`".into()));
        }
        _ => {}
    }
    if files.is_empty() { Err(ApiError::NoFile) } else { Ok(files) }
}

/// Refuses a text that is named like a parameter of the query: nothing would heed it.
fn check_name(field: &Field, parameters: &[&str]) -> Result<(), ApiError> {
    match field.name() {
        Some(name) if parameters.contains(&name) && !is_file(field) => {
            Err(ApiError::Form(format!("`{name}` belongs in the query: ?{name}=…")))
        }
        _ => Ok(()),
    }
}

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

/// Returns JSON without the byte-order mark that some programs write before it.
pub fn without_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json)
}

fn decode_json(body: &[u8]) -> Result<Bytes, ApiError> {
    let Encoded { audio } =
        serde_json::from_slice(without_mark(body)).map_err(|error| ApiError::Json(error.to_string()))?;
    decode_base64(&audio).map_err(|error| ApiError::Json(error.to_string()))
}

/// Decodes base64, also in lines, with or without its padding, in the alphabet for URLs, and behind the head of a data
/// URL, as a browser's `FileReader` gives it.
///
/// # Errors
/// If it is no base64.
pub fn decode_base64(text: &str) -> Result<Bytes, DecodeError> {
    let text = match text.trim_start().strip_prefix("data:").and_then(|url| url.split_once(";base64,")) {
        Some((_, data)) => data,
        None => text,
    };
    let is_plain = |byte: u8| !byte.is_ascii_whitespace() && byte != b'-' && byte != b'_';
    if text.bytes().all(is_plain) {
        return BASE64.decode(text).map(Bytes::from);
    }
    let standard = |byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let bytes: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(standard).collect();
    BASE64.decode(bytes).map(Bytes::from)
}
