//! The errors of the service. Here alone an error becomes a status.

use std::{error::Error, time::Duration};

use actix_multipart::MultipartError;
use actix_web::{
    HttpResponse, ResponseError,
    error::PayloadError,
    http::{
        StatusCode,
        header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use sc_data::with_causes;
use sc_model::words::TeachError;
use serde::Serialize;

/// Longest message, in bytes: a client's own words in it would otherwise take up as much memory as it likes.
const MAX_MESSAGE: usize = 500;

/// Seconds that a change of the model takes at most.
const CHANGE_S: u64 = 1;

/// An error that a request is answered with.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nothing is served under the path.
    #[error("nothing is here: try /, /docs or /openapi.json")]
    NotFound,
    /// The path is served, but by another method.
    #[error("wrong method: use {allowed}")]
    WrongMethod { allowed: &'static str },
    /// The body is not a form.
    #[error("expected a form (multipart/form-data) with the recording in its field `file`: {0}")]
    Form(String),
    /// The body is of a type that carries no audio.
    #[error(
        "expected the recording in the field `file` of a form (multipart/form-data), by itself (audio/*, \
         application/octet-stream), or as JSON {{\"audio\": \"<base64>\"}}; got {got}"
    )]
    ContentType { got: String },
    /// The body is JSON, but not `{"audio": "<base64>"}`.
    #[error("expected {{\"audio\": \"<base64>\"}}: {0}")]
    Json(String),
    /// The query has an unknown field or a value out of range.
    #[error("query: {0}")]
    Query(String),
    /// The request is no WebSocket handshake.
    #[error("expected a WebSocket handshake: {0}")]
    WebSocket(String),
    /// The inference request does not fit the model.
    #[error("{0}")]
    Inference(String),
    /// The path names a model, or a version, that is not served.
    #[error("no model {name}: this server has {served}")]
    NoModel { name: String, served: String },
    /// The form has no audio file.
    #[error("the form has no field `file`: send the recording in it")]
    NoFile,
    /// The body broke off, or is not encoded as its headers say.
    #[error("the request's body could not be read")]
    Body(#[from] PayloadError),
    /// The body did not come in time.
    #[error("the request's body did not arrive within {} s", limit.as_secs_f32())]
    TooSlow { limit: Duration },
    /// The body is compressed in a way that is not unpacked.
    #[error("expected a body in gzip, deflate or br, or uncompressed; got Content-Encoding {got}")]
    ContentEncoding { got: String },
    /// The body is not compressed as its headers say.
    #[error("the body is not compressed as Content-Encoding says")]
    Unpack(#[source] std::io::Error),
    /// The body is larger than allowed.
    #[error("the request is larger than {limit} bytes: send fewer or shorter recordings")]
    TooLarge { limit: usize },
    /// The request holds more clips than one request may.
    #[error("the request holds more recordings than {limit}: send them in several requests")]
    TooMany { limit: usize },
    /// The audio cannot be used.
    #[error(transparent)]
    Audio(#[from] sc_data::Error),
    /// One recording of a batch cannot be used.
    #[error("recording {number}")]
    Recording { number: usize, source: sc_data::Error },
    /// The queue is full, there are as many streams as allowed, or what is free is kept for other clients.
    #[error("{why}: try again in {wait_s} s")]
    Busy { why: &'static str, wait_s: u64 },
    /// There was no result in time.
    #[error("no answer within {} s: send less at once, or try again", limit.as_secs_f32())]
    Deadline { limit: Duration },
    /// The server is about to stop.
    #[error("the server is stopping")]
    Stopping,
    /// The key is missing or unknown.
    #[error("send a key that is known here, as `Authorization: Bearer KEY` or `X-API-Key: KEY`")]
    Key,
    /// A page of an origin that is not allowed asks.
    #[error("pages of {got} may not ask: {way_out}")]
    Origin { got: String, way_out: String },
    /// The client sends more requests than it may.
    #[error("too many requests from you: try again in {wait_s} s")]
    RateLimit { wait_s: u64 },
    /// The model is being loaded again already, or a word is being taught.
    #[error("the model is being changed: ask again in {CHANGE_S} s")]
    Changing,
    /// The client did not wait any longer. Nobody hears this.
    #[error("the request was given up")]
    Cancelled,
    /// The model could not be loaded again. The one before goes on answering.
    #[error("the model stays as it was")]
    Reload(#[source] sc_model::Error),
    /// A word could not be taught or forgotten. The words stay as they were.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// The server made a mistake. Only the log says which.
    #[error("the server failed to answer: its log says why")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

/// The reason why the words stay as they were.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// The server keeps no words.
    #[error(
        "this server teaches no words: start it with --teach FILE (SC_TEACH), a file that it keeps them in"
    )]
    NoTeaching,
    /// The word cannot be taught or forgotten.
    #[error(transparent)]
    Teach(TeachError),
    /// The model's file is not the one that answers any more, or is gone or damaged.
    #[error(
        "the model's file is not the one that answers: \
         its operator has to load it again first (SIGHUP or POST /admin/reload)"
    )]
    Exchanged,
    /// The file could not be written. Its name is for the log alone.
    #[error("the words stay as they were: the server cannot write them down, and its log says why")]
    Unsaved,
}

impl ApiError {
    /// Wraps a failure that no client can cause or mend, and logs it. The client is not told why.
    pub fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        tracing::error!("a request failed: {}", with_causes(&cause));
        Self::Internal(Box::new(cause))
    }

    /// Returns the time after which a client may try again, if this refuses what might be taken later.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { wait_s, .. } | Self::RateLimit { wait_s } => Some(Duration::from_secs(*wait_s)),
            Self::Changing => Some(Duration::from_secs(CHANGE_S)),
            _ => None,
        }
    }

    /// Returns the kind of error in a word or two, for programs and the metrics. `docs/src/serve.md` lists them.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::WrongMethod { .. } => "method",
            Self::Form(_)
            | Self::NoFile
            | Self::Body(_)
            | Self::ContentType { .. }
            | Self::ContentEncoding { .. }
            | Self::Unpack(_)
            | Self::Json(_) => "body",
            Self::Query(_) => "query",
            Self::WebSocket(_) => "websocket",
            Self::Inference(_) | Self::NoModel { .. } => "inference",
            Self::TooSlow { .. } => "slow_body",
            Self::TooLarge { .. } | Self::TooMany { .. } => "size",
            Self::Audio(_) | Self::Recording { .. } => "recording",
            Self::Busy { .. } => "busy",
            Self::Deadline { .. } => "deadline",
            Self::Cancelled => "cancelled",
            Self::Stopping => "stopping",
            Self::Key => "key",
            Self::Origin { .. } => "origin",
            Self::RateLimit { .. } => "rate_limit",
            Self::Reload(_) => "reload",
            Self::Changing => "changing",
            Self::Words(WordsError::NoTeaching) => "no_teaching",
            Self::Words(WordsError::Teach(error)) => error.reason(),
            Self::Words(WordsError::Exchanged) => "exchanged",
            Self::Words(WordsError::Unsaved) => "unsaved",
            Self::Internal(_) => "internal",
        }
    }

    /// Returns the text for the client: the error and its causes, but not those of the server's own mistakes. Of a long
    /// one the middle is left out: the client's words stand between what was wrong and what would be right.
    pub fn message(&self) -> String {
        match self {
            Self::Internal(_) => self.to_string(),
            Self::Audio(sc_data::Error::TooLong { .. })
            | Self::Recording { source: sc_data::Error::TooLong { .. }, .. } => {
                let fault = with_causes(self);
                format!("{fault}: send a part of it, or all of it to /stream; --max-seconds sets the limit")
            }
            // A text for each recording, which is no longer than it has to be.
            Self::Words(WordsError::Teach(TeachError::TooFew { .. })) => with_causes(self),
            _ => without_middle(with_causes(self)),
        }
    }
}

fn without_middle(message: String) -> String {
    if message.len() <= MAX_MESSAGE {
        return message;
    }
    let beginning = &message[..message.floor_char_boundary(MAX_MESSAGE / 2)];
    let end = &message[message.ceil_char_boundary(message.len() - MAX_MESSAGE / 2)..];
    format!("{beginning}…{end}")
}

impl From<MultipartError> for ApiError {
    fn from(error: MultipartError) -> Self {
        Self::Form(with_causes(&error)) // it is bound to its thread
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoModel { .. } => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Form(_)
            | Self::NoFile
            | Self::Body(_)
            | Self::ContentType { .. }
            | Self::Unpack(_)
            | Self::Json(_)
            | Self::Query(_)
            | Self::WebSocket(_)
            | Self::Inference(_) => StatusCode::BAD_REQUEST,
            Self::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } | Self::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentEncoding { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Audio(error) | Self::Recording { source: error, .. } => audio_status(error),
            Self::Busy { .. } | Self::Stopping | Self::Changing | Self::Cancelled => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Deadline { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Key => StatusCode::UNAUTHORIZED,
            Self::Origin { .. } => StatusCode::FORBIDDEN,
            Self::RateLimit { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Reload(_) => StatusCode::CONFLICT,
            Self::Words(error) => words_status(error),
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Self::WrongMethod { allowed } => response.insert_header((ALLOW, *allowed)),
            Self::Key => response.insert_header((WWW_AUTHENTICATE, "Bearer")),
            _ => &mut response,
        };
        if let Some(wait) = self.retry_after() {
            response.insert_header((RETRY_AFTER, wait.as_secs()));
        }
        response.json(Body::from(self))
    }
}

#[cfg(feature = "grpc")]
impl From<ApiError> for tonic::Status {
    fn from(error: ApiError) -> Self {
        use std::sync::Arc;

        use tonic::Code;

        let code = match error.status_code() {
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
            StatusCode::INTERNAL_SERVER_ERROR => Code::Internal,
            _ => Code::InvalidArgument,
        };
        let mut status = Self::new(code, error.message());
        status.set_source(Arc::new(error)); // for the log and the metrics
        status
    }
}

/// The body of an error: `error` as in the Open Inference Protocol, and `reason`.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Body {
    /// The mistake, and what would be right.
    #[schema(
        example = "not an audio file: expected WAV, W64, AU, AIFF, CAF, FLAC, MP3, MP2, AAC, MP4, WebM, Ogg Vorbis or Opus"
    )]
    pub error: String,
    /// The kind of mistake, for programs: it stays if the sentence changes. The guide lists them, under *Serve*.
    #[schema(example = "recording")]
    pub reason: &'static str,
}

impl From<&ApiError> for Body {
    fn from(error: &ApiError) -> Self {
        Self { error: error.message(), reason: error.reason() }
    }
}

/// The refusals of a guarded route.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code, reason = "the variants are read by the derive alone")]
pub enum AccessErrors {
    /// The server asks for a key, and the request has none of its keys.
    #[response(status = 401)]
    Key(Body),
    /// More requests than the server allows: try again when `Retry-After` says.
    #[response(status = 429)]
    RateLimit(Body),
}

/// The refusals of a request with audio.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code, reason = "the variants are read by the derive alone")]
pub enum AudioErrors {
    /// The body holds no recording, or the query is wrong.
    #[response(status = 400)]
    BadRequest(Body),
    /// The body did not arrive in time.
    #[response(status = 408)]
    TooSlow(Body),
    /// The recording is too long, or the body too large.
    #[response(status = 413)]
    TooLarge(Body),
    /// Not an audio file, or of a format that is not read.
    #[response(status = 415)]
    NotAudio(Body),
    /// The recording is damaged, cut off, empty, or of a rate or number of channels out of range.
    #[response(status = 422)]
    Unusable(Body),
    /// Too many recordings at once: try again when `Retry-After` says.
    #[response(status = 503)]
    Busy(Body),
    /// No answer in time.
    #[response(status = 504)]
    Deadline(Body),
}

fn audio_status(error: &sc_data::Error) -> StatusCode {
    match error {
        sc_data::Error::NotAudio | sc_data::Error::Foreign { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        sc_data::Error::TooManyBytes { .. } | sc_data::Error::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn words_status(error: &WordsError) -> StatusCode {
    match error {
        WordsError::NoTeaching => StatusCode::FORBIDDEN,
        WordsError::Teach(TeachError::NotTaught { .. }) => StatusCode::NOT_FOUND,
        WordsError::Teach(TeachError::Known(_)) | WordsError::Exchanged => StatusCode::CONFLICT,
        WordsError::Teach(_) => StatusCode::UNPROCESSABLE_ENTITY,
        WordsError::Unsaved => StatusCode::INSUFFICIENT_STORAGE,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use super::*;

    #[test]
    fn what_a_client_has_sent_is_cut_in_its_error() {
        for letter in ["x", "ї"] {
            let words = letter.repeat(10_000);
            let message = ApiError::Query(format!("unknown field {words}, expected `threshold`")).message();
            assert!((MAX_MESSAGE..=MAX_MESSAGE + 3).contains(&message.len()), "{}", message.len());
            assert!(message.starts_with("query: unknown field ") && message.contains('…'), "{message}");
            assert!(message.ends_with(", expected `threshold`"), "{message}");
        }
    }

    #[test]
    fn an_internal_error_is_logged_once_whatever_it_is_answered_with() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let log = tracing_subscriber::fmt().with_writer(file.reopen().unwrap()).finish();

        let message = tracing::subscriber::with_default(log, || {
            let error = ApiError::internal(io::Error::other("a worker is gone"));
            error.error_response();
            error.message()
        });

        assert!(!message.contains("a worker is gone"), "{message}");
        assert_eq!(fs::read_to_string(file.path()).unwrap().matches("a worker is gone").count(), 1);
    }
}
