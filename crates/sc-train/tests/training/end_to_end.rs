//! The whole path: an archive on a web server, a broken download, a training, a service that answers.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use actix_web::rt::System;
use reqwest::blocking::Client;
use reqwest::blocking::multipart::{Form, Part};
use sc_data::{ArchiveSource, Fetch, Outcome, Sha256Digest};
use sc_model::Backend;
use sc_server::{Model, ModelSource, Service, run};
use sc_test::archive_server::{Served, Server};
use sc_test::{dataset, wav};

use crate::resume::{succeed, train};

/// The data set as the published archive is packed.
fn archive(root: &Path) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    tar.append_dir_all(".", root).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

/// Fetches from a server whose first answer breaks off half-way.
fn fetch(bytes: Vec<u8>, dest: &Path) {
    let sha256 = Sha256Digest::of(&bytes);
    let half = bytes.len() / 2;
    let archive = Served { bytes, etag: "\"1\"", ranges: true, cuts: vec![half], ..Served::default() };
    let server = Server::start(archive);
    let fetch = Fetch {
        dest: dest.to_owned(),
        source: ArchiveSource::Urls(vec![server.url.clone()]),
        sha256,
        silence: Duration::from_mins(1),
        retry_delay: Duration::from_millis(1),
    };
    assert_eq!(fetch.run(&mut |_| ()).unwrap(), Outcome::Fetched);
    let requests = &server.served().requests;
    assert!(requests.len() == 2 && requests[1].contains(&format!("bytes={half}-")), "{requests:?}");
}

/// Serves a model for as long as the test runs, and returns where.
fn serve(model: &Path) -> String {
    let source = ModelSource { file: Some(model.to_owned()), words: None, backend: Backend::Native };
    let service = Service::new(Model::load(source).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || System::new().block_on(async { run(listener, service)?.await }));
    url
}

fn heard(url: &str, wav: Vec<u8>) -> String {
    let form = Form::new().part("file", Part::bytes(wav).file_name("word.wav"));
    let response = Client::new().post(format!("{url}/predict")).multipart(form).send().unwrap();
    let answer: serde_json::Value = response.json().unwrap();
    answer["label"].as_str().unwrap_or_else(|| panic!("no label in {answer}")).to_owned()
}

#[test]
fn an_archive_becomes_a_service_that_answers() {
    let dir = tempfile::tempdir().unwrap();
    let [made, fetched, run] = ["made", "fetched", "run"].map(|name| dir.path().join(name));
    dataset::write(&made);
    fetch(archive(&made), &fetched);
    succeed(train(&fetched, &run, &["--epochs", "12"]));

    let url = serve(&run.join("model.safetensors"));
    for name in ["yes", "no", "stop"] {
        // A voice between those that were trained on.
        let word = wav::encode(&dataset::spoken(name, 165.0), 16_000);
        assert_eq!(heard(&url, word), name);
    }
}
