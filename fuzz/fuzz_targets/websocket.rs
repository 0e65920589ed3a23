//! Any frames of a live stream are answered or end it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|frames: &[u8]| {
    let handshake = b"GET /stream?scores=true HTTP/1.1\r\nHost: fuzz\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let answer = sc_fuzz::send(&[handshake.as_slice(), frames].concat());
    assert!(answer.starts_with(b"HTTP/1.1 101 ") || answer.starts_with(b"HTTP/1.1 503 "), "no handshake");
});
