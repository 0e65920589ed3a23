//! Words of one's own: taught by a few recordings, kept in the model's file.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_DISPOSITION, EntityTag, HeaderValue},
    web::{Data, Json, Path, Payload},
};
use sc_model::words::Taught;
use serde::Serialize;

use super::record::respond;
use crate::{
    admission::admit,
    error::{AccessErrors, ApiError, AudioErrors, Body, WordsError},
    paths::{TAUGHT_RECORD, WORD, WORDS},
    recogniser::Audio,
    state::AppState,
    upload::{Form, read_audio},
};

/// The words that were taught.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Words {
    /// True if this server teaches: it was started with `--teach`.
    teaches: bool,
    /// The words, in the order of their labels.
    words: Vec<Word>,
}

/// A word that was taught.
#[derive(Serialize, utoipa::ToSchema)]
struct Word {
    /// Its label.
    name: String,
    /// The number of recordings that taught it.
    recordings: usize,
}

/// Names the words that were taught
#[utoipa::path(get, path = WORDS, tag = "words", responses((status = 200, description = "the words", body = Words)))]
pub async fn list(state: Data<AppState>) -> Json<Words> {
    let classifier = state.model.current();
    let taught = classifier.header().taught_words();
    let words = taught.map(|(name, word)| Word { name: name.to_owned(), recordings: word.n_recordings });
    Json(Words { teaches: state.model.teaches(), words: words.collect() })
}

/// Teaches a word by 3 to 50 recordings of it
///
/// A word of that name that was taught before is replaced.
///
/// The report names the recordings that were left out and why, and says how surely the word is told from others. From
/// then on every answer knows the word. It is kept in the server's file. A live stream that is open keeps the words and
/// the model that it began with, and is told `{"type":"changed"}`.
#[utoipa::path(
    put, path = WORD, tag = "words", params(("name" = String, Path, description = "the word, in any script")),
    request_body(content = Form, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "the report", body = Taught),
        (status = 403, description = "this server teaches no words", body = Body),
        (
            status = 409,
            description = "the network knows this word already, or the model's file is not the one that answers",
            body = Body
        ),
        (status = 507, description = "the file could not be written", body = Body),
        AudioErrors, AccessErrors,
        (status = 422, description = "The name cannot be a word's, or fewer than 3 recordings, or more than 50, can be used.", body = Body),
    )
)]
pub async fn teach(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    state: Data<AppState>,
) -> Result<Json<Taught>, ApiError> {
    if !state.model.teaches() {
        return Err(WordsError::NoTeaching.into());
    }
    let (files, place) = read_audio(&request, payload, &state, &[]).await?;
    let clips = files.into_iter().map(Audio::File).collect();
    Ok(Json(state.recogniser.teach(place, name.into_inner(), clips).await?))
}

/// Forgets a taught word
#[utoipa::path(
    delete, path = WORD, tag = "words", params(("name" = String, Path, description = "the word")),
    responses(
        (status = 204, description = "the word is forgotten"),
        (status = 403, description = "this server teaches no words", body = Body),
        (status = 404, description = "no taught word has this name", body = Body),
        (status = 409, description = "the model's file is not the one that answers", body = Body),
        (status = 503, description = "too many requests at once", body = Body),
        (status = 504, description = "no answer in time", body = Body),
        (status = 507, description = "the file could not be written", body = Body),
        AccessErrors
    )
)]
pub async fn forget(
    request: HttpRequest,
    mut payload: Payload,
    name: Path<String>,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let place = admit(&request, &mut payload, &state).await?;
    state.recogniser.forget(place, name.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Downloads the model with its taught words
///
/// The file works wherever a model does: as `--model` of this server, of the command line, or of another server.
#[utoipa::path(
    get, path = TAUGHT_RECORD, tag = "words",
    responses(
        (status = 200, description = "the model's file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "the client has it, as `If-None-Match` says"),
        (status = 403, description = "this server teaches no words", body = Body),
        AccessErrors
    )
)]
pub async fn record(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    let (bytes, digest) = state.model.bytes_and_digest()?;
    let mut response = respond(&request, EntityTag::new_strong(digest.to_string()), bytes);
    let disposition = HeaderValue::from_static("attachment; filename=\"model.safetensors\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    Ok(response)
}
