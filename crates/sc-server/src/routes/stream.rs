//! Keywords in live sound, over a WebSocket.

use std::{cell::Cell, io::ErrorKind, mem, pin::pin, rc::Rc, time::Duration};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, dev,
    error::PayloadError,
    rt::{spawn, time::Instant},
    web::{Bytes, Data, Payload},
};
use actix_ws::{CloseCode, CloseReason, Item, Message as Frame, MessageStream, ProtocolError, Session};
use futures_util::StreamExt;
use sc_model::{Detection, Score};
use serde::Serialize;
use tokio::time::{error::Elapsed, timeout, timeout_at};
use tracing::{Instrument, Span};

use crate::{
    admission::client,
    error::{AccessErrors, ApiError, Body},
    lifecycle::Lifecycle,
    paths::STREAM,
    query::StreamQuery,
    recogniser::LiveStream,
    state::AppState,
};

/// The largest message, in bytes: ten seconds at 48 kHz. [`stream`] and the guide name it too.
const MAX_MESSAGE: usize = 1 << 20;

/// Bytes that may come before the next frame is whole. Otherwise one without an end would fill the memory.
const MAX_BEGUN: usize = 2 * MAX_MESSAGE;

/// The longest text in fragments, in bytes.
const MAX_TEXT: usize = 64;

/// A message of the server.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum StreamEvent {
    /// A keyword is detected.
    Detection(Detection),
    /// The newest step's likeliest label, if the query asks for `scores` and a step ended in the message.
    Score(Score),
    /// The server has other words or another model than the stream began with and keeps. A new stream hears them.
    Changed {},
    /// The sound is over, as the client said.
    End {
        /// The length of all that was sent.
        duration_s: f64,
    },
    /// The connection ends by an error.
    Error(Body),
}

/// Finds the keywords in live sound, over a WebSocket
///
/// The client sends binary messages of 16-bit little-endian mono samples at `sample_rate`, in pieces of any size up to
/// 1 MiB, and the text `end` when the sound is over. The server sends text messages: `{"type":"detection",…}` as soon as
/// a keyword is detected, `{"type":"score",…}` for the newest step after each message if asked for, `{"type":"changed"}` once
/// the server has other words or another model than the stream, and `{"type":"end",…}` after the last. The same samples give the same detections as from `/detect`. Send silence too: a stream without sound for 30 s
/// is closed with 1001; pings do not count.
#[utoipa::path(
    get, path = STREAM, tag = "keywords", params(StreamQuery),
    responses(
        (status = 101, description = "a WebSocket; its text messages are events", body = StreamEvent),
        (status = 400, description = "no WebSocket handshake, or a wrong query", body = Body),
        (status = 403, description = "a page of an origin that `--allow-origin` does not name", body = Body),
        (status = 422, description = "a sample rate out of range", body = Body),
        (status = 503, description = "too many streams", body = Body),
        AccessErrors
    )
)]
pub async fn stream(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    state.access.check_origin(request.headers())?;
    let (query, config) = StreamQuery::parse(request.query_string())?;
    let stream = state.recogniser.stream(&client(&request)?, query.sample_rate, &config)?;
    let begun = Rc::default();
    let payload = bounded(&request, payload, Rc::clone(&begun)).await?;
    let (response, session, messages) =
        actix_ws::handle(&request, payload).map_err(|error| ApiError::WebSocket(error.to_string()))?;
    let patience = state.capacity.body_deadline;
    let conversation = Conversation {
        session,
        frames: messages.max_frame_size(MAX_MESSAGE),
        text: None,
        wants_scores: query.scores,
        knows_of_change: false,
        patience,
        heard: Instant::now(),
        begun,
        half: Bytes::new(),
    };
    spawn(converse(conversation, stream, state).instrument(Span::current())); // its log names the request
    Ok(response)
}

/// Adds to `begun` what comes, and fails once that is too much.
async fn bounded(
    request: &HttpRequest,
    payload: Payload,
    begun: Rc<Cell<usize>>,
) -> Result<Payload, ApiError> {
    let pieces = payload.map(move |piece: Result<Bytes, PayloadError>| {
        let piece = piece?;
        begun.set(begun.get() + piece.len());
        if begun.get() > MAX_BEGUN { Err(PayloadError::Overflow) } else { Ok(piece) }
    });
    let mut payload: dev::Payload = dev::Payload::Stream { payload: Box::pin(pieces) };
    Payload::from_request(request, &mut payload).await.map_err(|error| ApiError::WebSocket(error.to_string()))
}

/// Answers messages until one side ends the conversation or the server stops, and closes the connection.
async fn converse(mut conversation: Conversation, stream: LiveStream, state: Data<AppState>) {
    let reason = match conversation.answer(stream, &state.lifecycle).await {
        Ok(()) => Some(CloseCode::Normal.into()),
        Err(End::Gone) => return,
        Err(End::Closed(code)) => code.map(CloseReason::from),
        Err(End::Refused(code, body)) => {
            state.metrics.rejected(body.reason);
            tracing::info!(code = u16::from(code), error = body.error, "a live stream ended early");
            let reason = CloseReason::from((code, body.error.clone()));
            let _ = conversation.tell(&StreamEvent::Error(body)).await;
            Some(reason)
        }
    };
    let Conversation { session, patience, .. } = conversation;
    let _ = timeout(patience, session.close(reason)).await; // fails if the client has gone
}

/// A message of the client.
enum Message {
    Samples(Bytes),
    Over,
    Ping(Bytes),
    Nothing,
}

/// The reason that a conversation ends before the sound is over.
enum End {
    /// The client has gone.
    Gone,
    /// The client closes the connection, and waits for the same from the server (RFC 6455, 5.5.1).
    Closed(Option<CloseCode>),
    /// The server closes the connection.
    Refused(CloseCode, Body),
}

impl From<actix_ws::Closed> for End {
    fn from(_: actix_ws::Closed) -> Self {
        Self::Gone
    }
}

impl From<Elapsed> for End {
    fn from(_: Elapsed) -> Self {
        Self::Gone
    }
}

impl From<ApiError> for End {
    fn from(error: ApiError) -> Self {
        Self::Refused(CloseCode::Error, Body::from(&error))
    }
}

impl From<ProtocolError> for End {
    fn from(error: ProtocolError) -> Self {
        match error {
            // A frame is too large, or what has come of one is. Of a connection that has failed nobody hears this.
            ProtocolError::Overflow => Self::too_large(),
            ProtocolError::Io(error) if error.kind() == ErrorKind::Other => Self::too_large(),
            error => Self::of_client(CloseCode::Protocol, error.to_string()),
        }
    }
}

impl End {
    /// The client sends what is no live sound, or nothing.
    fn of_client(code: CloseCode, why: impl Into<String>) -> Self {
        Self::Refused(code, Body { error: why.into(), reason: "stream" })
    }

    fn too_large() -> Self {
        let why =
            format!("expected messages of at most {MAX_MESSAGE} bytes: send the sound in smaller pieces");
        Self::of_client(CloseCode::Size, why)
    }
}

/// The two directions of a WebSocket.
struct Conversation {
    session: Session,
    frames: MessageStream,
    /// What has come of a text message in fragments.
    text: Option<Vec<u8>>,
    wants_scores: bool,
    /// The client was told that the server has another model by now.
    knows_of_change: bool,
    /// Time for the client to send a piece of sound, or to read. Then its place is another's.
    patience: Duration,
    /// The time of the last piece of sound.
    heard: Instant,
    /// The bytes that have come since the last frame.
    begun: Rc<Cell<usize>>,
    /// The first byte of a sample whose second is still to come, if there is one.
    half: Bytes,
}

impl Conversation {
    /// Answers messages until the client says that the sound is over, or the server stops: then that is its end.
    async fn answer(&mut self, mut stream: LiveStream, lifecycle: &Lifecycle) -> Result<(), End> {
        let mut closed = pin!(lifecycle.closed());
        loop {
            let message = tokio::select! {
                biased; // sound that comes all the time does not delay the stop
                () = &mut closed => {
                    self.tell_all(stream.finish().await?.0).await?;
                    return Err(End::Refused(CloseCode::Away, Body::from(&ApiError::Stopping)));
                }
                message = self.next() => message?,
            };
            match message {
                Message::Samples(samples) => {
                    let (rest, found) = stream.push(samples).await?;
                    stream = rest;
                    self.tell_all(found.detections).await?;
                    if let Some(score) = found.score.filter(|_| self.wants_scores) {
                        self.tell(&StreamEvent::Score(score)).await?;
                    }
                    if !self.knows_of_change && stream.is_outdated() {
                        self.knows_of_change = true;
                        self.tell(&StreamEvent::Changed {}).await?;
                    }
                }
                Message::Over => {
                    let (detections, duration_s) = stream.finish().await?;
                    self.tell_all(detections).await?;
                    return self.tell(&StreamEvent::End { duration_s }).await;
                }
                Message::Ping(bytes) => timeout(self.patience, self.session.pong(&bytes)).await??,
                Message::Nothing => {}
            }
        }
    }

    async fn next(&mut self) -> Result<Message, End> {
        let frame = match timeout_at(self.heard + self.patience, self.frames.recv()).await {
            Err(_) => {
                // While its answers are not read, nothing of what the client sends arrives either.
                let why = format!(
                    "no sound was sent for {} s, or the answers were not read: \
                     send zeros while the microphone is off",
                    self.patience.as_secs_f32()
                );
                return Err(End::of_client(CloseCode::Away, why));
            }
            Ok(None) => return Err(End::Gone),
            Ok(Some(frame)) => frame?,
        };
        self.begun.set(0);
        match frame {
            Frame::Binary(bytes) | Frame::Continuation(Item::FirstBinary(bytes)) => Ok(self.sound(bytes)),
            Frame::Text(text) => self.end(text.as_bytes()),
            Frame::Continuation(Item::FirstText(bytes)) => {
                self.text = Some(bytes.to_vec());
                Ok(Message::Nothing)
            }
            Frame::Continuation(Item::Continue(bytes)) => self.go_on(bytes, false),
            Frame::Continuation(Item::Last(bytes)) => self.go_on(bytes, true),
            Frame::Ping(bytes) => Ok(Message::Ping(bytes)),
            Frame::Pong(_) | Frame::Nop => Ok(Message::Nothing),
            Frame::Close(reason) => Err(End::Closed(reason.map(|reason| reason.code))),
        }
    }

    /// Takes a further fragment. Those of sound are answered as they come, as messages are: none is kept.
    fn go_on(&mut self, bytes: Bytes, is_last: bool) -> Result<Message, End> {
        let Some(mut text) = self.text.take() else { return Ok(self.sound(bytes)) };
        text.extend_from_slice(&bytes);
        if is_last || text.len() > MAX_TEXT {
            return self.end(&text);
        }
        self.text = Some(text);
        Ok(Message::Nothing)
    }

    fn sound(&mut self, bytes: Bytes) -> Message {
        if !bytes.is_empty() {
            self.heard = Instant::now();
        }
        Message::Samples(self.whole_samples(bytes))
    }

    /// Takes the text that says that the sound is over.
    fn end(&self, text: &[u8]) -> Result<Message, End> {
        let refused = |why: &str| Err(End::of_client(CloseCode::Unsupported, why));
        if text.trim_ascii() != b"end" {
            return refused("expected samples, or the text `end`");
        }
        if !self.half.is_empty() {
            return refused("expected 16-bit samples: an even number of bytes");
        }
        Ok(Message::Over)
    }

    /// Returns the whole samples of a message, of which the first may have begun in the one before.
    fn whole_samples(&mut self, bytes: Bytes) -> Bytes {
        let mut samples = match mem::take(&mut self.half) {
            half if half.is_empty() => bytes,
            half => [half, bytes].concat().into(),
        };
        self.half = samples.split_off(samples.len() / 2 * 2);
        samples
    }

    async fn tell_all(&mut self, detections: Vec<Detection>) -> Result<(), End> {
        for detection in detections {
            self.tell(&StreamEvent::Detection(detection)).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, event: &StreamEvent) -> Result<(), End> {
        let text = serde_json::to_string(event).unwrap_or_default();
        Ok(timeout(self.patience, self.session.text(text)).await??)
    }
}
