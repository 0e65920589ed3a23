//! A server in this process, for the targets that speak to one.

#![cfg(feature = "server")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::LazyLock,
    thread,
    time::Duration,
};

use actix_web::rt::System;
use sc_model::Backend;
use sc_server::{Model, ModelSource, Service, run};

static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let model = Model::load(ModelSource { file: None, backend: Backend::Native }).expect("the shipped model");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(|| System::new().block_on(async { run(listener, Service::new(model))?.await }));
    address
});

/// Sends `bytes` on a connection of its own and returns all that comes back.
///
/// # Panics
/// If an answer is a 5xx other than 503 and 504, or if none comes in a minute.
pub fn send(bytes: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(*SERVER).expect("the server has gone");
    connection.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
    let _ = connection.write_all(bytes); // fails if the server has refused it by now
    let _ = connection.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    match connection.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no end of the answer"),
        _ => {}
    }
    let status = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let is_failure = status.is_some_and(|status| status[0] == b'5' && status != b"503" && status != b"504");
    assert!(!is_failure, "{}", String::from_utf8_lossy(&answer));
    answer
}
