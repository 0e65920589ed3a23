//! Keywords in live sound, over a WebSocket.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    rt::{spawn, time::timeout},
    web::{Bytes, Data, Payload},
};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use sc_data::StreamResampler;
use sc_model::{Detection, Detector, Score};
use serde::Serialize;

use crate::{Capacity, error::ApiError, model::Model, pool::Pool, query::StreamQuery};

/// The largest message: ten seconds at 48 kHz.
const MAX_MESSAGE: usize = 1 << 20;

/// A client that sends nothing for so long has gone.
const IDLE: Duration = Duration::from_secs(30);

/// What the server tells.
#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event {
    /// A keyword was heard.
    Detection(Detection),
    /// A window's likeliest label, if `scores` were asked for.
    Score(Score),
    /// The sound is over, as the client said.
    End {
        /// What was heard of it.
        duration_s: f64,
    },
    /// Why the connection ends.
    Error {
        /// What was wrong, and what would be right.
        error: String,
    },
}

/// Keywords in live sound, over a WebSocket
///
/// Binary messages carry 16-bit little-endian mono samples at `sample_rate`, in pieces of any size; the text
/// `end` says that the sound is over. Text messages come back: `{"type":"detection",…}` as soon as a keyword is
/// heard, `{"type":"score",…}` for each window if asked for, and `{"type":"end",…}` after the last. The same
/// samples give the same detections here and from `/detect`.
#[utoipa::path(
    get, path = "/stream", tag = "keywords", params(StreamQuery),
    responses(
        (status = 101, description = "a WebSocket; its text messages are events", body = Event),
        (status = 400, description = "no WebSocket handshake, or a wrong query", body = crate::error::Body),
        (status = 422, description = "a sample rate out of range", body = crate::error::Body),
        (status = 503, description = "too many streams", body = crate::error::Body),
        crate::error::AccessErrors
    )
)]
pub async fn stream(
    request: HttpRequest,
    payload: Payload,
    capacity: Data<Capacity>,
    pool: Data<Pool>,
    model: Data<Model>,
) -> Result<HttpResponse, ApiError> {
    let (query, config) = StreamQuery::parse(request.query_string())?;
    capacity.recording.check_format(1, query.sample_rate)?;
    let place = pool.stream_place()?;
    let (response, session, messages) =
        actix_ws::handle(&request, payload).map_err(|error| ApiError::WebSocket(error.to_string()))?;
    let listener = Listener {
        resampler: StreamResampler::new(query.sample_rate),
        detector: Detector::new(model.current(), &config),
        rate_hz: query.sample_rate,
        scores: query.scores,
        n_samples: 0,
    };
    let messages =
        messages.max_frame_size(MAX_MESSAGE).aggregate_continuations().max_continuation_size(MAX_MESSAGE);
    spawn(async move {
        let _place = place;
        converse(session, messages, listener, &pool).await;
    });
    Ok(response)
}

/// Hears messages until one side ends the conversation.
async fn converse(
    mut session: Session,
    mut messages: AggregatedMessageStream,
    mut listener: Listener,
    pool: &Pool,
) {
    let reason = loop {
        let message = match timeout(IDLE, messages.recv()).await {
            Err(_) => break closed(CloseCode::Away, "nothing was sent for 30 s"),
            Ok(None | Some(Ok(AggregatedMessage::Close(_)))) => return, // the client has gone
            Ok(Some(Err(error))) => break closed(CloseCode::Protocol, &error.to_string()),
            Ok(Some(Ok(message))) => message,
        };
        let heard = match message {
            AggregatedMessage::Binary(samples) if samples.len() % 2 == 0 => {
                pool.wait(move || listener.hear(&samples)).await
            }
            AggregatedMessage::Binary(_) => {
                break closed(CloseCode::Unsupported, "expected 16-bit samples: an even number of bytes");
            }
            AggregatedMessage::Text(text) if text.trim() == "end" => {
                if let Ok(events) = pool.wait(move || listener.finish()).await {
                    let _ = tell(&mut session, &events).await;
                }
                break CloseReason { code: CloseCode::Normal, description: None };
            }
            AggregatedMessage::Text(_) => {
                break closed(CloseCode::Unsupported, "expected samples, or the text `end`");
            }
            AggregatedMessage::Ping(bytes) => {
                if session.pong(&bytes).await.is_err() {
                    return;
                }
                continue;
            }
            _ => continue,
        };
        match heard {
            Ok((back, events)) => {
                listener = back;
                if tell(&mut session, &events).await.is_err() {
                    return;
                }
            }
            Err(error) => break closed(CloseCode::Error, &error.message()),
        }
    };
    if let Some(error) = reason.description.clone() {
        let _ = tell(&mut session, &[Event::Error { error }]).await;
    }
    let _ = session.close(Some(reason)).await;
}

fn closed(code: CloseCode, why: &str) -> CloseReason {
    CloseReason { code, description: Some(why.into()) }
}

async fn tell(session: &mut Session, events: &[Event]) -> Result<(), actix_ws::Closed> {
    for event in events {
        session.text(serde_json::to_string(event).unwrap_or_default()).await?;
    }
    Ok(())
}

/// One stream's state between messages.
struct Listener {
    resampler: StreamResampler,
    detector: Detector,
    rate_hz: u32,
    scores: bool,
    n_samples: u64,
}

impl Listener {
    /// Takes samples, and returns itself and what they told.
    fn hear(mut self, samples: &Bytes) -> (Self, Vec<Event>) {
        let samples: Vec<f32> = samples
            .as_chunks::<2>()
            .0
            .iter()
            .map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0)
            .collect();
        self.n_samples += samples.len() as u64;
        let samples = self.resampler.push(&samples);
        let before = self.detector.latest().cloned();
        let mut events: Vec<Event> = self.detector.push(&samples).into_iter().map(Event::Detection).collect();
        if self.scores && self.detector.latest() != before.as_ref() {
            events.extend(self.detector.latest().cloned().map(Event::Score));
        }
        (self, events)
    }

    fn finish(mut self) -> Vec<Event> {
        let rest = self.resampler.finish();
        let mut events: Vec<Event> = self.detector.push(&rest).into_iter().map(Event::Detection).collect();
        events.extend(self.detector.finish().into_iter().map(Event::Detection));
        events.push(Event::End { duration_s: self.n_samples as f64 / f64::from(self.rate_hz) });
        events
    }
}
