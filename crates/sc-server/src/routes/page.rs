//! The page, compiled in.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE, ETag, EntityTag, Header, IfNoneMatch},
};

/// One file of the page.
pub struct Asset {
    /// Where it is served.
    pub path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

/// Declares an asset of `assets/web`, the folder the page lives in.
macro_rules! asset {
    ($path:literal, $file:literal, $media_type:literal) => {
        Asset {
            path: $path,
            media_type: $media_type,
            content: include_str!(concat!("../../../../assets/web/", $file)),
        }
    };
}

/// Every file of the page.
pub static ASSETS: [Asset; 7] = [
    asset!("/", "index.html", "text/html; charset=utf-8"),
    asset!("/style.css", "style.css", "text/css; charset=utf-8"),
    asset!("/app.js", "app.js", "text/javascript; charset=utf-8"),
    asset!("/recorder.js", "recorder.js", "text/javascript; charset=utf-8"),
    asset!("/capture.js", "capture.js", "text/javascript; charset=utf-8"),
    asset!("/words.js", "words.js", "text/javascript; charset=utf-8"),
    asset!("/icon.svg", "icon.svg", "image/svg+xml"),
];

impl Asset {
    /// The file, or 304 if the browser has it: it asks each time, so that an upgrade shows at once.
    pub fn respond(&self, request: &HttpRequest) -> HttpResponse {
        let etag = EntityTag::new_strong(format!("{:016x}", fnv1a(self.content)));
        if IfNoneMatch::parse(request).is_ok_and(|known| includes(&known, &etag)) {
            return HttpResponse::NotModified().insert_header(ETag(etag)).finish();
        }
        HttpResponse::Ok()
            .insert_header(ETag(etag))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((CONTENT_TYPE, self.media_type))
            .body(self.content)
    }
}

fn includes(known: &IfNoneMatch, etag: &EntityTag) -> bool {
    match known {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|tag| tag.weak_eq(etag)),
    }
}

/// The 64-bit FNV-1a hash: enough to tell two releases of a file apart.
fn fnv1a(content: &str) -> u64 {
    let fold = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    content.bytes().fold(0xcbf2_9ce4_8422_2325, fold)
}
