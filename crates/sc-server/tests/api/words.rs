//! Words of one's own, taught through the socket.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    thread,
    time::Duration,
};

use reqwest::{
    Method,
    blocking::multipart::{Form, Part},
};
use sc_model::{Backend, Classifier, Record};
use sc_server::{Capacity, Model, ModelSource, Service};
use sc_test::dataset::spoken;
use serde_json::{Value, json};

use crate::{
    faults::under_load,
    helpers::{TestServer, client, error, read, wav_of},
    program::Program,
};

/// A recording of a word of this timbre.
fn take(timbre: &str, pitch_hz: f32) -> Vec<u8> {
    wav_of(&spoken(timbre, pitch_hz), 16_000)
}

pub fn five(timbre: &str) -> Vec<Vec<u8>> {
    [110.0, 130.0, 150.0, 170.0, 190.0].map(|pitch_hz| take(timbre, pitch_hz)).to_vec()
}

/// The model compiled in.
fn source() -> ModelSource {
    ModelSource { file: None, words: None, backend: Backend::Native }
}

/// A server that keeps its words in `file`.
pub fn teaching(file: &Path) -> TestServer {
    let source = ModelSource { words: Some(file.to_owned()), ..source() };
    TestServer::serving(Service::new(Model::load(source).unwrap()))
}

fn put(server: &TestServer, name: &str, clips: Vec<Vec<u8>>) -> (u16, Value) {
    put_at(&server.url(&format!("/words/{name}")), clips).unwrap()
}

/// Teaches the word at `url`. Returns nothing if the server has gone.
pub fn put_at(url: &str, clips: Vec<Vec<u8>>) -> Option<(u16, Value)> {
    let form = clips
        .into_iter()
        .fold(Form::new(), |form, clip| form.part("file", Part::bytes(clip).file_name("take.wav")));
    let response = client().put(url).multipart(form).send().ok()?;
    Some((response.status().as_u16(), response.json().ok()?))
}

#[test]
fn a_word_is_taught_answered_kept_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("words.safetensors");
    let server = teaching(&file);
    assert_eq!(read(server.get("/words")).1, json!({"teaches": true, "words": []}));

    let (status, report) = put(&server, "lamp", five("stop"));
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["used"], json!(["1", "2", "3", "4", "5"]));

    let (_, answer) = read(server.predict(take("stop", 140.0)));
    assert_eq!((&answer["label"], &answer["accepted"]), (&json!("lamp"), &json!(true)), "{answer}");
    assert_eq!(read(server.get("/words")).1["words"], json!([{"name": "lamp", "recordings": 5}]));
    let metrics = server.get("/metrics").text().unwrap();
    let counted = "sc_predictions_total{accepted=\"true\",label=\"_taught_\"} 1"; // no series for each name
    assert!(metrics.contains("sc_taught_words 1") && metrics.contains(counted), "{metrics}");
    let (_, metadata) = read(server.get("/v2/models/speech-commands"));
    assert_eq!(metadata["outputs"][0]["shape"], json!([-1, 13]), "{metadata}");

    let again = teaching(&file);
    assert_eq!(read(again.predict(take("stop", 140.0))).1["label"], "lamp", "it is kept in the file");
    let copy = dir.path().join("copy.safetensors");
    fs::write(&copy, again.get("/model").bytes().unwrap()).unwrap();
    assert_eq!(Classifier::load(&copy, Backend::Native).unwrap().header().labels.names()[12], "lamp");

    assert_eq!(server.request(Method::DELETE, "/words/lamp").status(), 204);
    assert_ne!(read(server.predict(take("stop", 140.0))).1["label"], "lamp");
    let (status, body) = read(server.request(Method::DELETE, "/words/lamp"));
    assert_eq!((status, &body["reason"]), (404, &json!("not_taught")), "{body}");
}

#[test]
fn a_word_that_is_taught_again_is_replaced_unless_its_recordings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = teaching(&dir.path().join("words.safetensors"));
    let label = |timbre| read(server.predict(take(timbre, 140.0))).1["label"].clone();
    for timbre in ["stop", "no"] {
        assert_eq!(put(&server, "lamp", five(timbre)).0, 200);
        assert_eq!(label(timbre), "lamp");
    }
    assert_ne!(label("stop"), "lamp");
    assert_eq!(read(server.get("/words")).1["words"], json!([{"name": "lamp", "recordings": 5}]));

    assert_eq!(put(&server, "lamp", vec![b"no sound".to_vec(); 3]).0, 422);
    assert_eq!(label("no"), "lamp");
}

#[test]
fn a_word_is_not_taught_once_its_client_was_told_504() {
    let dir = tempfile::tempdir().unwrap();
    let source = ModelSource { words: Some(dir.path().join("words.safetensors")), ..source() };
    let capacity = Capacity { deadline: Duration::from_millis(500), ..Capacity::default() };
    let service = Service { capacity, ..Service::new(Model::load(source).unwrap()) };
    let server = TestServer::serving(service);
    let fifty = vec![five("stop"); 10].concat();

    let n_taught = thread::scope(|scope| {
        let teach = |i| put(&server, &format!("lamp{i}"), fifty.clone()).0;
        let clients: Vec<_> = (0..8).map(|i| scope.spawn(move || teach(i))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).filter(|status| *status == 200).count()
    });

    let n_listed = read(server.get("/words")).1["words"].as_array().unwrap().len();
    assert!(n_listed <= n_taught + 1, "{n_listed} words, {n_taught} clients"); // one may be written as its time runs out
}

#[test]
fn a_model_that_was_exchanged_is_loaded_before_a_word_is_taught() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.safetensors");
    let mut record = Record::shipped().unwrap();
    record.save(&file).unwrap();
    let source = ModelSource {
        file: Some(file.clone()),
        words: Some(dir.path().join("words.safetensors")),
        ..source()
    };
    let server = TestServer::serving(Service::new(Model::load(source).unwrap()));

    record.header.set_threshold(0.25);
    record.save(&file).unwrap();

    let (status, refused) = put(&server, "lamp", five("stop"));
    assert!(
        status == 409 && refused["error"].as_str().unwrap().contains("/admin/reload"),
        "{status} {refused}"
    );
    assert_eq!(server.request(Method::POST, "/admin/reload").status(), 200);
    assert_eq!(put(&server, "lamp", five("stop")).0, 200);
}

#[test]
fn the_model_that_is_handed_out_is_the_one_that_answers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("words.safetensors");
    let server = teaching(&file);
    assert_eq!(put(&server, "lamp", five("stop")).0, 200);
    let taught = server.get("/model");
    let etag = taught.headers()["ETag"].to_str().unwrap().to_owned();
    assert!(taught.bytes().unwrap() == fs::read(&file).unwrap());
    assert_eq!(server.get_with("/model", "If-None-Match", &etag).status(), 304);

    fs::remove_file(&file).unwrap();
    assert_eq!(server.get_with("/model", "If-None-Match", &etag).status(), 304);
    assert_eq!(server.request(Method::POST, "/admin/reload").status(), 200);
    assert_eq!(server.get_with("/model", "If-None-Match", &etag).status(), 200);
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = teaching(&dir.path().join("words.safetensors"));
    let words = [("a", "stop"), ("b", "no")];
    thread::scope(|scope| {
        for (name, timbre) in words {
            let server = &server;
            scope.spawn(move || assert_eq!(put(server, name, five(timbre)).0, 200, "{name}"));
        }
    });
    let (_, listed) = read(server.get("/words"));
    assert_eq!(listed["words"].as_array().unwrap().len(), 2, "{listed}");
}

#[test]
fn forgetting_waits_for_a_worker_as_recordings_do() {
    let dir = tempfile::tempdir().unwrap();
    let server = teaching(&dir.path().join("words.safetensors"));
    let before = server.n_waits();
    assert_eq!(server.request(Method::DELETE, "/words/lamp").status(), 404);
    assert_eq!(server.n_waits() - before, 1);
}

#[test]
fn a_word_taught_among_reloads_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let server = teaching(&dir.path().join("words.safetensors"));
    let reload = || {
        let status = server.request(Method::POST, "/admin/reload").status();
        assert!(status == 200 || status == 503, "{status}"); // one at a time
    };
    under_load(3, reload, || {
        for _ in 0..10 {
            assert_eq!(put(&server, "lamp", five("stop")).0, 200);
            assert_eq!(read(server.get("/words")).1["words"].as_array().unwrap().len(), 1);
            assert_eq!(server.request(Method::DELETE, "/words/lamp").status(), 204);
            assert_eq!(read(server.get("/words")).1["words"], json!([]));
        }
    });
}

#[test]
fn what_cannot_be_taught_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("words.safetensors");
    let server = teaching(&file);
    let broken = [five("stop")[..2].to_vec(), vec![b"no sound".to_vec()]].concat();
    for (name, clips, status, reason, part) in [
        ("lamp", broken, 422, "too_few", "not an audio file"),
        ("lamp", vec![b"no sound".to_vec(); 50], 422, "too_few", "; 50: not an audio file"),
        ("yes", five("stop"), 409, "known", "knows `yes` already"),
        ("a%2Fb", five("stop"), 422, "name", "cannot be the name"),
        ("_unknown_", five("stop"), 422, "name", "cannot be the name"),
        ("lamp", vec![take("stop", 120.0); 51], 422, "too_many", "51 recordings"),
    ] {
        let (got, body) = put(&server, name, clips);
        assert_eq!(body["reason"], reason, "{name}: {body}");
        assert!(got == status && body["error"].as_str().unwrap().contains(part), "{name}: {got} {body}");
    }
    let n_decoded = "sc_stage_seconds_count{stage=\"decode\"} 2"; // of the first word: nothing else was worth it
    assert!(server.get("/metrics").text().unwrap().contains(n_decoded));
    assert!(!file.exists());
}

#[test]
fn a_name_taught_by_other_recordings_is_another_model() {
    let dir = tempfile::tempdir().unwrap();
    let server = teaching(&dir.path().join("words.safetensors"));
    let model_of = |timbre: &str| {
        assert_eq!(put(&server, "lamp", five(timbre)).0, 200);
        let metrics = server.get("/metrics").text().unwrap();
        metrics.lines().find(|line| line.starts_with("sc_model_info{")).unwrap().to_owned()
    };
    assert_ne!(model_of("stop"), model_of("no"));
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_words_as_they_were() {
    let server = teaching(Path::new("no/such/folder/words.safetensors"));
    let (status, body) = put(&server, "lamp", five("stop"));
    assert_eq!((status, &body["reason"]), (507, &json!("unsaved")), "{body}");
    let message = body["error"].as_str().unwrap();
    assert!(message.contains("the words stay as they were") && !message.contains("folder"), "{message}");
    assert_eq!(read(server.get("/words")).1["words"], json!([]));
    assert_ne!(read(server.predict(take("stop", 140.0))).1["label"], "lamp");
}

#[test]
fn a_file_that_cannot_be_read_is_not_the_one_that_answers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("words.safetensors");
    let program = Program::start(&["--teach".as_ref(), file.as_os_str()]);
    fs::write(&file, b"no record").unwrap();
    let taught = put_at(&program.url("/words/lamp"), five("stop")).unwrap();
    let expected = "the model's file is not the one that answers: \
                    its operator has to load it again first (SIGHUP or POST /admin/reload)";
    assert_eq!(taught, (409, error(expected, "exchanged")));
    for path in ["/words/lamp/shade", "//words/lamp", "/api/Words/lamp", "/x/../words/lamp", "/%77ords/lamp"]
    {
        let path = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        let mut connection = TcpStream::connect(program.address).unwrap();
        connection.write_all(path.as_bytes()).unwrap();
        connection.read_to_end(&mut Vec::new()).unwrap();
    }
    let log = program.log_after_kill();
    assert!(!log.contains("lamp"), "a word that is taught is not logged: {log}");
    assert_eq!(log.matches("not a usable model").count(), 1, "{log}");
}

#[test]
fn a_server_that_does_not_teach_says_how_to_start_one() {
    let server = TestServer::start();
    assert_eq!(read(server.get("/words")).1, json!({"teaches": false, "words": []}));
    let delete = server.request(Method::DELETE, "/words/lamp");
    for (status, body) in [put(&server, "lamp", five("stop")), read(delete), read(server.get("/model"))] {
        assert!(status == 403 && body["error"].as_str().unwrap().contains("--teach FILE"), "{status} {body}");
    }
}
