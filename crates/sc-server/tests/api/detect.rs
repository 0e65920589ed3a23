//! Keywords in longer audio and in live sound: they are the same, whichever way the sound comes.

use std::{
    io::Write,
    net::TcpStream,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use reqwest::Method;
use sc_data::{Limits, decode};
use sc_model::{Detection, Detector, DetectorConfig};
use sc_server::{Capacity, Service};
use serde_json::{Value, json};
use tungstenite::{
    Message, WebSocket, connect,
    error::Error as SocketError,
    protocol::frame::{
        CloseFrame, Frame,
        coding::{CloseCode, Data, OpCode},
    },
    stream::MaybeTlsStream,
};

use crate::{
    faults::under_load,
    helpers::{TestServer, classifier, client, error, read, service, wav_of, word},
    program::Program,
    words::{five, put_at, teaching},
};

/// A client's end of a stream.
type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

/// Four seconds: silence, *yes*, silence, *yes* and half a second more.
pub fn sound(rate_hz: u32) -> Vec<i16> {
    let word: Vec<i16> = hound::WavReader::new(word()).unwrap().samples().map(Result::unwrap).collect();
    let pause = vec![0; 8_000];
    let samples = [pause.as_slice(), &word, &pause, &pause, &word].concat();
    let factor = (rate_hz / 16_000) as usize;
    samples.iter().flat_map(|sample| std::iter::repeat_n(*sample, factor)).collect()
}

/// Returns what the library detects in an audio file.
pub fn expected(audio: &[u8]) -> Vec<Detection> {
    let samples = decode(audio, &Limits::default()).unwrap();
    let mut detector = Detector::new(Arc::new(classifier()), &DetectorConfig::default());
    let mut detections = detector.push(&samples);
    detections.extend(detector.finish());
    detections
}

/// As it comes over the wire.
fn as_json(detections: &[Detection]) -> Value {
    serde_json::from_str(&serde_json::to_string(detections).unwrap()).unwrap()
}

/// The events of a stream that gets `samples` in pieces of `size`.
pub fn listen(server: &TestServer, query: &str, samples: &[i16], size: usize) -> Vec<Value> {
    let url = server.url("/stream").replace("http", "ws") + query;
    let (mut socket, _) = connect(url).unwrap();
    for piece in samples.chunks(size) {
        let bytes: Vec<u8> = piece.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        socket.send(Message::binary(bytes)).unwrap();
    }
    socket.send(Message::text("end")).unwrap();
    let mut events = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => events.push(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(SocketError::ConnectionClosed) => return events,
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn each_word_is_detected_once_where_it_is() {
    let audio = wav_of(&sound(16_000), 16_000);

    let (status, heard) = read(TestServer::start().post("/detect", "audio/wav", audio.clone()));

    assert_eq!(status, 200);
    assert_eq!(heard, json!({"duration_s": 3.5, "detections": as_json(&expected(&audio))}));
    let heard = heard["detections"].as_array().unwrap().clone();
    let labels: Vec<_> = heard.iter().map(|detection| &detection["label"]).collect();
    assert_eq!(labels, ["yes", "yes"]);
    for (detection, word_s) in heard.iter().zip([0.5, 2.5]) {
        let seconds = |name: &str| detection[name].as_f64().unwrap();
        // The word begins 0.2 s into its second.
        assert!(seconds("start_s") > word_s && seconds("end_s") < word_s + 1.0, "{detection}");
        assert!(seconds("end_s") - seconds("start_s") > 0.2, "{detection}");
    }
}

#[test]
fn live_sound_in_pieces_of_any_size_gives_what_the_whole_file_gives() {
    let server = TestServer::start();
    for rate_hz in [16_000, 48_000] {
        let samples = sound(rate_hz);
        let mut expected: Vec<Value> = expected(&wav_of(&samples, rate_hz))
            .iter()
            .map(|detection| {
                let mut event = as_json(std::slice::from_ref(detection))[0].clone();
                event["type"] = "detection".into();
                event
            })
            .collect();
        expected.push(json!({"type": "end", "duration_s": 3.5}));
        assert_eq!(expected.len(), 3);

        for size in [1, 7, 160, 1_600, 4_096, 16_000] {
            // Single samples take a message each: of a second of sound they are enough.
            let (samples, expected) = if size == 1 {
                (&samples[..rate_hz as usize / 4], &[json!({"type": "end", "duration_s": 0.25})][..])
            } else {
                (samples.as_slice(), expected.as_slice())
            };
            let events = listen(&server, &format!("?sample_rate={rate_hz}"), samples, size);
            assert_eq!(events, expected, "{rate_hz} Hz in pieces of {size}");
        }
    }
}

#[test]
fn streams_that_are_heard_together_have_the_events_of_each_alone() {
    let capacity = Capacity { workers: NonZeroUsize::MIN, streams: 64, ..Capacity::default() };
    let server = TestServer::serving(Service { capacity, ..service() });
    let samples = sound(16_000);
    let alone = |start: usize| listen(&server, "?scores=true", &samples[start..], 1_280);
    let expected: Vec<_> = (0..3).map(|i| alone(1_000 * i)).collect();
    assert!(expected.iter().all(|events| events.iter().any(|event| event["type"] == "detection")));

    thread::scope(|scope| {
        let streams: Vec<_> = (0..30).map(|i| (i % 3, scope.spawn(move || alone(1_000 * (i % 3))))).collect();
        for (i, stream) in streams {
            assert_eq!(stream.join().unwrap(), expected[i]);
        }
    });
}

#[test]
fn words_in_live_sound_are_told_before_recordings_that_wait() {
    let deadline = Duration::from_mins(1);
    let server = TestServer::with(Capacity { workers: NonZeroUsize::MIN, deadline, ..Capacity::default() });
    let minute = wav_of(&sound(16_000).repeat(17), 16_000);
    let n_answered = AtomicUsize::new(0);
    let ask = || {
        assert_eq!(server.post("/detect", "audio/wav", minute.clone()).status(), 200);
        n_answered.fetch_add(1, Ordering::Relaxed);
    };
    under_load(4, ask, || {
        let before = n_answered.load(Ordering::Relaxed);
        let events = listen(&server, "", &sound(16_000)[..24_000], 1_280);
        let n_meanwhile = n_answered.load(Ordering::Relaxed) - before;
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(n_meanwhile < 4, "{n_meanwhile} recordings of a minute are answered first");
    });
}

#[test]
fn a_stream_in_large_messages_does_not_hold_up_another() {
    let server = TestServer::with(Capacity { workers: NonZeroUsize::MIN, ..Capacity::default() });
    let long = sound(16_000).repeat(40);
    let (end, ended) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..2 {
            let (end, server, long) = (end.clone(), &server, &long);
            scope.spawn(move || {
                listen(server, "", long, 500_000);
                end.send("large messages").unwrap();
            });
        }
        listen(&server, "", &sound(16_000).repeat(3)[..128_000], 1_280);
        end.send("small messages").unwrap();
    });
    assert_eq!(ended.recv(), Ok("small messages"));
}

#[test]
fn scores_tell_what_each_window_sounds_like() {
    let events = listen(&TestServer::start(), "?scores=true", &sound(16_000), 1_600);

    let scores: Vec<_> = events.iter().filter(|event| event["type"] == "score").collect();
    assert_eq!(scores.len(), 27, "one a piece of 100 ms, from the first answer on, after 0.88 s");
    assert!(scores.iter().any(|score| score["label"] == "yes"), "{scores:?}");
}

#[test]
fn server_sent_events_bring_the_same() {
    let audio = wav_of(&sound(16_000)[..52_736], 16_000);

    let server = TestServer::start();
    let response = server.post_accepting("/detect", "text/event-stream", audio.clone());

    assert_eq!(response.headers()["Content-Type"], "text/event-stream");
    let text = response.text().unwrap();
    let mut expected: Vec<String> = expected(&audio)
        .iter()
        .map(|detection| format!("event: detection\ndata: {}", serde_json::to_string(detection).unwrap()))
        .collect();
    expected.extend(["event: end\ndata: {\"duration_s\":3.296}".into(), String::new()]);
    assert_eq!(text.split("\n\n").collect::<Vec<_>>(), expected);
}

#[test]
fn events_are_sent_to_a_client_that_likes_them_best() {
    let server = TestServer::start();
    for (accepted, sent) in [
        ("application/json;q=0.5, text/event-stream", "text/event-stream"),
        ("text/event-stream, */*", "text/event-stream"),
        ("text/event-stream;q=0, application/json", "application/json"),
        ("text/event-stream;q=0.5, application/json", "application/json"),
        ("text/event-stream;q=0", "application/json"),
        ("*/*", "application/json"),
    ] {
        let response = server.post_accepting("/detect", accepted, word().into_inner());
        assert_eq!(response.headers()["Content-Type"], sent, "{accepted}");
    }
}

#[test]
fn a_stream_is_told_once_that_there_are_other_words_than_it_hears() {
    let dir = tempfile::tempdir().unwrap();
    let server = teaching(&dir.path().join("words.safetensors"));
    let (mut socket, _) = connect(server.url("/stream?scores=true").replace("http", "ws")).unwrap();
    let mut types = |n: usize| -> Vec<Value> {
        socket.send(Message::binary(vec![0; 32_000])).unwrap(); // a second, in which a step ends
        let text = |_| socket.read().unwrap().into_text().unwrap();
        (0..n).map(text).map(|text| serde_json::from_str::<Value>(&text).unwrap()["type"].clone()).collect()
    };
    assert_eq!(server.request(Method::POST, "/admin/reload").status(), 200);
    assert_eq!(types(1), ["score"], "the model is the same");
    assert_eq!(put_at(&server.url("/words/lamp"), five("stop")).unwrap().0, 200);
    assert_eq!(types(2), ["score", "changed"]);
    assert_eq!(types(1), ["score"]);
    assert_eq!(types(1), ["score"]);
}

#[test]
fn a_stream_that_is_none_is_refused_and_says_why() {
    let server = TestServer::start();

    let refused = [
        ("/stream?sample_rate=1", 422, "a sample rate of 1 Hz: expected 4000 to 192000 Hz", "recording"),
        ("/stream?hop_ms=5", 400, "query: a hop of 0.005 s: expected 0.01 to 1 s", "query"),
        ("/stream?scores=1", 400, "query: scores=1: expected true or false", "query"),
    ];
    for (path, status, message, reason) in refused {
        assert_eq!(read(server.get(path)), (status, error(message, reason)), "{path}");
    }
    let (status, body) = read(server.get("/stream"));
    assert!(status == 400 && body["error"].as_str().unwrap().starts_with("expected a WebSocket"), "{body}");
}

#[test]
fn a_message_that_is_no_sound_ends_the_stream_with_the_reason() {
    let server = TestServer::start();
    let url = server.url("/stream").replace("http", "ws");
    let unsupported = CloseCode::Unsupported;
    let too_large = "expected messages of at most 1048576 bytes: send the sound in smaller pieces";
    let fragment = |text: &str, kind, is_last| {
        Message::Frame(Frame::message(text.to_owned(), OpCode::Data(kind), is_last))
    };
    let stop = vec![fragment("st", Data::Text, false), fragment("op", Data::Continue, true)];
    let endless = vec![fragment("e", Data::Text, false), fragment(&"n".repeat(100), Data::Continue, false)];
    for (messages, code, reason) in [
        (vec![Message::text("stop")], unsupported, "expected samples, or the text `end`"),
        (
            vec![Message::binary(vec![0; 3]), Message::text("end")],
            unsupported,
            "expected 16-bit samples: an even number of bytes",
        ),
        (vec![Message::binary(vec![0; (1 << 20) + 1])], CloseCode::Size, too_large),
        (stop, unsupported, "expected samples, or the text `end`"),
        (endless, unsupported, "expected samples, or the text `end`"),
    ] {
        let (mut socket, _) = connect(&url).unwrap();
        for message in messages {
            socket.send(message).unwrap();
        }
        assert_eq!(event(&mut socket), json!({"type": "error", "error": reason, "reason": "stream"}));
        assert_eq!(closed(&mut socket), Some((code, reason.into())));
    }
}

#[test]
fn fragments_are_answered_as_they_come_with_pings_between_them() {
    let server = TestServer::start();
    let (mut socket, _) = connect(server.url("/stream").replace("http", "ws")).unwrap();
    let fragment = |bytes: Vec<u8>, kind| Message::Frame(Frame::message(bytes, OpCode::Data(kind), false));
    socket.send(fragment(vec![0; 32_000], Data::Binary)).unwrap();
    for n in 1..4 {
        socket.send(Message::Ping(vec![n].into())).unwrap();
        for _ in 0..1_000 {
            socket.send(fragment(vec![0], Data::Continue)).unwrap();
        }
        // All before it has been taken.
        assert_eq!(socket.read().unwrap(), Message::Pong(vec![n].into()));
    }
    let last = |bytes: &[u8], kind| Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(kind), true));
    socket.send(last(&[0; 1_000], Data::Continue)).unwrap();
    socket.send(fragment(b"e".to_vec(), Data::Text)).unwrap();
    socket.send(last(b"nd", Data::Continue)).unwrap();
    assert_eq!(event(&mut socket), json!({"type": "end", "duration_s": 36_000.0 / 32_000.0}));
}

#[test]
fn a_frame_without_an_end_is_refused_before_it_fills_the_memory() {
    let body_deadline = Duration::from_secs(5);
    let server = TestServer::with(Capacity { body_deadline, ..Capacity::default() });
    let (mut socket, _) = connect(server.url("/stream").replace("http", "ws")).unwrap();
    let MaybeTlsStream::Plain(stream) = socket.get_mut() else { unreachable!() };

    stream.write_all(&[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]).unwrap(); // a terabyte
    stream.write_all(&vec![0; 2 << 20]).unwrap();

    assert!(event(&mut socket)["error"].as_str().unwrap().contains("at most 1048576 bytes"));
    assert_eq!(closed(&mut socket).unwrap().0, CloseCode::Size);
}

#[test]
fn a_stream_that_is_ended_early_is_counted_and_logged() {
    let program = Program::start(&[]);
    let (mut socket, _) = connect(program.url("/stream").replace("http", "ws")).unwrap();
    socket.send(Message::text("stop")).unwrap();
    event(&mut socket);

    let metrics = client().get(program.url("/metrics")).send().unwrap().text().unwrap();
    assert!(metrics.contains("sc_rejected_total{reason=\"stream\"} 1"), "{metrics}");
    let log = program.log_after_kill();
    assert!(log.contains("code=1003") && log.contains("expected samples, or the text `end`"), "{log}");
}

/// The next event of a stream.
pub fn event(socket: &mut Socket) -> Value {
    serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap()
}

/// The code and the reason with which a stream is closed next.
pub fn closed(socket: &mut Socket) -> Option<(CloseCode, String)> {
    let Message::Close(frame) = socket.read().unwrap() else { return None };
    frame.map(|frame| (frame.code, frame.reason.to_string()))
}

#[test]
fn a_client_that_closes_a_stream_is_answered_with_its_own_code() {
    let server = TestServer::start();
    let (mut socket, _) = connect(server.url("/stream").replace("http", "ws")).unwrap();

    socket.close(Some(CloseFrame { code: CloseCode::Away, reason: "".into() })).unwrap();

    assert_eq!(closed(&mut socket), Some((CloseCode::Away, String::new())));
}

#[test]
fn a_sample_may_come_in_two_messages() {
    let server = TestServer::start();
    let (mut socket, _) = connect(server.url("/stream").replace("http", "ws")).unwrap();
    for n_bytes in [3, 1, 1, 32_000 - 5] {
        socket.send(Message::binary(vec![0; n_bytes])).unwrap();
    }
    socket.send(Message::text("end")).unwrap();

    assert_eq!(event(&mut socket), json!({"type": "end", "duration_s": 1.0}));
}

#[test]
fn a_stream_without_sound_gives_its_place_back() {
    let body_deadline = Duration::from_millis(300);
    let server = TestServer::with(Capacity { body_deadline, streams: 1, ..Capacity::default() });
    let url = server.url("/stream").replace("http", "ws");
    let nothing: &[u8] = &[];
    let ping: &[u8] = &[0x89, 0x80, 1, 2, 3, 4];
    let first_of_two_pieces: &[u8] = &[0x02, 0x82, 0, 0, 0, 0, 0, 0];
    let half_a_frame: &[u8] = &[0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0, 0];
    let message_of_nothing: &[u8] = &[0x82, 0x80, 0, 0, 0, 0];
    for sent in [nothing, ping, message_of_nothing, first_of_two_pieces, half_a_frame] {
        let (mut socket, _) = connect(&url).unwrap();
        let MaybeTlsStream::Plain(stream) = socket.get_mut() else { unreachable!() };
        stream.write_all(sent).unwrap();
        let last = loop {
            match socket.read() {
                Ok(Message::Close(reason)) => break reason,
                Ok(_) => {}
                Err(error) => panic!("{sent:?}: {error}"),
            }
        };
        let reason = "no sound was sent for 0.3 s, or the answers were not read: \
                      send zeros while the microphone is off";
        assert_eq!(last.unwrap().reason, reason, "{sent:?}");
    }
}
