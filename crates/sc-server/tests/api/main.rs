//! The server over a real socket: whole answers, each error, and what happens at its limits.

#![allow(clippy::unwrap_used, reason = "a test fails by its panic, helpers included")]

mod damage;
mod detect;
mod docs;
mod faults;
mod fuzzed;
#[cfg(feature = "grpc-test")]
mod grpc;
mod helpers;
mod inference;
mod limits;
mod operation;
mod page;
mod predict;
mod program;
mod shutdown;
mod smuggling;
mod start;
mod words;

use std::panic::catch_unwind;

use helpers::{TestServer, classifier, error, read};
use reqwest::Method;
use sc_model::Backend;
use sc_server::{Model, ModelSource, Service};
use serde::Serialize;
use serde_json::{Value, json};

#[test]
fn health_is_what_the_original_service_answers() {
    let response = TestServer::start().get("/health");

    assert_eq!(response.status(), 200);
    let expected = r#"{"status":"healthy","model_loaded":true,"device":"cpu"}"#;
    assert_eq!(response.text().unwrap(), expected);
}

#[test]
fn health_says_the_device_of_the_backend_that_runs() {
    // A build with `wgpu` may be tested where there is no GPU: that model is served only if it loads.
    for backend in Backend::available() {
        let load = || Model::load(ModelSource { file: None, words: None, backend });
        let Ok(Ok(model)) = catch_unwind(load) else { continue };

        let (_, health) = read(TestServer::serving(Service::new(model)).get("/health"));

        assert_eq!(health["device"], if backend.to_string() == "wgpu" { "gpu" } else { "cpu" }, "{backend}");
    }
}

#[test]
fn info_says_what_the_model_is_and_what_is_accepted() {
    let response = TestServer::start().get("/info");

    let classifier = classifier();
    let header = classifier.header();
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "labels": header.labels,
        "threshold": as_written(&header.threshold),
        "temperature": as_written(&header.temperature),
        "log_mel": as_written(&header.log_mel),
        "network": header.network,
        "multiply_adds": header.network.multiply_adds(),
        "backend": "native",
        "training": header.training,
        "limits": {
            "max_bytes": 25 << 20,
            "max_seconds": 60,
            "max_channels": 8,
            "min_rate_hz": 4_000,
            "max_rate_hz": 192_000,
        },
    });
    assert_eq!(read(response), (200, serde_json::from_str(&expected.to_string()).unwrap()));
}

/// Returns a value with the single-precision numbers that its JSON shows: 0.1, not 0.10000000149011612.
fn as_written(value: &impl Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[test]
fn an_unknown_path_is_404_and_names_those_there_are() {
    let response = TestServer::start().get("/predictions");

    let expected = error("nothing is here: try /, /docs or /openapi.json", "not_found");
    assert_eq!(read(response), (404, expected));
}

#[test]
fn a_slash_too_many_is_passed_over() {
    let server = TestServer::start();
    for path in ["/health/", "/health/ready/", "/info/", "/v2/", "/v2/models/speech-commands/"] {
        assert_eq!(server.get(path).status(), 200, "{path}");
    }
    let response = server.post("/predict/", "audio/wav", helpers::wav(200.0, 1.0, 16_000));
    assert_eq!(response.status(), 200);
    assert_eq!(server.request(Method::DELETE, "/words/lamp/").status(), 403); // it teaches none
}

#[test]
fn a_wrong_method_is_405_and_names_the_right_one() {
    let server = TestServer::start();

    for (method, path, allowed) in [
        (Method::GET, "/predict", "POST"),
        (Method::POST, "/health", "GET, HEAD"),
        (Method::DELETE, "/", "GET, HEAD"),
    ] {
        let response = server.request(method, path);

        assert_eq!(response.headers()["Allow"], allowed, "{path}");
        let expected = error(&format!("wrong method: use {allowed}"), "method");
        assert_eq!(read(response), (405, expected), "{path}");
    }
}

#[test]
fn each_refusal_has_a_reason_that_the_guide_lists() {
    let server = TestServer::start();
    let guide = include_str!("../../../../docs/src/serve.md");
    for (response, reason) in [
        (server.get("/predictions"), "not_found"),
        (server.get("/predict"), "method"),
        (server.get("/stream"), "websocket"),
        (server.get("/v2/models/other"), "inference"),
        (server.predict(b"no audio".to_vec()), "recording"),
        (server.predict_raw("text/plain", b"yes".to_vec()), "body"),
        (server.post("/predict?topk=3", "audio/wav", Vec::new()), "query"),
        (server.request(Method::DELETE, "/words/lamp"), "no_teaching"),
    ] {
        let (status, body) = read(response);
        assert_eq!(body["reason"], reason, "{body}");
        let is_listed = |row: &str| row.contains(&format!("`{reason}`")) && row.contains(&status.to_string());
        assert!(guide.lines().any(is_listed), "{reason}, {status}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let response = TestServer::start().request(Method::HEAD, "/health");

    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["Content-Length"], "55");
    assert_eq!(response.text().unwrap(), "");
}
