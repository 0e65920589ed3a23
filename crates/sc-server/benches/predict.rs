//! One request, end to end over loopback: connection kept, one second of 16 kHz mono.

#![allow(clippy::unwrap_used, reason = "a benchmark that fails has nothing to measure")]

use std::{net::TcpListener, thread};

use actix_web::rt::System;
use divan::Bencher;
use reqwest::blocking::{
    Client, Response,
    multipart::{Form, Part},
};
use sc_model::Backend;
use sc_server::{Model, ModelSource, Service, run};

fn main() {
    divan::main();
}

#[divan::bench]
fn health(bencher: Bencher) {
    let (url, client) = (start() + "/health", client());
    bencher.bench(|| client.get(&url).send().and_then(Response::bytes).unwrap());
}

#[divan::bench]
fn predict(bencher: Bencher) {
    let (url, client) = (start() + "/predict", client());
    let clip = clip();
    bencher.bench(|| {
        let form = Form::new().part("file", Part::bytes(clip.clone()));
        let answer = client.post(&url).multipart(form).send().unwrap().error_for_status();
        answer.and_then(Response::bytes).unwrap()
    });
}

/// Starts a server that lives as long as the process, and returns where.
fn start() -> String {
    let model = Model::load(ModelSource { file: None, words: None, backend: Backend::Native }).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(|| {
        let serve = async { run(listener, Service::new(model))?.await };
        System::new().block_on(serve)
    });
    url
}

/// A client. Where the workspace builds `reqwest` with TLS, it wants to be told by whom.
fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default(); // fails from the second time on
    Client::new()
}

/// A chirp from 100 Hz to 3 kHz.
fn clip() -> Vec<u8> {
    let sample = |index: u16| {
        let time_s = f32::from(index) / 16_000.0;
        let phase = std::f32::consts::TAU * (100.0 + 1_450.0 * time_s) * time_s;
        (8_000.0 * phase.sin()) as i16
    };
    sc_test::wav::encode(&(0..16_000).map(sample).collect::<Vec<_>>(), 16_000)
}
