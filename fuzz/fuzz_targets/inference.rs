//! Any JSON and binary tensor behind it are answered or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (json, body) = input;
    let head = format!(
        "POST /v2/models/speech-commands/infer HTTP/1.1\r\nHost: fuzz\r\nConnection: close\r\n\
         Inference-Header-Content-Length: {json}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = sc_fuzz::send(&[head.as_bytes(), body].concat());
    assert!(!answer.is_empty(), "no answer");
});
