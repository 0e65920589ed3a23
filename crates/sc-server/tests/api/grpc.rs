//! The Open Inference Protocol over gRPC, with tonic as the client.

use std::{collections::HashMap, net::TcpListener, num::NonZeroUsize};

use prost::Message;
use sc_server::{
    Access, Capacity, Service,
    grpc::protocol::{
        Contents, Empty, InferRequest, InferResponse, ModelMetadata, ModelName, Parameter, ServerMetadata,
        StreamInferResponse, Tensor, Value, Wanted, Yes,
    },
};
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_prost::ProstCodec;

use crate::helpers::{TestServer, answer, classifier, service, wav};

/// A server with a port for gRPC, and a client of it.
struct Pair {
    _server: TestServer,
    runtime: tokio::runtime::Runtime,
    client: Grpc<Channel>,
}

impl Pair {
    fn start(service: Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = TestServer::serving(Service { grpc: Some(listener), ..service });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let channel = runtime.block_on(Channel::from_shared(url).unwrap().connect()).unwrap();
        Self { _server: server, runtime, client: Grpc::new(channel) }
    }

    fn ask<Q, R>(&mut self, path: &'static str, request: impl tonic::IntoRequest<Q>) -> Result<R, Status>
    where
        Q: Message + Default + 'static,
        R: Message + Default + 'static,
    {
        let request = request.into_request();
        self.runtime.block_on(async {
            self.client.ready().await.unwrap();
            let path = PathAndQuery::from_static(path);
            self.client.unary(request, path, ProstCodec::default()).await.map(tonic::Response::into_inner)
        })
    }

    fn infer(&mut self, request: impl tonic::IntoRequest<InferRequest>) -> Result<InferResponse, Status> {
        self.ask("/inference.GRPCInferenceService/ModelInfer", request)
    }
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
fn a_stream_answers_each_message_and_goes_on_after_a_mistake() {
    let pair = Pair::start(service());
    let clip = wav(200.0, 1.0, 16_000);
    let [good, bad] = [files(&[clip]), files(&[b"text".to_vec()])];
    let messages = vec![good.clone(), bad, good];

    let answers = pair.runtime.block_on(async {
        let mut client = pair.client.clone();
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/inference.GRPCInferenceService/ModelStreamInfer");
        let request = Request::new(futures_util::stream::iter(messages));
        let mut stream = client.streaming(request, path, ProstCodec::default()).await.unwrap().into_inner();
        let mut answers: Vec<StreamInferResponse> = Vec::new();
        while let Some(answer) = stream.message().await.unwrap() {
            answers.push(answer);
        }
        answers
    });

    let heard: Vec<_> = answers.iter().map(|answer| answer.infer_response.is_some()).collect();
    assert_eq!(heard, [true, false, true]);
    assert!(answers[1].error_message.starts_with("not an audio file"), "{}", answers[1].error_message);
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
fn a_message_over_the_limit_is_refused() {
    let mut capacity = Capacity { workers: NonZeroUsize::MIN, ..Capacity::default() };
    capacity.audio.max_bytes = 100_000;
    let mut pair = Pair::start(Service { capacity, ..service() });

    assert_eq!(pair.infer(files(&[vec![0; 1 << 20]])).unwrap_err().code(), Code::OutOfRange);
}
