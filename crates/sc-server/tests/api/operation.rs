//! The operator's view of the server, and the clients that are let in.

use std::{collections::HashSet, fs, net::TcpListener, num::NonZeroU32, sync::Arc};

use reqwest::Method;
use sc_model::{Backend, Record};
use sc_server::{Access, Model, ModelSource, Service};
use serde_json::json;

use crate::{
    detect::{listen, sound},
    helpers::{TestServer, client, error, read, service, word},
    program::Program,
};

#[test]
fn requests_answers_and_refusals_are_counted() {
    let server = TestServer::start();
    assert_eq!(server.predict(word().into_inner()).status(), 200);
    assert_eq!(server.predict(b"no sound".to_vec()).status(), 415);

    let response = server.get("/metrics");

    assert_eq!(response.headers()["Content-Type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().unwrap();
    for line in [
        "sc_http_requests_total{route=\"/predict\",status=\"200\"} 1",
        "sc_http_requests_total{route=\"/predict\",status=\"415\"} 1",
        "sc_predictions_total{accepted=\"true\",label=\"yes\"} 1",
        "sc_rejected_total{reason=\"recording\"} 1",
        "sc_stage_seconds_count{stage=\"network\"} 1",
        "sc_queue_length 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(
        text.contains("sc_model_info{data_digest=") && text.contains("process_resident_memory_bytes"),
        "{text}"
    );
}

#[test]
fn a_long_or_packed_body_is_read_by_a_worker_and_a_short_one_at_once() {
    let server = TestServer::start();
    let infer = "/v2/models/speech-commands/infer";
    let ways = [
        ("/predict", "identity", b"[]".to_vec(), 0),
        ("/predict", "identity", vec![b'['; 200_000], 1),
        (infer, "identity", b"[]".to_vec(), 0),
        (infer, "identity", vec![b'['; 200_000], 1),
        ("/predict", "gzip", b"no gzip".to_vec(), 1),
    ];
    for (path, encoding, body, n) in ways {
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", encoding)];
        let before = server.n_waits();
        assert_eq!(server.post_with_headers(path, &headers, body).status(), 400, "{path}, {encoding}");
        assert_eq!(server.n_waits() - before, n, "{path}, {encoding}");
    }
}

/// Sends audio one way, and returns true if there was an answer.
type Ask<'a> = &'a dyn Fn(&TestServer) -> bool;

#[test]
fn every_way_to_an_answer_is_measured_and_counted() {
    let clip = word().into_inner();
    let tensor = json!({"name": "AUDIO", "shape": [1, 4], "datatype": "FP32", "data": [0, 0.1, -0.1, 0]});
    let infer = json!({"inputs": [tensor]}).to_string().into_bytes();
    let accepted = "sc_predictions_total{accepted=\"true\",label=\"yes\"}";
    let refused = "sc_predictions_total{accepted=\"false\",label=\"_silence_\"}";
    let ways: [(&str, Ask, &str); 5] = [
        ("/predict", &|server| server.predict(clip.clone()).status() == 200, accepted),
        ("/detect", &|server| server.post("/detect", "audio/wav", clip.clone()).status() == 200, accepted),
        (
            "/detect as events",
            &|server| {
                let events = server.post_accepting("/detect", "text/event-stream", clip.clone());
                events.text().unwrap().contains("event: end")
            },
            accepted,
        ),
        ("/stream", &|server| listen(server, "", &sound(16_000)[..24_000], 24_000).len() == 2, accepted),
        (
            "/v2",
            &|server| {
                let path = "/v2/models/speech-commands/infer";
                server.post(path, "application/json", infer.clone()).status() == 200
            },
            refused,
        ),
    ];
    for (way, ask, label) in ways {
        let server = TestServer::start();
        assert!(ask(&server), "{way}");

        let queue = if way == "/stream" { "live_queue" } else { "queue" };
        for stage in [queue, "decode", "features", "network"] {
            let n = server.metric(&format!("sc_stage_seconds_count{{stage=\"{stage}\"}}"));
            assert!(n >= 1, "{way}: {stage} is not measured");
        }
        assert_eq!(server.metric(label), 1, "{way}: {label} is not counted");
    }
}

#[test]
fn every_described_operation_but_the_public_ones_asks_for_a_key() {
    let access = Access::new(vec!["0".repeat(64).parse().unwrap()], None, Vec::new());
    let server = TestServer::serving(Service { access, ..service() });
    let (_, document) = read(server.get("/openapi.json"));
    let guarded = ["/admin/reload", "/detect", "/metrics", "/model", "/predict", "/stream"];
    let infer = ["/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"];
    let word = ["/words/{name}", "/words/{name}"]; // by two methods

    let mut asking = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let requested = path.replace("{model}", "speech-commands").replace("{version}", "1");
        for (method, operation) in operations.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let asks = server.request(method, &requested).status() == 401;
            assert_eq!(asks, operation["responses"]["401"].is_object(), "{path} and its description");
            asking.extend(asks.then_some(path));
        }
    }
    assert_eq!(asking, [&guarded[..], &infer, &word].concat());
}

#[test]
fn a_request_keeps_its_id_or_gets_one() {
    let server = TestServer::start();
    assert_eq!(server.get_with("/health", "x-request-id", "abc-1").headers()["x-request-id"], "abc-1");
    let ids = [server.get("/health"), server.get_with("/health", "x-request-id", "a b")]
        .map(|response| response.headers()["x-request-id"].to_str().unwrap().to_owned());
    assert!(ids.iter().all(|id| id.len() == 16) && ids[0] != ids[1], "{ids:?}");
}

#[test]
fn a_server_told_to_stop_is_no_longer_ready_but_answers() {
    let service = service();
    let lifecycle = Arc::clone(&service.lifecycle);
    let server = TestServer::serving(service);
    assert_eq!(read(server.get("/health/ready")), (200, json!({"ready": true, "live": true})));

    lifecycle.stop();

    assert_eq!(read(server.get("/health/ready")), (503, error("the server is stopping", "stopping")));
    for path in ["/v2/health/ready", "/v2/models/speech-commands/ready"] {
        assert_eq!(server.get(path).status(), 503, "{path}");
    }
    assert_eq!(read(server.get("/health/live")), (200, json!({"live": true})));
    assert_eq!(server.predict(word().into_inner()).status(), 200);
}

#[test]
fn a_model_is_exchanged_for_a_good_one_and_kept_before_a_bad_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.safetensors");
    let mut record = Record::shipped().unwrap();
    record.save(&file).unwrap();
    let model =
        Model::load(ModelSource { file: Some(file.clone()), words: None, backend: Backend::Native }).unwrap();
    let server = TestServer::serving(Service::new(model));
    let reload = || read(server.request(Method::POST, "/admin/reload"));

    record.header.threshold = 0.25;
    record.save(&file).unwrap();
    let (status, info) = reload();
    assert_eq!((status, info["threshold"].as_f64()), (200, Some(0.25)));

    let whole = fs::read(&file).unwrap();
    for half in [b"no record", &whole[..whole.len() / 2], &whole[..whole.len() - 1], b""] {
        fs::write(&file, half).unwrap();
        let (status, refused) = reload();
        assert_eq!(status, 409, "{} bytes", half.len());
        let text = refused["error"].as_str().unwrap();
        assert!(text.starts_with("the model stays as it was: "), "{text}");
        let parts: Vec<_> = text.split(": ").collect();
        assert_eq!(parts.iter().collect::<HashSet<_>>().len(), parts.len(), "a cause stands twice: {text}");
    }
    assert_eq!(read(server.get("/info")).1["threshold"], 0.25);
}

#[test]
fn with_keys_only_who_has_one_is_answered_and_probes_are_free() {
    // SHA-256 of `secret`.
    let key = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b".parse().unwrap();
    let access = Access::new(vec![key], None, Vec::new());
    let server = TestServer::serving(Service { access, ..service() });

    let refused = server.predict(word().into_inner());
    assert_eq!(refused.headers()["WWW-Authenticate"], "Bearer");
    assert!(refused.headers().contains_key("x-request-id"));
    let message = "send a key that is known here, as `Authorization: Bearer KEY` or `X-API-Key: KEY`";
    assert_eq!(read(refused), (401, error(message, "key")));
    assert_eq!(server.get("/metrics").status(), 401);
    for written_otherwise in ["/%6detrics", "/%73tream"] {
        assert_eq!(server.get(written_otherwise).status(), 401, "{written_otherwise}");
    }
    let metrics = server.get_with("/metrics", "Authorization", "Bearer secret").text().unwrap();
    assert!(metrics.contains("sc_rejected_total{reason=\"key\"} 4"), "{metrics}");
    assert!(metrics.contains("{route=\"/predict\",status=\"401\"} 1"), "{metrics}");
    assert_eq!(server.get("/health").status(), 200);
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let limit = Some(NonZeroU32::MIN);
    let access = Access::new(Vec::new(), limit, Vec::new());
    let server = TestServer::serving(Service { access, ..service() });

    assert_eq!(server.predict(word().into_inner()).status(), 200);
    let refused = server.predict(word().into_inner());
    assert_eq!(refused.headers()["Retry-After"], "1");
    assert_eq!(read(refused), (429, error("too many requests from you: try again in 1 s", "rate_limit")));
}

#[test]
fn the_log_tells_keys_apart() {
    // SHA-256 of `secret`.
    let key = "--api-key=2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let program = Program::start(&[key.as_ref()]);
    for key in ["secret", "a guess"] {
        client().get(program.url("/model")).header("X-API-Key", key).send().unwrap();
    }
    let log = program.log_after_kill();
    assert!(log.contains("key=\"2bb80d53\"") && log.matches("key=").count() == 1, "{log}");
}

#[test]
fn a_key_may_be_in_any_script() {
    // SHA-256 of `ключ`.
    let key = "1de36a32af798da0c1ac9297603a320ed8fe567cf21c9177112a4ce914ebb8be".parse().unwrap();
    let access = Access::new(vec![key], None, Vec::new());
    let server = TestServer::serving(Service { access, ..service() });
    assert_eq!(server.get_with("/metrics", "X-API-Key", "ключ").status(), 200);
}

#[test]
fn pages_of_other_origins_may_not_load_the_model_again() {
    let server = TestServer::start();
    let reload = |origin: &str| server.post_with_headers("/admin/reload", &[("Origin", origin)], Vec::new());
    assert_eq!(reload(&server.url("")).status(), 200);
    let (status, body) = read(reload("null"));
    let message = body["error"].as_str().unwrap();
    assert!(status == 403 && !message.contains("--allow-origin"), "{message}");
    assert_eq!(reload("https://example.org").status(), 403);
}

#[test]
fn pages_of_named_origins_alone_may_ask() {
    let access = Access::new(Vec::new(), None, vec!["https://example.org".into()]);
    let server = TestServer::serving(Service { access, ..service() });

    let allowed = server.get_with("/info", "Origin", "https://example.org");
    assert_eq!(allowed.headers()["Access-Control-Allow-Origin"], "https://example.org");
    let readable = allowed.headers()["Access-Control-Expose-Headers"].to_str().unwrap();
    for header in ["x-request-id", "retry-after", "inference-header-content-length"] {
        assert!(readable.contains(header), "{readable}");
    }
    let other = server.get_with("/info", "Origin", "https://example.com");
    assert!(!other.headers().contains_key("Access-Control-Allow-Origin"));
    let asks =
        client().request(Method::OPTIONS, server.url("/predict")).header("Origin", "https://example.com");
    let asked = asks.header("Access-Control-Request-Method", "POST").send().unwrap();
    assert!(asked.status() == 400 && asked.headers().contains_key("x-request-id"), "{asked:?}");
    let counted = "sc_http_requests_total{route=\"none\",status=\"400\"} 1";
    assert!(server.get("/metrics").text().unwrap().contains(counted));
    let closed = TestServer::start().get_with("/info", "Origin", "https://example.org");
    assert!(!closed.headers().contains_key("Access-Control-Allow-Origin"));
}

#[test]
fn a_stream_is_refused_to_pages_of_other_origins_once_some_are_named() {
    let access = Access::new(Vec::new(), None, vec!["https://example.org".into()]);
    let server = TestServer::serving(Service { access, ..service() });
    let asks = |headers: &[(&str, &str)]| {
        let request = client().get(server.url("/stream"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        read(request.send().unwrap())
    };

    let own = format!("http://{}", server.address);
    let (status, refused) = asks(&[("Origin", "https://example.com")]);
    assert!(status == 403 && refused["error"].as_str().unwrap().contains("--allow-origin"), "{refused}");
    assert_eq!(asks(&[("Origin", "null")]).0, 403);
    let behind_a_proxy = [("Origin", "https://Example.net"), ("X-Forwarded-Host", "example.net, 10.0.0.1")];
    for allowed in
        [&[][..], &[("Origin", own.as_str())], &[("Origin", "https://example.org")], &behind_a_proxy]
    {
        assert_eq!(asks(allowed).0, 400, "{allowed:?} is refused as more than no handshake");
    }
}

#[test]
fn what_is_for_operators_may_have_a_port_of_its_own() {
    let admin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = admin.local_addr().unwrap();
    let server = TestServer::serving(Service { admin: Some(admin), ..service() });

    assert_eq!(server.get("/metrics").status(), 404);
    assert_eq!(server.get("/%6detrics").status(), 404);
    assert_eq!(server.get("/info").status(), 200);
    let apart = |path: &str| server.get_at(address, path).status();
    assert_eq!(
        (apart("/metrics"), apart("/health/ready"), apart("/info")),
        (200.try_into().unwrap(), 200.try_into().unwrap(), 404.try_into().unwrap())
    );
}

#[test]
fn the_service_is_described_for_programs_and_people() {
    let server = TestServer::start();

    let (status, document) = read(server.get("/openapi.json"));
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let operations: Vec<_> = document["paths"].as_object().unwrap().iter().collect();
    let own = ["/admin/reload", "/detect", "/health", "/health/live", "/health/ready", "/info", "/metrics"];
    let keywords = ["/model", "/model.safetensors", "/predict", "/stream"];
    let inference = ["/v2", "/v2/health/live", "/v2/health/ready"];
    let model = [
        "",
        "/infer",
        "/ready",
        "/versions/{version}",
        "/versions/{version}/infer",
        "/versions/{version}/ready",
    ]
    .map(|end| format!("/v2/models/{{model}}{end}"));
    let model = model.each_ref().map(String::as_str);
    let expected = [&own[..], &keywords, &inference, &model, &["/words", "/words/{name}"]].concat();
    assert_eq!(operations.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), expected);

    let ids = operations.iter().flat_map(|(_, item)| item.as_object().unwrap().values());
    let ids: Vec<_> = ids.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "an id stands twice: {ids:?}");
    assert_eq!(document["servers"], json!([{ "url": "." }]));
    let unusable = &document["paths"]["/words/{name}"]["put"]["responses"]["422"]["description"];
    assert!(unusable.as_str().unwrap().contains("fewer than 3 recordings"), "{unusable}");
    let predictions = &document["components"]["schemas"]["Prediction"]["properties"]["predictions"];
    assert!(predictions["description"].as_str().unwrap().contains("top_k"), "{predictions}");

    // A page at /docs that could ask without a key, or with one.
    assert_eq!(document["security"], json!([{}, { "bearer": [] }, { "api_key": [] }]));
    assert_eq!(document["components"]["securitySchemes"]["api_key"]["name"], "X-API-Key");
    assert!(document["paths"]["/predict"]["post"]["responses"]["401"].is_object(), "{document}");

    for (path, media_type) in
        [("/docs/", "text/html; charset=utf-8"), ("/docs/swagger-ui.css", "text/css; charset=utf-8")]
    {
        let page = server.get(path);
        assert_eq!(
            (page.status().as_u16(), &page.headers()["Content-Type"]),
            (200, &media_type.parse().unwrap())
        );
    }
    assert_eq!(server.get("/docs/nothing.js").status(), 404);
}
