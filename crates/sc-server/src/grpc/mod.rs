//! The Open Inference Protocol over gRPC, at a port of its own: the same recogniser, limits, keys and figures as over
//! HTTP. Beside it are the standard services for health and reflection.

mod arriving;
mod bounded;
mod infer;
pub mod protocol;

use std::{
    convert::Infallible,
    error::Error,
    future::{Future, pending, ready},
    io, mem,
    net::TcpListener,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::{ResponseError, error::PayloadError};
use futures_util::{StreamExt, stream};
use prost::Message;
use tokio::time::timeout;
use tonic::{
    Code, Request, Response, Status, Streaming,
    body::Body,
    codegen::{Service, http},
    server::Grpc,
    transport::{
        Server,
        server::{TcpConnectInfo, TcpIncoming},
    },
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::{service_fn, util::BoxCloneService};

use crate::{client::Client, error::ApiError, observe, state::AppState};
use arriving::Arriving;
use bounded::BoundedCodec;
use protocol::{Empty, InferRequest, InferResponse, StreamInferResponse, Yes};

/// The service of the protocol.
const SERVICE: &str = "/inference.GRPCInferenceService/";

const SERVER_LIVE: &str = "ServerLive";
const SERVER_READY: &str = "ServerReady";
const STREAM_INFER: &str = "ModelStreamInfer";

/// Probes, which come every few seconds and say nothing: they are not logged.
const QUIET: [&str; 2] = [SERVER_LIVE, SERVER_READY];

/// The description of the service, for clients that ask for reflection.
const DESCRIPTION: &[u8] = include_bytes!("inference.bin");

/// Bytes of a message without audio, and of one beside its audio.
const SMALL: usize = 64 << 10;

/// Requests at once on one connection.
const STREAMS: u32 = 128;

/// Time between two signs of life of a connection, and time for the answer.
const ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// Serves on `listener` until the service is closed; then it finishes the requests in work.
///
/// # Errors
/// If the listener cannot be used.
pub(crate) fn serve(
    listener: TcpListener,
    state: Arc<AppState>,
) -> io::Result<impl Future<Output = Result<(), tonic::transport::Error>>> {
    listener.set_nonblocking(true)?;
    let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTION)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(io::Error::other)?;
    let all = Services {
        state: Arc::clone(&state),
        health: Standard::new(health),
        reflection: Standard::new(reflection),
    };
    let longest = state.capacity.body_deadline.saturating_add(state.capacity.deadline);
    let server = Server::builder()
        .timeout(longest)
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(ALIVE.0))
        .http2_keepalive_timeout(Some(ALIVE.1));
    Ok(async move {
        let closed = state.lifecycle.closed();
        tokio::select! {
            result = server.serve_with_incoming_shutdown(all, incoming, closed) => result,
            never = tell_health(&state, reporter) => never,
        }
    })
}

/// Makes the service for health say that the server is about to stop, as soon as it is, and ends who watches it once it
/// stops.
async fn tell_health<T>(state: &AppState, mut health: HealthReporter) -> T {
    state.lifecycle.stopped().await;
    health.set_service_status("", ServingStatus::NotServing).await;
    state.lifecycle.closed().await;
    health.clear_service_status("").await;
    pending().await
}

/// All services at the port.
#[derive(Clone)]
struct Services {
    state: Arc<AppState>,
    health: Standard,
    reflection: Standard,
}

/// One of gRPC's own services.
type Standard = BoxCloneService<http::Request<Body>, http::Response<Body>, Infallible>;

impl Service<http::Request<Body>> for Services {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        let path = request.uri().path();
        if path.starts_with("/grpc.health.v1.Health/") {
            return self.health.call(request);
        }
        if path.starts_with("/grpc.reflection.v1.ServerReflection/") {
            return self.reflection.call(request);
        }
        let state = Arc::clone(&self.state);
        Box::pin(async move { Ok(answer(&state, request).await) })
    }
}

/// Answers a request of the protocol, counts it and logs it.
async fn answer(state: &Arc<AppState>, request: http::Request<Body>) -> http::Response<Body> {
    let start = Instant::now();
    let path = request.uri().path().to_owned();
    let mut method = path.strip_prefix(SERVICE).unwrap_or_default();
    let response = match method {
        SERVER_LIVE => unary(state, request, SMALL, |_: Empty| async { Ok(Yes { yes: true }) }).await,
        SERVER_READY => {
            let yes = !state.lifecycle.is_stopping();
            unary(state, request, SMALL, |_: Empty| async move { Ok(Yes { yes }) }).await
        }
        "ModelReady" => unary(state, request, SMALL, |model| async move { infer::ready(state, model) }).await,
        "ServerMetadata" => unary(state, request, SMALL, |_: Empty| async { Ok(infer::server()) }).await,
        "ModelMetadata" => {
            unary(state, request, SMALL, |model| async move { infer::metadata(state, model) }).await
        }
        "ModelInfer" => infer(state, request).await.unwrap_or_else(refuse),
        STREAM_INFER => match stream_infer(state, request).await {
            Ok(answers) => return answers, // each is counted by itself
            Err(refusal) => refuse(refusal),
        },
        _ => {
            method = "none";
            Status::unimplemented(format!("no method {path}")).into_http()
        }
    };
    note(state, method, response.extensions().get(), start);
    response
}

/// Refuses a recording before it is read if there is no place for it; takes the place when it is whole, and answers it.
async fn infer(
    state: &Arc<AppState>,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, ApiError> {
    let pool = state.recogniser.pool();
    let client = client(state, &request)?;
    drop(pool.places().take(&client)?); // a message that crawls keeps no place from others
    let arriving = Arriving::new(&state.memory, &client);
    let request = request.map(|body| arriving.count(body));
    let answer = |message| {
        let place = pool.places().take(&client).map(|place| place.with_body(arriving.take()));
        async { infer::infer(state, place?, message).await }
    };
    Ok(unary(state, request, largest(state), answer).await)
}

fn refuse(refusal: ApiError) -> http::Response<Body> {
    Status::from(refusal).into_http()
}

fn client(state: &AppState, request: &http::Request<Body>) -> Result<Client, ApiError> {
    let connection = request.extensions().get::<TcpConnectInfo>();
    let address = connection.and_then(TcpConnectInfo::remote_addr);
    state.access.client(address, |name| str::from_utf8(request.headers().get(name)?.as_bytes()).ok())
}

/// Reads one message of at most `largest` bytes, and answers it. tonic's `unary` has no limit for its time.
async fn unary<Q, R, A>(
    state: &AppState,
    request: http::Request<Body>,
    largest: usize,
    answer: impl Fn(Q) -> A + Send + Sync,
) -> http::Response<Body>
where
    Q: Message + Default + 'static,
    R: Message + 'static,
    A: Future<Output = Result<R, ApiError>> + Send,
{
    let answer = &answer;
    let answer = move |request: Request<Streaming<Q>>| async move {
        let message = next(state, &mut request.into_inner()).await?;
        let message = message.ok_or_else(|| Status::internal("expected a message"))?;
        answer(message).await.map(Response::new).map_err(Status::from)
    };
    grpc(largest).client_streaming(service_fn(answer), request).await
}

/// Reads the next message, as long as a body may take.
async fn next<Q>(state: &AppState, messages: &mut Streaming<Q>) -> Result<Option<Q>, Status> {
    let limit = state.capacity.body_deadline;
    timeout(limit, messages.message()).await.unwrap_or_else(|_| Err(ApiError::TooSlow { limit }.into()))
}

/// Answers each message of a stream in its turn, with an answer or with its mistake.
async fn stream_infer(
    state: &Arc<AppState>,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, ApiError> {
    let client = client(state, &request)?;
    let arriving = Arriving::new(&state.memory, &client);
    let conversation = Conversation { state: Arc::clone(state), client, is_begun: false, arriving };
    let request = request.map(|body| conversation.arriving.count(body));
    let answer = |request: Request<Streaming<InferRequest>>| {
        let turn = (conversation.clone(), request.into_inner());
        ready(Ok::<_, Status>(Response::new(stream::try_unfold(turn, Conversation::turn).boxed())))
    };
    Ok(grpc(largest(state)).streaming(service_fn(answer), request).await)
}

/// A client that sends a stream of messages.
#[derive(Clone)]
struct Conversation {
    state: Arc<AppState>,
    client: Client,
    /// True from the first message on, whose rate was checked with the key.
    is_begun: bool,
    arriving: Arriving,
}

/// A conversation, and its messages that are still to come.
type Turn = (Conversation, Streaming<InferRequest>);

impl Conversation {
    /// Reads the next message and answers it.
    async fn turn((mut this, mut messages): Turn) -> Result<Option<(StreamInferResponse, Turn)>, Status> {
        let read = tokio::select! {
            read = next(&this.state, &mut messages) => read,
            () = this.state.lifecycle.closed() => Err(ApiError::Stopping.into()),
        };
        let start = Instant::now();
        let message = read.inspect_err(|status| note(&this.state, STREAM_INFER, Some(status), start))?;
        let Some(message) = message else { return Ok(None) };
        let answer = this.answer(message).await.map_err(Status::from);
        note(&this.state, STREAM_INFER, answer.as_ref().err(), start);
        let answer = match answer {
            Ok(answer) => StreamInferResponse { error_message: String::new(), infer_response: Some(answer) },
            Err(status) => {
                StreamInferResponse { error_message: status.message().into(), infer_response: None }
            }
        };
        Ok(Some((answer, (this, messages))))
    }

    async fn answer(&mut self, message: InferRequest) -> Result<InferResponse, ApiError> {
        let share = self.arriving.take();
        if mem::replace(&mut self.is_begun, true) {
            self.state.access.check_rate(&self.client)?;
        }
        let place = self.state.recogniser.pool().places().take(&self.client)?;
        infer::infer(&self.state, place.with_body(share), message).await
    }
}

/// Counts an answer and logs it, as `observe` does over HTTP, with the status that it would have there.
fn note(state: &AppState, method: &str, status: Option<&Status>, start: Instant) {
    let of_tonic = status.filter(|&status| ours(status).is_none()).map(|status| unread(state, status.code()));
    let error = status.and_then(ours).or(of_tonic.as_ref());
    let status = error.map_or(200, |error| error.status_code().as_u16());
    let time = start.elapsed();
    observe::count(state, method, status, error, time);
    if !QUIET.contains(&method) && error.is_none_or(|error| error.retry_after().is_none()) {
        tracing::info!(method = "gRPC", path = method, status, ms = observe::milliseconds(time));
    }
}

/// Returns the error that a status was made of, unless tonic has made it.
fn ours(status: &Status) -> Option<&ApiError> {
    status.source()?.downcast_ref()
}

/// Returns what a message would be refused with over HTTP that tonic has refused with `code`.
fn unread(state: &AppState, code: Code) -> ApiError {
    match code {
        Code::OutOfRange => ApiError::TooLarge { limit: state.capacity.audio.max_bytes },
        Code::Unimplemented => ApiError::NotFound,
        _ => ApiError::Body(PayloadError::EncodingCorrupted),
    }
}

/// Returns the size of the largest message with audio.
fn largest(state: &AppState) -> usize {
    state.capacity.audio.max_bytes.saturating_add(SMALL)
}

fn grpc<Q: Message + Default + 'static, R: Message + 'static>(largest: usize) -> Grpc<BoundedCodec<R, Q>> {
    Grpc::new(BoundedCodec::default()).apply_max_message_size_config(Some(largest), None)
}
