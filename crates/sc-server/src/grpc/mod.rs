//! The Open Inference Protocol over gRPC, at a port of its own: the same recogniser, limits, keys and figures as over
//! HTTP. Beside it are the standard services for health and reflection.

mod infer;
pub mod protocol;

use std::{
    convert::Infallible,
    future::{Future, pending, ready},
    io,
    net::TcpListener,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::ResponseError;
use futures_util::{StreamExt, stream::BoxStream};
use prost::Message;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codegen::{Service, http},
    server::Grpc,
    transport::{
        Server,
        server::{TcpConnectInfo, TcpIncoming},
    },
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::{access::Client, error::ApiError, observe, places::Place, state::AppState};
use protocol::{Empty, InferRequest, StreamInferResponse, Yes};

/// The service of the protocol.
const SERVICE: &str = "/inference.GRPCInferenceService/";

/// The description of the service, for clients that ask for reflection.
const DESCRIPTION: &[u8] = include_bytes!("inference.bin");

/// Bytes of a message beside its audio.
const AROUND_AUDIO: usize = 64 << 10;

/// Requests at once on one connection.
const STREAMS: u32 = 128;

/// Time between two signs of life of a connection, and time for the answer.
const ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// Serves on `listener` until the service is closed; then it finishes the requests in work.
///
/// # Errors
/// If the listener cannot be used.
pub fn serve(
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
    let all = Services { state: Arc::clone(&state), health, reflection };
    let longest = state.capacity.body_deadline + state.capacity.deadline;
    let server = Server::builder()
        .timeout(longest)
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(ALIVE.0))
        .http2_keepalive_timeout(Some(ALIVE.1));
    Ok(async move {
        let closed = state.lifecycle.closed();
        tokio::select! {
            result = server.serve_with_incoming_shutdown(all, incoming, closed) => result,
            never = tell_health(&state, &reporter) => never,
        }
    })
}

/// Makes the service for health say that the server is about to stop, as soon as it is.
async fn tell_health<T>(state: &AppState, health: &HealthReporter) -> T {
    state.lifecycle.stopped().await;
    health.set_service_status("", ServingStatus::NotServing).await;
    pending().await
}

/// All services at the port.
#[derive(Clone)]
struct Services<H, R> {
    state: Arc<AppState>,
    health: H,
    reflection: R,
}

/// A service that tonic has generated.
trait Generated:
    Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>
{
}

impl<S> Generated for S where
    S: Service<
            http::Request<Body>,
            Response = http::Response<Body>,
            Error = Infallible,
            Future: Send + 'static,
        >
{
}

impl<H: Generated, R: Generated> Service<http::Request<Body>> for Services<H, R> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        let path = request.uri().path();
        if path.starts_with("/grpc.health.v1.Health/") {
            return Box::pin(self.health.call(request));
        }
        if path.starts_with("/grpc.reflection.v1.ServerReflection/") {
            return Box::pin(self.reflection.call(request));
        }
        let state = Arc::clone(&self.state);
        Box::pin(async move { Ok(answer(&state, request).await) })
    }
}

/// Answers a request of the protocol.
async fn answer(state: &Arc<AppState>, request: http::Request<Body>) -> http::Response<Body> {
    let method = request.uri().path().strip_prefix(SERVICE).unwrap_or_default().to_owned();
    match method.as_str() {
        "ServerLive" => unary("ServerLive", state, request, |_: Empty| async { Ok(Yes { yes: true }) }).await,
        "ServerReady" => {
            let yes = !state.lifecycle.is_stopping();
            unary("ServerReady", state, request, |_: Empty| async move { Ok(Yes { yes }) }).await
        }
        "ModelReady" => {
            unary("ModelReady", state, request, |model| async move { infer::ready(state, model) }).await
        }
        "ServerMetadata" => {
            unary("ServerMetadata", state, request, |_: Empty| async { Ok(infer::server()) }).await
        }
        "ModelMetadata" => {
            unary("ModelMetadata", state, request, |model| async move { infer::metadata(state, model) }).await
        }
        "ModelInfer" => {
            // Before the message is read. An error may not be kept while others are waited for.
            let place = match admit(state, &request) {
                Ok(place) => place,
                Err(refusal) => return refuse("ModelInfer", state, &refusal),
            };
            let infer = |message| infer::infer(Arc::clone(state), place.clone(), message);
            unary("ModelInfer", state, request, infer).await
        }
        "ModelStreamInfer" => {
            let client = match client(state, &request) {
                Ok(client) => client,
                Err(refusal) => return refuse("ModelStreamInfer", state, &refusal),
            };
            streaming(state, &client, request).await
        }
        _ => Status::unimplemented(format!("no method {SERVICE}{method}")).into_http(),
    }
}

/// Takes a place for a request whose message is still to be read.
fn admit(state: &AppState, request: &http::Request<Body>) -> Result<Place, ApiError> {
    state.recogniser.pool().places().take(&client(state, request)?)
}

fn client(state: &AppState, request: &http::Request<Body>) -> Result<Client, ApiError> {
    let connection = request.extensions().get::<TcpConnectInfo>();
    let address = connection.and_then(TcpConnectInfo::remote_addr);
    state.access.client(address, |name| request.headers().get(name)?.to_str().ok())
}

/// Reads one message, and answers it.
async fn unary<Q, R, A>(
    method: &'static str,
    state: &Arc<AppState>,
    request: http::Request<Body>,
    answer: impl Fn(Q) -> A + Send,
) -> http::Response<Body>
where
    Q: Message + Default + 'static,
    R: Message + 'static,
    A: Future<Output = Result<R, ApiError>> + Send,
{
    let start = Instant::now();
    let answer = |request: Request<Q>| {
        let answer = answer(request.into_inner());
        async move {
            let answer = answer.await;
            note(state, method, answer.as_ref().err(), start);
            answer.map(Response::new).map_err(|error| Status::from(&error))
        }
    };
    grpc(state).unary(service_fn(answer), request).await
}

/// Answers each message of a stream in its turn, with an answer or with its mistake.
async fn streaming(
    state: &Arc<AppState>,
    client: &Client,
    request: http::Request<Body>,
) -> http::Response<Body> {
    let answer = |request: Request<Streaming<InferRequest>>| {
        let (state, client) = (Arc::clone(state), client.clone());
        let answers = request.into_inner().then(move |message| {
            let (state, client) = (Arc::clone(&state), client.clone());
            async move { Ok(one_of_stream(state, &client, message?).await) }
        });
        let answers: BoxStream<Result<StreamInferResponse, Status>> = answers.boxed();
        ready(Ok::<_, Status>(Response::new(answers)))
    };
    grpc(state).streaming(service_fn(answer), request).await
}

async fn one_of_stream(state: Arc<AppState>, client: &Client, message: InferRequest) -> StreamInferResponse {
    let start = Instant::now();
    let infer = async {
        let place = state.recogniser.pool().places().take(client)?;
        infer::infer(Arc::clone(&state), place, message).await
    };
    let answer = infer.await;
    note(&state, "ModelStreamInfer", answer.as_ref().err(), start);
    match answer {
        Ok(answer) => StreamInferResponse { error_message: String::new(), infer_response: Some(answer) },
        Err(error) => StreamInferResponse { error_message: error.message(), infer_response: None },
    }
}

fn refuse(method: &'static str, state: &Arc<AppState>, refusal: &ApiError) -> http::Response<Body> {
    note(state, method, Some(refusal), Instant::now());
    Status::from(refusal).into_http()
}

/// Counts an answer and logs it, as `observe` does over HTTP, with the status that it would have there.
fn note(state: &AppState, method: &'static str, error: Option<&ApiError>, start: Instant) {
    let status = error.map_or(200, |error| error.status_code().as_u16());
    let time = start.elapsed();
    observe::count(state, method, status, error, time);
    if error.is_none_or(|error| error.retry_after().is_none()) {
        let ms = time.as_secs_f64() * 1000.0;
        tracing::info!(method = "gRPC", path = method, status, ms = format!("{ms:.3}"));
    }
}

fn grpc<Q: Message + Default + 'static, R: Message + 'static>(state: &AppState) -> Grpc<ProstCodec<R, Q>> {
    let largest = state.capacity.audio.max_bytes.saturating_add(AROUND_AUDIO);
    Grpc::new(ProstCodec::default()).apply_max_message_size_config(Some(largest), None)
}
