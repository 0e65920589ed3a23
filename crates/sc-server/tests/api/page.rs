//! `GET /` and the files it needs.

use std::{fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use sc_model::{Backend, Record};
use sc_server::{Model, ModelSource, Service};

use crate::helpers::TestServer;

/// Path, media type and content of every file in `assets/web`, and of the report.
fn files() -> Vec<(String, &'static str, Vec<u8>)> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets");
    let read = |path: String, file: &Path| {
        let media_type = match file.extension().and_then(|extension| extension.to_str()).unwrap() {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "json" => "application/json",
            "svg" => "image/svg+xml",
            "mp3" => "audio/mpeg",
            "wasm" => "application/wasm",
            other => panic!("{other}"),
        };
        (path.replace("index.html", ""), media_type, fs::read(file).unwrap())
    };
    let mut files = vec![read("/report.json".into(), &assets.join("report.json"))];
    for folder in ["web", "web/device", "web/device/relaxed", "web/device/simd", "web/examples"] {
        let under = format!("{}/", folder.trim_start_matches("web"));
        let entries = fs::read_dir(assets.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.is_file()).map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            read(format!("{under}{name}"), &path)
        }));
    }
    files
}

#[test]
fn every_file_of_the_page_is_served_under_its_type_and_the_policy() {
    let server = TestServer::start();

    for (path, media_type, content) in files() {
        let response = server.get(&path);

        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers();
        assert_eq!(headers["Content-Type"], media_type, "{path}");
        assert_eq!(headers["X-Content-Type-Options"], "nosniff", "{path}");
        let policy = headers["Content-Security-Policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self'; script-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("'unsafe"), "{path}: {policy}");
        assert!(!headers.contains_key("Content-Encoding"), "{path}");
        assert_eq!(response.bytes().unwrap(), content, "{path}");
    }
}

#[test]
fn a_file_the_browser_has_is_not_sent_again() {
    let server = TestServer::start();

    for (path, ..) in files() {
        let etag = server.get(&path).headers()["ETag"].clone();
        let etag = etag.to_str().unwrap();

        let response = server.get_with(&path, "If-None-Match", etag);
        assert_eq!(response.status(), 304, "{path}");
        assert_eq!(response.text().unwrap(), "", "{path}");
        assert_eq!(server.get_with(&path, "If-None-Match", "\"another\"").status(), 200, "{path}");
    }
}

#[test]
fn a_file_is_sent_compressed_to_who_takes_it() {
    let server = TestServer::start();

    for (path, _, content) in files() {
        let response = server.get_with(&path, "Accept-Encoding", "br, gzip");
        assert_eq!(response.headers()["Vary"], "Accept-Encoding", "{path}");
        assert_eq!(response.headers()["Content-Encoding"], "gzip", "{path}");
        let mut unpacked = Vec::new();
        GzDecoder::new(response.bytes().unwrap().as_ref()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, content, "{path}");
    }
}

#[test]
fn the_list_of_what_a_browser_keeps_has_every_file_of_the_page() {
    let server = TestServer::start();
    let list: serde_json::Value = server.get("/files.json").json().unwrap();
    let kept: Vec<&str> =
        list["files"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();

    for (path, ..) in files() {
        let path = if path == "/" { "./" } else { path.trim_start_matches('/') };
        assert!(kept.contains(&path), "{path}: {kept:?}");
    }
    assert_eq!(list["version"].as_str().unwrap().len(), 16);
}

#[test]
fn the_shipped_model_is_handed_to_the_page_and_another_one_is_not() {
    let shipped =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/model.safetensors")).unwrap();
    let server = TestServer::start();
    let response = server.get("/model.safetensors");
    let etag = response.headers()["ETag"].to_str().unwrap().to_owned();
    assert!(response.bytes().unwrap() == shipped);
    for known in [etag.clone(), format!("W/{etag}"), format!("\"another\", {etag}"), "*".into()] {
        assert_eq!(server.get_with("/model.safetensors", "If-None-Match", &known).status(), 304, "{known}");
    }
    assert_eq!(server.get_with("/model.safetensors", "If-None-Match", "\"another\"").status(), 200);

    // The same in a file is the same; one with another threshold is another.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.safetensors");
    let status = |record: &Record| {
        record.save(&file).unwrap();
        let source = ModelSource { file: Some(file.clone()), words: None, backend: Backend::Native };
        TestServer::serving(Service::new(Model::load(source).unwrap())).get("/model.safetensors").status()
    };
    let mut record = Record::shipped().unwrap();
    assert_eq!(status(&record), 200);
    record.header.set_threshold(0.5);
    assert_eq!(status(&record), 404);
}
