//! The Open Inference Protocol, in JSON and in binary.

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::blocking::Response;
use sc_data::Waveform;
use serde_json::{Value, json};

use crate::helpers::{TestServer, classifier, error, read, word};

const INFER: &str = "/v2/models/speech-commands/infer";

fn infer(server: &TestServer, request: &Value) -> (u16, Value) {
    read(server.post(INFER, "application/json", serde_json::to_vec(request).unwrap()))
}

/// A request of one tensor.
fn of(name: &str, shape: &[usize], datatype: &str, data: &Value) -> Value {
    json!({"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data}]})
}

#[test]
fn a_client_finds_out_what_is_served() {
    let server = TestServer::start();

    let (status, about) = read(server.get("/v2"));
    assert_eq!((status, &about["extensions"]), (200, &json!(["binary_tensor_data", "classification"])));
    assert_eq!(read(server.get("/v2/health/live")), (200, json!({"live": true})));
    assert_eq!(read(server.get("/v2/health/ready")), (200, json!({"ready": true, "live": true})));
    let (status, model) = read(server.get("/v2/models/speech-commands/versions/1"));
    assert_eq!((status, &model["name"]), (200, &json!("speech-commands")));
    assert_eq!(model["outputs"][0], json!({"name": "PROBABILITIES", "datatype": "FP32", "shape": [-1, 12]}));
    let ready = json!({"name": "speech-commands", "ready": true});
    assert_eq!(read(server.get("/v2/models/speech-commands/ready")), (200, ready));
}

#[test]
fn files_and_samples_get_the_labels_of_the_library() {
    let server = TestServer::start();
    let waveform = Waveform::decode(word().get_ref(), &sc_data::Limits::default()).unwrap();
    let expected = classifier().classify(&waveform);
    let file = BASE64_STANDARD.encode(word().get_ref());
    let nested = json!([waveform.samples(), vec![0.0; 16_000]]);

    let files = of("AUDIO_FILE", &[2], "BYTES", &json!([file, file]));
    let samples = of("AUDIO", &[2, 16_000], "FP32", &nested);
    for (request, second) in [(files, "yes"), (samples, "_silence_")] {
        let (status, answer) = infer(&server, &request);

        assert_eq!(status, 200, "{answer}");
        assert_eq!(
            (&answer["model_name"], &answer["model_version"]),
            (&json!("speech-commands"), &json!("1"))
        );
        let output = |i: usize| (&answer["outputs"][i]["name"], &answer["outputs"][i]["shape"]);
        assert_eq!(output(0), (&json!("PROBABILITIES"), &json!([2, 12])));
        assert_eq!(answer["outputs"][1]["data"], json!([expected.label, second]));
        assert_eq!(answer["outputs"][2]["data"], json!([expected.accepted, second == "yes"]));
        let labels = classifier().header().labels.clone();
        let confidence = answer["outputs"][0]["data"][labels.index("yes").unwrap()].as_f64().unwrap();
        assert!((confidence - f64::from(expected.confidence)).abs() < 1e-6, "{answer}");
    }
}

#[test]
fn binary_tensors_go_in_and_come_out() {
    let server = TestServer::start();
    let file = word().into_inner();
    let json = json!({
        "id": "seven",
        "inputs": [{
            "name": "AUDIO_FILE", "shape": [1], "datatype": "BYTES",
            "parameters": {"binary_data_size": file.len() + 4},
        }],
        "outputs": [
            {"name": "LABEL", "parameters": {"binary_data": true}},
            {"name": "PROBABILITIES", "parameters": {"classification": 2}},
        ],
    });
    let json = serde_json::to_vec(&json).unwrap();
    let body = [json.as_slice(), &(file.len() as u32).to_le_bytes(), &file].concat();

    let response: Response = server.post_with_headers(
        INFER,
        &[("Inference-Header-Content-Length", &json.len().to_string())],
        body,
    );

    let length: usize =
        response.headers()["Inference-Header-Content-Length"].to_str().unwrap().parse().unwrap();
    let body = response.bytes().unwrap();
    let answer: Value = serde_json::from_slice(&body[..length]).unwrap();
    assert_eq!(answer["id"], "seven");
    assert_eq!(answer["outputs"][0]["parameters"], json!({"binary_data_size": 7}));
    assert_eq!(body[length..], *b"\x03\0\0\0yes");
    let best = answer["outputs"][1]["data"][0].as_str().unwrap();
    assert!(best.starts_with("0.9") && best.ends_with(":yes"), "{answer}");
    assert_eq!(answer["outputs"][1]["shape"], json!([1, 2]));
}

#[test]
fn a_threshold_counts_and_is_checked_and_other_parameters_are_passed_over() {
    let server = TestServer::start();
    let file = BASE64_STANDARD.encode(word().get_ref());
    let mut request = of("AUDIO_FILE", &[1], "BYTES", &json!([file]));
    for (threshold, accepted) in [(0.5, true), (1.0, false)] {
        request["parameters"] = json!({"threshold": threshold, "priority": 7});
        let (status, answer) = infer(&server, &request);
        assert_eq!((status, &answer["outputs"][2]["data"]), (200, &json!([accepted])), "{answer}");
    }
    request["parameters"] = json!({"threshold": 1.5});
    assert_eq!(infer(&server, &request), (400, error("a threshold of 1.5: expected 0 to 1", "inference")));
}

#[test]
fn the_recording_of_a_batch_that_cannot_be_used_is_named() {
    let files = [word().into_inner(), b"no audio".to_vec()].map(|file| BASE64_STANDARD.encode(file));
    let request = of("AUDIO_FILE", &[2], "BYTES", &json!(files));
    let message = format!("recording 2: {}", sc_data::Error::NotAudio);
    assert_eq!(infer(&TestServer::start(), &request), (415, error(&message, "recording")));
}

#[test]
fn what_is_null_counts_as_left_out() {
    let server = TestServer::start();
    let mut request = of("AUDIO", &[1, 2], "FP32", &json!([0, 0]));
    for field in ["id", "outputs", "parameters"] {
        request[field] = Value::Null;
    }
    request["inputs"][0]["parameters"] = Value::Null;
    let (status, answer) = infer(&server, &request);
    assert_eq!((status, &answer["outputs"][1]["data"]), (200, &json!(["_silence_"])), "{answer}");
    assert!(answer.get("id").is_none());
}

#[test]
fn what_a_request_makes_the_server_repeat_or_hold_is_bounded() {
    let server = TestServer::start();
    let long = "x".repeat(100_000);
    let (status, answer) = infer(&server, &of(&long, &[1], "BYTES", &json!([""])));
    let message = answer["error"].as_str().unwrap();
    assert!(
        status == 400 && message.starts_with("no input xxx") && message.len() < 1_000,
        "{}",
        message.len()
    );

    let mut named = of("AUDIO", &[1, 2], "FP32", &json!([0, 0]));
    named["id"] = long.into();
    assert_eq!(infer(&server, &named), (400, error("an id of more than 1000 bytes", "inference")));

    let many = of("AUDIO_FILE", &[100_000], "BYTES", &json!(vec![""; 100_000]));
    let message = "the request holds more recordings than 1000: send them in several requests";
    assert_eq!(infer(&server, &many), (413, error(message, "size")));
    let (status, answer) = infer(&server, &of("AUDIO", &[1; 1_000], "FP32", &json!([0])));
    let message = answer["error"].as_str().unwrap();
    assert!(status == 400 && message.contains("expected a list of at most 16"), "{message}");
}

#[test]
fn what_does_not_fit_the_model_is_refused_with_what_would() {
    let server = TestServer::start();
    let refused = [
        (of("SOUND", &[1], "BYTES", &json!([""])), "no input SOUND: expected AUDIO or AUDIO_FILE"),
        (of("AUDIO", &[1, 2], "INT16", &json!([1, 2])), "AUDIO of INT16: AUDIO is FP32, AUDIO_FILE is BYTES"),
        (of("AUDIO", &[1, 3], "FP32", &json!([1, 2])), "AUDIO of shape [1, 3] with 2 samples"),
        (of("AUDIO", &[2], "FP32", &json!([1, 2])), "AUDIO of shape [2]: expected [n, samples]"),
        (
            of("AUDIO", &[1, 0], "FP32", &json!([])),
            "AUDIO: expected a recording or more, of a sample or more",
        ),
        (
            of("AUDIO_FILE", &[1], "BYTES", &json!(["?"])),
            "AUDIO_FILE: expected base64: Invalid symbol 63, offset 0.",
        ),
        (json!({"inputs": []}), "0 inputs: expected one, AUDIO or AUDIO_FILE"),
    ];
    for (request, message) in refused {
        assert_eq!(infer(&server, &request), (400, error(message, "inference")));
    }
    let mut request = of("AUDIO", &[1, 2], "FP32", &json!([0, 0]));
    request["outputs"] = json!([{"name": "WORD"}]);
    let message = "no output WORD: expected PROBABILITIES, LABEL or ACCEPTED";
    assert_eq!(infer(&server, &request), (400, error(message, "inference")));
    request["outputs"] = json!([{"name": "LABEL"}, {"name": "LABEL"}]);
    let message = "outputs: expected each of PROBABILITIES, LABEL and ACCEPTED at most once";
    assert_eq!(infer(&server, &request), (400, error(message, "inference")));
    let other = server.get("/v2/models/other");
    let message = "no model other in version 1: this server has speech-commands in version 1";
    assert_eq!(read(other), (404, error(message, "inference")));
    let not_audio = of("AUDIO_FILE", &[1], "BYTES", &json!([BASE64_STANDARD.encode("hello")]));
    assert_eq!(infer(&server, &not_audio).0, 415);
}
