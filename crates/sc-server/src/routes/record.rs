//! The model's file, for the page to answer by itself.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE, ETag, EntityTag},
    web::{Bytes, Data},
};
use sc_data::Sha256Digest;
use sc_model::Record;

use super::{assets::is_known, pieces};
use crate::{
    error::{ApiError, Body},
    paths::RECORD,
    state::AppState,
};

/// Names the bytes, so that a browser that has them is not sent them again.
static TAG: LazyLock<Option<EntityTag>> = LazyLock::new(|| {
    Record::shipped_bytes().map(|bytes| EntityTag::new_strong(Sha256Digest::of(bytes).to_string()))
});

/// The digest by which the service knows the model that is compiled in.
static SHIPPED: LazyLock<Option<Sha256Digest>> =
    LazyLock::new(|| Some(Sha256Digest::of(&Record::shipped().ok()?.to_bytes().ok()?)));

/// Sends the model that is compiled in, if that is the one that answers
///
/// An operator's own is not handed out, nor one that clients teach.
#[utoipa::path(
    get, path = RECORD, tag = "operation", operation_id = "shipped_record",
    responses(
        (status = 200, description = "the model's file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "the client has it, as `If-None-Match` says"),
        (status = 404, description = "another model answers", body = Body),
    )
)]
pub async fn record(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    // By what it is, not by where it lies: a container has the same model in a file.
    let is_shipped = *SHIPPED == Some(state.model.current_and_digest().1) && !state.model.teaches();
    let shipped = Record::shipped_bytes().filter(|_| is_shipped);
    let (Some(bytes), Some(tag)) = (shipped, TAG.as_ref()) else { return Err(ApiError::NotFound) };
    Ok(respond(&request, tag.clone(), Bytes::from_static(bytes)))
}

/// Sends a model's file, or 304 if the client has what `tag` names.
pub fn respond(request: &HttpRequest, tag: EntityTag, bytes: Bytes) -> HttpResponse {
    let is_known = is_known(request, &tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(ETag(tag)).insert_header((CACHE_CONTROL, "no-cache"));
    if is_known {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, "application/octet-stream")).body(pieces::whole(bytes))
}
