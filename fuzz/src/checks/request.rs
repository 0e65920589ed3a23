//! Requests to a server.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// Any bytes on a connection get an answer that is no 500, or none.
pub fn check_request(server: SocketAddr, bytes: &[u8]) {
    send(server, bytes);
}

/// Any JSON and binary tensor behind it are answered or refused. The first two bytes are the length of the JSON.
pub fn check_inference(server: SocketAddr, bytes: &[u8]) {
    let Some((json, body)) = bytes.split_first_chunk() else { return };
    let head = format!(
        "POST /v2/models/speech-commands/infer HTTP/1.1\r\nHost: fuzz\r\nConnection: close\r\n\
         Inference-Header-Content-Length: {}\r\nContent-Length: {}\r\n\r\n",
        u16::from_le_bytes(*json),
        body.len()
    );
    let answer = send(server, &[head.as_bytes(), body].concat());
    assert!(!answer.is_empty(), "no answer");
}

/// Any frames of a live stream are answered or end it.
pub fn check_websocket(server: SocketAddr, frames: &[u8]) {
    let handshake =
        b"GET /stream?scores=true HTTP/1.1\r\nHost: fuzz\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let answer = send(server, &[handshake.as_slice(), frames].concat());
    assert!(answer.starts_with(b"HTTP/1.1 101 ") || answer.starts_with(b"HTTP/1.1 503 "), "no handshake");
}

/// Sends `bytes` on a connection of its own and returns all that comes back. Fails if an answer is a 5xx other than 503
/// and 504, or if none comes in a minute.
fn send(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(server).expect("the server has gone");
    connection.set_read_timeout(Some(Duration::from_mins(1))).expect("a time");
    let _ = connection.write_all(bytes); // fails if the server has refused it by now
    let _ = connection.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let read = connection.read_to_end(&mut answer);
    assert!(read.err().is_none_or(|error| error.kind() != ErrorKind::WouldBlock), "no end of the answer");
    let status = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let is_failure = status.is_some_and(|status| status[0] == b'5' && status != b"503" && status != b"504");
    assert!(!is_failure, "{}", String::from_utf8_lossy(&answer));
    answer
}
