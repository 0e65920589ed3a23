//! Requests whose end two readers may see at different places: a proxy would let one pass that it has not seen.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::helpers::TestServer;

/// A request that must never be seen behind another.
const SECOND: &str = "GET /health HTTP/1.1\r\nHost: second\r\n\r\n";

/// Sends these bytes and a second request behind them, and returns all that comes until the server closes.
fn send(server: &TestServer, bytes: &[u8]) -> String {
    exchange(server, &[bytes, SECOND.as_bytes()].concat())
}

/// Sends these bytes, and returns all that comes until the server closes.
fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let mut connection = TcpStream::connect(server.address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = connection.write_all(bytes); // it may be closed by now
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match connection.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => answer.extend(&piece[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("not closed: {error}, after {}", String::from_utf8_lossy(&answer)),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request for `/predict` with these lines in its head, and this body.
fn request(lines: &str, body: &str) -> String {
    format!("POST /predict HTTP/1.1\r\nHost: test\r\nContent-Type: audio/wav\r\n{lines}\r\n{body}")
}

#[test]
fn a_request_whose_end_is_not_sure_is_400_and_nothing_behind_it_is_read() {
    let server = TestServer::start();
    for (lines, body) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", "12345"),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", "12345"),
        ("Content-Length: 5, 5\r\n", "12345"),
        ("Content-Length: +5\r\n", "12345"),
        ("Content-Length: -5\r\n", "12345"),
        ("Content-Length: 0x5\r\n", "12345"),
        ("Content-Length: 99999999999999999999\r\n", "12345"),
        ("Content-Length : 5\r\n", "12345"),
        ("Content-Length:\r\n 5\r\n", "12345"),
        ("X-A: b\r\n Content-Length: 5\r\n", "12345"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: identity\r\n", "12345"),
        ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        ("Host: other\r\nContent-Length: 5\r\n", "12345"),
        ("X-A: b\0c\r\nContent-Length: 5\r\n", "12345"),
        ("X-A: b\rContent-Length: 5\r\n", "12345"),
        ("Transfer-Encoding: chunked\r\n", "5 \n12345\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "+5\r\n12345\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "5\r\n1234567\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "11111111111111111\r\n12345\r\n0\r\n\r\n"),
    ] {
        let answer = send(&server, request(lines, body).as_bytes());
        let n_answers = answer.matches("HTTP/1.1 ").count();
        assert!(answer.starts_with("HTTP/1.1 400 ") && n_answers == 1, "{lines:?} {body:?}: {answer}");
    }
}

#[test]
fn a_request_without_a_host_or_of_an_older_version_with_chunks_is_400() {
    let server = TestServer::start();
    for head in [
        "POST /predict HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "POST /predict HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /predict HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET  /health HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /health HTTP/1.1 x\r\nHost: test\r\n\r\n",
    ] {
        let answer = send(&server, head.as_bytes());
        let n_answers = answer.matches("HTTP/1.").count();
        assert!(answer.contains(" 400 ") && n_answers == 1, "{head:?}: {answer}");
    }
}

#[test]
fn a_body_that_nobody_asked_for_is_no_request() {
    let server = TestServer::start();
    for line in ["GET /nothing", "POST /health", "GET /health", "PUT /predict"] {
        let head = format!(
            "{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            SECOND.len()
        );
        let answer = exchange(&server, [head.as_bytes(), SECOND.as_bytes()].concat().as_slice());
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{line}: {answer}");
    }
}

#[test]
fn a_head_beyond_the_limits_is_refused() {
    let server = TestServer::start();
    let many = "X-A: a\r\n".repeat(97);
    let long = format!("X-A: {}\r\n", "a".repeat(200_000));
    for head in [
        format!("GET /{} HTTP/1.1\r\nHost: test\r\n\r\n", "a".repeat(70_000)),
        format!("GET /health HTTP/1.1\r\nHost: test\r\n{many}\r\n"),
        format!("GET /health HTTP/1.1\r\nHost: test\r\n{long}\r\n"),
    ] {
        let answer = send(&server, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4") && !answer.contains(" 200 "), "{}: {answer}", &head[..40]);
    }
}
