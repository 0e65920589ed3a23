//! The files of the page and of the documentation, compiled in.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        AcceptEncoding, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ContentEncoding, ETag,
        Encoding, EntityTag, Header, IfNoneMatch, VARY,
    },
    web::Bytes,
};

use super::pieces;
use crate::{error::ApiError, route::Route};

/// Swagger UI styles itself inline, and its icons are in its style sheet.
const DOCS_POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// A file, as it is sent to browsers.
pub struct Asset {
    /// The path that it is served at.
    pub path: &'static str,
    media_type: &'static str,
    gzip: &'static [u8],
}

/// All files, as the build script has compressed and listed them.
pub static ASSETS: &[Asset] = &include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Sends the file of the route.
pub async fn file(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let path = request.app_data::<Route>().map(|route| route.path);
    let asset = ASSETS.iter().find(|asset| Some(asset.path) == path).ok_or(ApiError::NotFound)?;
    Ok(asset.respond(&request))
}

impl Asset {
    /// Sends the file, or 304 if the browser has it. Browsers ask each time, so that an upgrade shows at once.
    fn respond(&self, request: &HttpRequest) -> HttpResponse {
        // A gzip file ends with its content's CRC-32 and length (RFC 1952): enough to tell two releases
        // apart. Weak, as it is the same for both encodings.
        let version = u64::from_le_bytes(*self.gzip.last_chunk().unwrap_or(&[0; 8]));
        let etag = EntityTag::new_weak(format!("{version:016x}"));
        let is_known = is_known(request, &etag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header(ETag(etag))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((VARY, "Accept-Encoding"));
        if is_known {
            return response.finish();
        }
        response.insert_header((CONTENT_TYPE, self.media_type));
        if self.path.starts_with("/docs/") {
            response.insert_header((CONTENT_SECURITY_POLICY, DOCS_POLICY));
        }
        if accepts_gzip(request) {
            response.insert_header(ContentEncoding::Gzip).body(pieces::whole(Bytes::from_static(self.gzip)))
        } else {
            response.body(pieces::unpacked(self.gzip)) // for the few programs that take no gzip, such as curl
        }
    }
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let supported = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request)
        .is_ok_and(|accepted| accepted.negotiate(supported.iter()) == Some(Encoding::gzip()))
}

/// Returns true if the client has what `etag` names.
pub fn is_known(request: &HttpRequest, etag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(etag)),
        Err(_) => false,
    }
}
