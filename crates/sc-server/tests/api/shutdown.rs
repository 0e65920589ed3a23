//! A stop finishes what has begun.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    thread,
    time::Duration,
};

use serde_json::json;
use tungstenite::{Message, connect, protocol::frame::coding::CloseCode};

use crate::{
    detect::{closed, event, expected, sound},
    helpers::{TestServer, service, wav, wav_of},
    limits::head,
    program::Program,
};

#[test]
fn a_request_in_flight_is_answered_before_the_server_stops() {
    let server = TestServer::start();
    let mut client = TcpStream::connect(server.address).unwrap();
    let form = [
        b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".as_slice(),
        &wav(200.0, 1.0, 16_000),
        b"\r\n--x--\r\n",
    ]
    .concat();
    let (sent_before, sent_after) = form.split_at(form.len() / 2);

    write!(client, "POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n", form.len()).unwrap();
    write!(client, "Content-Type: multipart/form-data; boundary=x\r\n\r\n").unwrap();
    client.write_all(sent_before).unwrap();
    thread::sleep(Duration::from_millis(200)); // until the server has begun on it
    server.ask_to_stop();
    thread::sleep(Duration::from_millis(200)); // until it has heard that
    assert!(TcpStream::connect(server.address).is_err(), "a new client is still taken");
    client.write_all(sent_after).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    server.join().unwrap();
}

#[test]
#[cfg(unix)]
fn a_second_signal_waits_for_nobody() {
    let program = Program::start(&[]);
    let mut crawling = TcpStream::connect(program.address).unwrap();
    crawling.write_all(head(1_000_000).as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(200)); // until the server has begun on it
    program.signal("TERM");
    thread::sleep(Duration::from_millis(300)); // until it waits for that
    program.signal("INT");

    let log = program.log_at_end();

    assert!(log.contains("asked again: stopping at once"), "{log}");
    drop(crawling);
}

#[test]
fn an_open_stream_is_told_of_the_stop_and_does_not_delay_it() {
    let service = service();
    let lifecycle = Arc::clone(&service.lifecycle);
    let server = TestServer::serving(service);
    let (mut socket, _) = connect(server.url("/stream").replace("http", "ws")).unwrap();
    let reason = "the server is stopping";

    lifecycle.close();
    server.ask_to_stop();

    assert_eq!(event(&mut socket), json!({"type": "error", "error": reason, "reason": "stopping"}));
    assert_eq!(closed(&mut socket), Some((CloseCode::Away, reason.into())));
    server.join().unwrap();
}

#[test]
fn a_word_that_is_heard_when_the_server_stops_is_told() {
    let service = service();
    let lifecycle = Arc::clone(&service.lifecycle);
    let server = TestServer::serving(service);
    let samples = sound(16_000);
    let detected_s = expected(&wav_of(&samples, 16_000))[0].detected_s;
    let a_step_before = ((detected_s - 0.08) * 16_000.0) as usize;
    let bytes: Vec<u8> = samples[..a_step_before].iter().flat_map(|sample| sample.to_le_bytes()).collect();

    let (mut socket, _) = connect(server.url("/stream").replace("http", "ws")).unwrap();
    socket.send(Message::binary(bytes)).unwrap();
    socket.send(Message::Ping(vec![1].into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong(vec![1].into()), "all is heard, and nothing detected");
    lifecycle.close();

    assert_eq!(event(&mut socket)["label"], "yes");
    assert_eq!(event(&mut socket)["reason"], "stopping");
    assert_eq!(closed(&mut socket).unwrap().0, CloseCode::Away);
}
