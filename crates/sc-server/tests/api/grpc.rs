//! The Open Inference Protocol over gRPC, with tonic as the client.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    num::{NonZeroU32, NonZeroUsize},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, future::select_all, stream};
use http_body::Frame;
use prost::Message;
use sc_server::{
    Access, Capacity, Service,
    grpc::protocol::{
        Contents, Empty, InferRequest, InferResponse, ModelMetadata, ModelName, Parameter, ServerMetadata,
        StreamInferResponse, Tensor, Value, Wanted, Yes,
    },
};
use tonic::{
    Code, Request, Response, Status, Streaming,
    client::Grpc,
    codegen::{
        Service as _,
        http::{self, uri::PathAndQuery},
    },
    transport::Channel,
};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_prost::ProstCodec;
use tower::ServiceExt;

use crate::{
    helpers::{TestServer, answer, classifier, service, wav, word},
    program::Program,
};

/// A request of a name that is no text.
#[derive(Clone, PartialEq, Message)]
struct Wrong {
    #[prost(bytes = "vec", tag = "1")]
    model_name: Vec<u8>,
}

/// What a connection of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const INFER: &str = "/inference.GRPCInferenceService/ModelInfer";
const STREAM_INFER: &str = "/inference.GRPCInferenceService/ModelStreamInfer";

/// A server with a port for gRPC, and a client of it.
struct Pair {
    server: TestServer,
    address: SocketAddr,
    runtime: tokio::runtime::Runtime,
    client: Grpc<Channel>,
}

impl Pair {
    fn start(service: Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = TestServer::serving(Service { grpc: Some(listener), ..service });
        let runtime = runtime();
        let client = runtime.block_on(connect(address));
        Self { server, address, runtime, client }
    }

    fn ask<Q, R>(&mut self, path: &'static str, request: impl tonic::IntoRequest<Q>) -> Result<R, Status>
    where
        Q: Message + Default + 'static,
        R: Message + Default + 'static,
    {
        self.runtime.block_on(ask(&mut self.client, path, request))
    }

    /// Returns the answers to a stream of requests.
    fn answers(&mut self, requests: Vec<InferRequest>) -> Vec<StreamInferResponse> {
        self.runtime.block_on(async {
            let answers = stream_infer(&mut self.client, stream::iter(requests)).await;
            answers.map(Result::unwrap).collect().await
        })
    }

    /// Returns the number of answers of the method with this status.
    fn count(&self, method: &str, status: u16) -> u32 {
        self.server.metric(&format!("sc_http_requests_total{{route=\"{method}\",status=\"{status}\"}}"))
    }

    fn infer(&mut self, request: impl tonic::IntoRequest<InferRequest>) -> Result<InferResponse, Status> {
        self.ask(INFER, request)
    }
}

async fn connect(address: SocketAddr) -> Grpc<Channel> {
    Grpc::new(Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap())
}

async fn ask<Q, R>(
    client: &mut Grpc<Channel>,
    path: &'static str,
    request: impl tonic::IntoRequest<Q>,
) -> Result<R, Status>
where
    Q: Message + Default + 'static,
    R: Message + Default + 'static,
{
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    client.unary(request.into_request(), path, ProstCodec::default()).await.map(Response::into_inner)
}

/// Sends a stream of requests, and returns that of their answers.
async fn stream_infer(
    client: &mut Grpc<Channel>,
    requests: impl Stream<Item = InferRequest> + Send + 'static,
) -> Streaming<StreamInferResponse> {
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(STREAM_INFER);
    client.streaming(Request::new(requests), path, ProstCodec::default()).await.unwrap().into_inner()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn files(clips: &[Vec<u8>]) -> InferRequest {
    let contents = Contents { bytes_contents: clips.to_vec(), ..Contents::default() };
    let input = Tensor {
        name: "AUDIO_FILE".into(),
        datatype: "BYTES".into(),
        shape: vec![clips.len() as i64],
        contents: Some(contents),
        ..Tensor::default()
    };
    InferRequest { model_name: "speech-commands".into(), inputs: vec![input], ..InferRequest::default() }
}

/// The texts of a raw tensor of BYTES.
fn texts(mut raw: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some((length, rest)) = raw.split_first_chunk() {
        let (text, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        texts.push(String::from_utf8(text.to_vec()).unwrap());
        raw = rest;
    }
    texts
}

fn label(clip: &[u8]) -> String {
    answer(&classifier(), clip)["label"].as_str().unwrap().into()
}

#[test]
fn a_batch_is_answered_as_by_the_library() {
    let mut pair = Pair::start(service());
    let clips = [wav(200.0, 1.0, 16_000), wav(330.0, 2.5, 44_100)];

    let response = pair.infer(InferRequest { id: "7".into(), ..files(&clips) }).unwrap();

    assert_eq!((response.model_version.as_str(), response.id.as_str()), ("1", "7"));
    let names: Vec<_> = response.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["PROBABILITIES", "LABEL", "ACCEPTED"]);
    assert_eq!(texts(&response.raw_output_contents[1]), clips.map(|clip| label(&clip)));
}

#[test]
fn samples_may_be_raw_or_not_and_of_any_rate() {
    let mut pair = Pair::start(service());
    let clip = wav(200.0, 1.0, 8_000);
    let samples: Vec<f32> = hound::WavReader::new(&clip[..])
        .unwrap()
        .samples::<i16>()
        .map(|s| f32::from(s.unwrap()) / 32_768.0)
        .collect();
    let rate = Parameter { value: Some(Value::Int64(8_000)) };
    let input = Tensor {
        name: "AUDIO".into(),
        datatype: "FP32".into(),
        shape: vec![1, samples.len() as i64],
        parameters: HashMap::from([("sample_rate".into(), rate)]),
        ..Tensor::default()
    };
    let raw = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let contents = Contents { fp32_contents: samples, ..Contents::default() };
    let request = InferRequest { model_name: "speech-commands".into(), ..InferRequest::default() };
    let wanted = Wanted { name: "LABEL".into(), parameters: HashMap::new() };
    for request in [
        InferRequest { inputs: vec![input.clone()], raw_input_contents: vec![raw], ..request.clone() },
        InferRequest { inputs: vec![Tensor { contents: Some(contents), ..input }], ..request },
    ] {
        let response = pair.infer(InferRequest { outputs: vec![wanted.clone()], ..request }).unwrap();
        assert_eq!(response.raw_output_contents.len(), 1);
        assert_eq!(texts(&response.raw_output_contents[0]), [label(&clip)]);
    }
}

#[test]
fn a_mistake_is_told_with_its_code() {
    let mut pair = Pair::start(service());
    let other = InferRequest { model_name: "resnet".into(), ..files(&[wav(200.0, 1.0, 16_000)]) };
    for (request, code, part) in [
        (files(&[b"text".to_vec()]), Code::InvalidArgument, "not an audio file"),
        (files(&[]), Code::InvalidArgument, "expected a recording or more"),
        (InferRequest { inputs: Vec::new(), ..other.clone() }, Code::NotFound, "no model resnet"),
        (other, Code::NotFound, "no model resnet in version 1: this server has speech-commands"),
    ] {
        let status = pair.infer(request).unwrap_err();
        assert!(status.code() == code && status.message().contains(part), "{status}");
    }
}

#[test]
fn a_deadline_without_an_end_is_one() {
    let capacity = Capacity { deadline: Duration::MAX, ..Capacity::default() };
    let mut pair = Pair::start(Service { capacity, ..service() });
    assert!(pair.infer(files(&[wav(200.0, 1.0, 16_000)])).is_ok());
}

#[test]
fn a_parameter_that_is_no_number_is_refused() {
    let mut pair = Pair::start(service());
    let input = Tensor {
        name: "AUDIO".into(),
        datatype: "FP32".into(),
        shape: vec![1, 1],
        contents: Some(Contents { fp32_contents: vec![0.0], ..Contents::default() }),
        ..Tensor::default()
    };
    let request = InferRequest { model_name: "speech-commands".into(), ..InferRequest::default() };
    for value in [None, Some(Value::Int64(-1)), Some(Value::Uint64(1 << 32))] {
        let parameters = HashMap::from([("sample_rate".into(), Parameter { value })]);
        let inputs = vec![Tensor { parameters, ..input.clone() }];
        let status = pair.infer(InferRequest { inputs, ..request.clone() }).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "sample_rate: expected a whole number, 0 or more");
    }
}

#[test]
fn a_threshold_counts_and_is_checked() {
    let mut pair = Pair::start(service());
    let request = |value: Option<Value>| InferRequest {
        parameters: HashMap::from([("threshold".into(), Parameter { value })]),
        ..files(&[word().into_inner()])
    };
    for (threshold, accepted) in [(Value::Double(0.5), 1_u8), (Value::Int64(1), 0), (Value::Uint64(1), 0)] {
        let response = pair.infer(request(Some(threshold))).unwrap();
        assert_eq!(response.raw_output_contents[2], [accepted]);
    }
    for wrong in [None, Some(Value::Double(1.5)), Some(Value::Double(f64::NAN))] {
        assert_eq!(pair.infer(request(wrong)).unwrap_err().code(), Code::InvalidArgument);
    }
}

#[test]
fn a_stream_answers_each_message_and_goes_on_after_a_mistake() {
    let mut pair = Pair::start(service());
    let clip = wav(200.0, 1.0, 16_000);
    let [good, bad] = [files(&[clip]), files(&[b"text".to_vec()])];
    let messages = vec![good.clone(), bad, good];

    let answers = pair.answers(messages);

    let heard: Vec<_> = answers.iter().map(|answer| answer.infer_response.is_some()).collect();
    assert_eq!(heard, [true, false, true]);
    assert!(
        answers[1].error_message.starts_with("recording 1: not an audio file"),
        "{}",
        answers[1].error_message
    );
}

#[test]
fn a_server_told_to_stop_is_no_longer_ready_but_answers() {
    let service = service();
    let lifecycle = Arc::clone(&service.lifecycle);
    let mut pair = Pair::start(service);
    lifecycle.stop();

    let name = ModelName { name: "speech-commands".into(), version: String::new() };
    let server: Yes = pair.ask("/inference.GRPCInferenceService/ServerReady", Empty {}).unwrap();
    let model: Yes = pair.ask("/inference.GRPCInferenceService/ModelReady", name).unwrap();
    assert_eq!((server.yes, model.yes), (false, false));
    assert!(pair.infer(files(&[wav(200.0, 1.0, 16_000)])).is_ok());
}

#[test]
fn server_and_model_describe_themselves() {
    let mut pair = Pair::start(service());
    let yes: Yes = pair.ask("/inference.GRPCInferenceService/ServerReady", Empty {}).unwrap();
    assert!(yes.yes);
    let server: ServerMetadata =
        pair.ask("/inference.GRPCInferenceService/ServerMetadata", Empty {}).unwrap();
    assert_eq!(server.name, "speech-commands");
    let name = ModelName { name: "speech-commands".into(), version: String::new() };
    let model: ModelMetadata = pair.ask("/inference.GRPCInferenceService/ModelMetadata", name).unwrap();
    assert_eq!(model.outputs[0].shape, [-1, classifier().header().labels.names().len() as i64]);
    let health: HealthCheckResponse =
        pair.ask("/grpc.health.v1.Health/Check", HealthCheckRequest { service: String::new() }).unwrap();
    assert_eq!(health.status, 1, "SERVING");
    let unknown = pair.ask::<_, Yes>("/inference.GRPCInferenceService/Repository", Empty {}).unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
}

#[test]
fn a_key_is_asked_for_as_over_http() {
    // SHA-256 of `secret`.
    let key = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b".parse().unwrap();
    let mut pair = Pair::start(Service { access: Access::new(vec![key], None, Vec::new()), ..service() });
    let request = || files(&[wav(200.0, 1.0, 16_000)]);

    assert_eq!(pair.infer(request()).unwrap_err().code(), Code::Unauthenticated);
    let mut with_key = Request::new(request());
    with_key.metadata_mut().insert("authorization", "Bearer secret".parse().unwrap());
    assert!(pair.infer(with_key).is_ok());
}

#[test]
fn a_message_over_the_limit_is_refused_and_counted() {
    let mut capacity = Capacity { workers: NonZeroUsize::MIN, ..Capacity::default() };
    capacity.audio.max_bytes = 100_000;
    let mut pair = Pair::start(Service { capacity, ..service() });

    assert_eq!(pair.infer(files(&[vec![0; 1 << 20]])).unwrap_err().code(), Code::OutOfRange);
    assert_eq!(pair.count("ModelInfer", 413), 1);
}

#[test]
fn every_answer_is_counted_whatever_it_is() {
    let mut pair = Pair::start(service());
    pair.ask::<_, Yes>("/inference.GRPCInferenceService/ServerLive", Empty {}).unwrap();
    pair.ask::<_, Yes>("/inference.GRPCInferenceService/Repository", Empty {}).unwrap_err();
    pair.ask::<_, Yes>("/another.Service/ServerLive", Empty {}).unwrap_err();
    pair.ask::<_, InferResponse>(INFER, Wrong { model_name: vec![0xff] }).unwrap_err();
    pair.infer(files(&[b"text".to_vec()])).unwrap_err();
    pair.infer(files(&[wav(200.0, 1.0, 16_000)])).unwrap();

    for (method, status, n) in [
        ("ServerLive", 200, 1),
        ("none", 404, 2),
        ("ModelInfer", 400, 1),
        ("ModelInfer", 415, 1),
        ("ModelInfer", 200, 1),
    ] {
        assert_eq!(pair.count(method, status), n, "{method}, {status}");
    }
}

#[test]
fn a_probe_is_no_line_of_the_log_and_another_request_is_one() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let program = Program::start(&[format!("--grpc-port={port}").as_ref()]);
    runtime().block_on(async {
        let mut client = connect(([127, 0, 0, 1], port).into()).await;
        for method in ["ServerLive", "ServerReady", "ServerMetadata"] {
            let path = format!("/inference.GRPCInferenceService/{method}");
            client.ready().await.unwrap();
            let answer = client.unary(
                Request::new(Empty {}),
                path.parse().unwrap(),
                ProstCodec::<_, Empty>::default(),
            );
            answer.await.unwrap();
        }
    });
    let log = program.log_after_kill();
    assert!(
        log.contains("ServerMetadata") && !log.contains("ServerLive") && !log.contains("ServerReady"),
        "{log}"
    );
}

#[test]
fn each_message_of_a_stream_counts_against_the_rate() {
    let limit = NonZeroU32::new(2);
    let mut pair = Pair::start(Service { access: Access::new(Vec::new(), limit, Vec::new()), ..service() });
    // Of a model that is not here, which takes no time.
    let messages = vec![InferRequest { model_name: "resnet".into(), ..InferRequest::default() }; 20];

    let answers = pair.answers(messages);

    let n_refused =
        answers.iter().filter(|answer| answer.error_message.starts_with("too many requests")).count();
    assert!(n_refused >= 10, "{answers:?}");
    assert!(answers[..2].iter().all(|answer| answer.error_message.starts_with("no model")), "{answers:?}");
}

#[test]
fn a_stream_without_a_message_ends() {
    let capacity = Capacity { body_deadline: Duration::from_millis(200), ..Capacity::default() };
    let mut pair = Pair::start(Service { capacity, ..service() });

    let ended = pair.runtime.block_on(async {
        stream_infer(&mut pair.client, stream::pending()).await.message().await.unwrap_err()
    });

    assert_eq!(ended.code(), Code::DeadlineExceeded);
    assert_eq!(pair.count("ModelStreamInfer", 408), 1);
}

#[test]
fn a_message_that_does_not_arrive_in_time_is_refused_and_counted() {
    let capacity = Capacity { body_deadline: Duration::from_millis(200), ..Capacity::default() };
    let pair = Pair::start(Service { capacity, ..service() });
    let one_byte_of_nine = Bytes::from_static(&[0, 0, 0, 0, 9, 1]);

    let (refused, _) = pair.runtime.block_on(send_unended(pair.address, one_byte_of_nine));

    assert_eq!(refused.headers()["grpc-status"], "4", "DEADLINE_EXCEEDED");
    assert_eq!(pair.count("ModelInfer", 408), 1);
}

#[test]
fn a_long_message_is_read_by_a_worker_and_a_short_one_at_once() {
    let mut pair = Pair::start(service());
    for (n_bytes, n) in [(10, 0), (200_000, 1)] {
        let mut request = files(&[vec![0; n_bytes]]);
        request.inputs[0].shape = vec![2]; // so that nothing is decoded
        let before = pair.server.n_waits();
        assert_eq!(pair.infer(request).unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(pair.server.n_waits() - before, n, "{n_bytes} bytes");
    }
}

/// A body of these bytes that does not end.
struct Unended(Option<Bytes>);

impl http_body::Body for Unended {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.take().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
    }
}

/// Sends the beginning of a message. Returns the head of the answer, and the connection.
async fn send_unended(address: SocketAddr, bytes: Bytes) -> (http::Response<tonic::body::Body>, Channel) {
    let url = format!("http://{address}");
    let mut channel = Channel::from_shared(url.clone()).unwrap().connect().await.unwrap();
    let request = http::Request::post(url + INFER).header("content-type", "application/grpc");
    let request = request.body(tonic::body::Body::new(Unended(Some(bytes)))).unwrap();
    (channel.ready().await.unwrap().call(request).await.unwrap(), channel)
}

#[test]
fn messages_without_an_end_cannot_fill_the_memory() {
    let audio = sc_data::Limits { max_bytes: 16 << 20, ..sc_data::Limits::default() };
    let capacity = Capacity { audio, body_deadline: Duration::from_mins(10), ..Capacity::default() };
    let mut pair = Pair::start(Service { capacity, ..service() });
    let n_bytes: u32 = 16 << 20;
    let message = Bytes::from([&[0], &n_bytes.to_be_bytes()[..], &vec![0; n_bytes as usize - 1]].concat());
    // One client gets half of the 64 MB.
    let filling = [(); 4].map(|()| Box::pin(send_unended(pair.address, message.clone())));

    let ((refused, _), _, others) = pair.runtime.block_on(select_all(filling));

    assert_eq!(refused.headers()["grpc-status"], "14", "UNAVAILABLE");
    drop(others);
    let clip = files(&[wav(200.0, 3.0, 16_000)]);
    while pair.infer(clip.clone()).is_err() {}
}

#[test]
fn connections_of_broken_frames_end_and_others_are_answered() {
    let mut pair = Pair::start(service());
    let noise: Vec<u8> = (0..1_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let frames: [&[u8]; 6] = [
        b"",
        &[0, 0, 1, 4, 0, 0, 0, 0, 0, 9],              // settings of one byte
        &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1],        // data of 16 MB, of no request
        &[0, 0, 3, 1, 4, 0, 0, 0, 1, 0xff, 0xff, 12], // headers that are none
        &[0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0],     // a window that grows by nothing
        &noise,
    ];
    let broken = frames.map(|frame| [PREFACE, frame].concat());
    let others = [Vec::new(), b"GET / HTTP/1.1\r\nHost: test\r\n\r\n".to_vec(), noise.clone()];
    for bytes in broken.iter().chain(&others) {
        let mut connection = TcpStream::connect(pair.address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let _ = connection.write_all(bytes); // it may end before all is sent
        let _ = connection.shutdown(Shutdown::Write);
        let ended = connection.read_to_end(&mut Vec::new());
        let waits = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!waits, "a connection of {} bytes stays open", bytes.len());
    }
    assert!(pair.infer(files(&[wav(200.0, 1.0, 16_000)])).is_ok());
}

#[test]
fn a_client_that_goes_within_a_stream_leaves_its_place() {
    let capacity = Capacity { workers: NonZeroUsize::MIN, queue: 3, ..Capacity::default() };
    let mut pair = Pair::start(Service { capacity, ..service() });
    let request = files(&[wav(200.0, 1.0, 16_000)]);
    let is_heard = || async {
        let unended = stream::iter([request.clone()]).chain(stream::pending());
        let mut answers = stream_infer(&mut connect(pair.address).await, unended).await;
        answers.message().await.unwrap().unwrap().infer_response.is_some()
    };
    // The client, its connection and its stream end with its runtime.
    assert!((0..20).all(|_| runtime().block_on(is_heard())));
    assert!(pair.infer(request).is_ok());
}

#[cfg(unix)]
#[test]
fn a_stop_answers_what_has_begun() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = Program::start(&["--grpc-port".as_ref(), free.port().to_string().as_ref()]);
    let runtime = runtime();
    let request = files(&vec![wav(200.0, 1.0, 16_000); 200]);

    let response: InferResponse = runtime.block_on(async {
        let mut client = connect(free).await;
        let answer = ask(&mut client, INFER, request);
        let stop = async {
            tokio::time::sleep(Duration::from_millis(50)).await; // until it has begun
            program.signal("TERM");
        };
        tokio::join!(answer, stop).0.unwrap()
    });

    assert_eq!(response.outputs[0].shape[0], 200);
    drop(runtime);
    assert!(program.join().success());
}

#[test]
fn a_refusal_is_an_answer() {
    let capacity = Capacity { workers: NonZeroUsize::MIN, queue: 0, ..Capacity::default() };
    let mut pair = Pair::start(Service { capacity, ..service() });
    let long = files(&vec![wav(200.0, 1.0, 16_000); 200]);
    let answers = pair.runtime.block_on(async {
        let infer = || {
            let (mut client, request) = (pair.client.clone(), long.clone());
            async move { ask::<_, InferResponse>(&mut client, INFER, request).await }
        };
        futures_util::future::join_all((0..8).map(|_| infer())).await
    });

    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(!refused.is_empty() && refused.len() < answers.len(), "{} refused", refused.len());
    assert!(refused.iter().all(|status| status.code() == Code::Unavailable), "{refused:?}");
    assert!(pair.infer(files(&[wav(200.0, 1.0, 16_000)])).is_ok());
}
