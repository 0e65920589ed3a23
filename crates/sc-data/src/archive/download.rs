//! Downloads one file over HTTP and resumes a download that broke off.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use reqwest::{
    Certificate, StatusCode,
    blocking::{Client, Response},
    header::{CONTENT_LENGTH, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE},
};
use serde::{Deserialize, Serialize};

use super::error::FetchError;
use super::event::{FetchEvent, FetchStep};
use crate::with_causes;

/// Tries in a row without progress after which a mirror is given up.
const MAX_TRIES: u32 = 4;
const BUFFER_LEN: usize = 1 << 17;

/// A download in a folder: the bytes so far in `archive.part`, their origin in `archive.json`.
pub(super) struct Download<'a> {
    url: &'a str,
    client: Client,
    part: PathBuf,
    origin: PathBuf,
    retry_delay: Duration,
}

/// The file that a part belongs to, so that a part is never continued with another file's bytes.
#[derive(Serialize, Deserialize)]
struct Origin {
    url: String,
    /// The server's `ETag` or `Last-Modified`.
    validator: String,
    len: Option<u64>,
}

/// Called with the progress before the first byte is written and after every buffer; an error ends the download.
type OnEvent<'a> = dyn FnMut(FetchEvent) -> Result<(), FetchError> + 'a;

impl<'a> Download<'a> {
    pub(super) fn new(
        url: &'a str,
        folder: &Path,
        silence: Duration,
        retry_delay: Duration,
    ) -> Result<Self, FetchError> {
        let client =
            client(silence).map_err(|source| FetchError::Connection { url: url.to_owned(), source })?;
        let (part, origin) = (folder.join("archive.part"), folder.join("archive.json"));
        Ok(Self { url, client, part, origin, retry_delay })
    }

    /// Downloads the file and returns its path. A try that makes progress starts the count of tries anew.
    pub(super) fn run(&self, on_event: &mut OnEvent) -> Result<PathBuf, FetchError> {
        let (mut tries, mut most) = (0, 0);
        loop {
            let mut reached = 0; // not the length of the part, which another mirror may have left
            let attempt = self.attempt(&mut |event| {
                if let FetchEvent::Progress { done, .. } = event {
                    reached = done;
                }
                on_event(event)
            });
            let Err(error) = attempt else { return Ok(self.part.clone()) };
            tries = if reached > most { 1 } else { tries + 1 };
            most = most.max(reached);
            if !error.may_pass() || tries >= MAX_TRIES {
                return Err(error);
            }
            let delay = self.retry_delay * 2_u32.pow(tries - 1);
            let cause = with_causes(&error);
            on_event(FetchEvent::Note(format!("{cause}; trying again in {} s", delay.as_secs_f32())))?;
            thread::sleep(delay);
        }
    }

    /// Removes the downloaded part.
    pub(super) fn discard(&self) {
        let _ = fs::remove_file(&self.origin); // first: a part without its origin is never continued
        let _ = fs::remove_file(&self.part);
    }

    fn have(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |part| part.len())
    }

    /// Sends one request, for the rest of the file or for all of it.
    fn attempt(&self, on_event: &mut OnEvent) -> Result<(), FetchError> {
        let have = self.have();
        let origin = self.origin().filter(|_| have > 0);
        if origin.as_ref().is_some_and(|origin| origin.len == Some(have)) {
            return Ok(()); // killed between the last byte and the check of the digest
        }
        let response = self.request(origin.as_ref())?;
        let is_rest = response.status() == StatusCode::PARTIAL_CONTENT;
        if !is_rest && have > 0 {
            on_event(FetchEvent::Note(
                "starting over: the file is another one now, or its server cannot resume".to_owned(),
            ))?;
        }
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            self.discard();
            return self.attempt(on_event); // without a range this time
        }
        self.receive(response, is_rest, on_event)
    }

    /// Returns the origin of the part if this URL can continue it.
    fn origin(&self) -> Option<Origin> {
        let origin: Origin = serde_json::from_slice(&fs::read(&self.origin).ok()?).ok()?;
        (origin.url == self.url).then_some(origin)
    }

    fn request(&self, origin: Option<&Origin>) -> Result<Response, FetchError> {
        let mut request = self.client.get(self.url);
        if let Some(origin) = origin {
            let range = format!("bytes={}-", self.have());
            request = request.header(RANGE, range).header(IF_RANGE, &origin.validator);
        }
        let response = request.send().map_err(|source| {
            let url = self.url.to_owned();
            if source.is_builder() {
                FetchError::NotUrl { url, source }
            } else {
                FetchError::Connection { url, source }
            }
        })?;
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
            StatusCode::RANGE_NOT_SATISFIABLE if origin.is_some() => Ok(response),
            status => Err(FetchError::Status { url: self.url.to_owned(), status }),
        }
    }

    /// Appends a response's body to the part, or replaces the part if the body is the whole file.
    fn receive(
        &self,
        mut response: Response,
        is_rest: bool,
        on_event: &mut OnEvent,
    ) -> Result<(), FetchError> {
        if !is_rest {
            self.discard();
        }
        let mut done = self.have();
        // Not `Response::content_length`: it is the rest of the body, and 0 at its end.
        let total = header(response.headers(), CONTENT_LENGTH)
            .and_then(|len| len.parse().ok())
            .and_then(|len: u64| len.checked_add(done));
        let step = FetchStep::Downloading;
        on_event(FetchEvent::Progress { step, done, total })?;
        if !is_rest {
            self.remember(response.headers(), total)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.part);
        let mut file = file.map_err(FetchError::io(&self.part))?;
        let mut buffer = vec![0; BUFFER_LEN];
        loop {
            let broken = |source| FetchError::Broken { url: self.url.to_owned(), source };
            let n = response.read(&mut buffer).map_err(broken)?;
            if n == 0 {
                return Ok(()); // reading fails if the body ends before its length
            }
            file.write_all(&buffer[..n]).map_err(FetchError::io(&self.part))?;
            done += n as u64;
            on_event(FetchEvent::Progress { step, done, total })?;
        }
    }

    /// Records the origin of the part, if the server names its version of the file.
    fn remember(&self, headers: &HeaderMap, len: Option<u64>) -> Result<(), FetchError> {
        // A weak ETag ("W/...") promises equal content, not equal bytes: If-Range does not accept it.
        let etag = header(headers, ETAG).filter(|etag| !etag.starts_with("W/"));
        let Some(validator) = etag.or_else(|| header(headers, LAST_MODIFIED)) else { return Ok(()) };
        let origin = Origin { url: self.url.to_owned(), validator: validator.to_owned(), len };
        let json = serde_json::to_vec(&origin).map_err(io::Error::from);
        json.and_then(|json| fs::write(&self.origin, json)).map_err(FetchError::io(&self.origin))
    }
}

fn header(headers: &HeaderMap, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Builds a client that trusts the machine's own certificates (a company's among them), or Mozilla's if
/// the machine has none, as in a bare container. Proxies come from the environment.
fn client(silence: Duration) -> reqwest::Result<Client> {
    // This fails only if the process has a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let native = rustls_native_certs::load_native_certs().certs;
    let roots: &[_] = if native.is_empty() { webpki_root_certs::TLS_SERVER_ROOT_CERTS } else { &native };
    let roots = roots.iter().map(|root| Certificate::from_der(root)).collect::<reqwest::Result<Vec<_>>>()?;
    Client::builder().tls_certs_only(roots).timeout(silence).build()
}
