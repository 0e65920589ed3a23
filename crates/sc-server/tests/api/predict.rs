//! `POST /predict`: what it answers, and how it refuses.

use std::{io::Write, thread};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use sc_data::{Limits, Waveform};
use serde_json::json;

use crate::helpers::{TestServer, answer, classifier, error, read, wav};

#[test]
fn an_answer_is_that_of_the_library() {
    let server = TestServer::start();

    for clip in [wav(200.0, 1.0, 16_000), wav(330.0, 2.5, 44_100), wav(150.0, 0.4, 8_000)] {
        let expected = answer(&classifier(), &clip);
        assert_eq!(expected["predictions"].as_array().unwrap().len(), 5);
        assert_eq!(read(server.predict(clip)), (200, expected));
    }
}

#[test]
fn clips_sent_at_once_are_answered_as_if_sent_in_turn() {
    let server = TestServer::start();
    let classifier = classifier();

    thread::scope(|scope| {
        for client in 0..16_u8 {
            let (server, classifier) = (&server, &classifier);
            scope.spawn(move || {
                let clip = wav(120.0 + 30.0 * f32::from(client), 1.0, 16_000);
                let expected = answer(classifier, &clip);
                for _ in 0..4 {
                    assert_eq!(read(server.predict(clip.clone())), (200, expected.clone()));
                }
            });
        }
    });
}

#[test]
fn other_fields_of_the_form_are_passed_over() {
    let clip = wav(200.0, 1.0, 16_000);
    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n{}",
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n"
    );
    let body = [form.as_bytes(), &clip, b"\r\n--x--\r\n"].concat();

    let response = TestServer::start().predict_raw("multipart/form-data; boundary=x", body);

    assert_eq!(read(response), (200, answer(&classifier(), &clip)));
}

/// A form of fields, each with the parameters of its head and its content.
fn form(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (parameters, content) in fields {
        let head = format!("--x\r\nContent-Disposition: form-data; {parameters}\r\n\r\n");
        bytes.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    bytes.extend(b"--x--\r\n");
    bytes
}

#[test]
fn what_would_be_passed_over_in_a_form_is_refused() {
    let server = TestServer::start();
    let clip = wav(200.0, 1.0, 16_000);
    let file = (r#"name="file"; filename="a.wav""#, clip.as_slice());
    let send = |field| read(server.predict_raw("multipart/form-data; boundary=x", form(&[file, field])));
    for (head, content, why) in [
        (r#"name="threshold""#, "0.9", "`threshold` belongs in the query: ?threshold=…"),
        (r#"name="top_k""#, "1", "`top_k` belongs in the query: ?top_k=…"),
        (
            r#"name="file2"; filename="b.wav""#,
            "RIFF",
            "it has files in other fields too: name each field `file`",
        ),
    ] {
        let expected = "expected a form (multipart/form-data) with the recording in its field `file`";
        assert_eq!(send((head, content.as_bytes())), (400, error(&format!("{expected}: {why}"), "body")));
    }
    // A browser sends this of a control in which no file was chosen.
    assert_eq!(send(("name=\"file2\"; filename=\"\"", b"".as_slice())), (200, answer(&classifier(), &clip)));
    // This is no parameter of `/predict`.
    assert_eq!(send((r#"name="hop_ms""#, b"80".as_slice())), (200, answer(&classifier(), &clip)));
}

#[test]
fn a_lone_file_is_heard_whatever_its_field_and_name() {
    let server = TestServer::start();
    let clip = wav(200.0, 1.0, 16_000);
    let nameless = ("name=\"audio\"; filename=\"\"", clip.as_slice());
    for fields in [vec![nameless], vec![("name=\"file\"; filename=\"\"", b"".as_slice()), nameless]] {
        let response = server.predict_raw("multipart/form-data; boundary=x", form(&fields));
        assert_eq!(read(response), (200, answer(&classifier(), &clip)));
    }
}

#[test]
fn a_file_whose_name_is_not_utf_8_is_heard() {
    let clip = wav(200.0, 1.0, 16_000);
    let head = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"caf\xe9.wav\"\r\n\r\n";
    let body = [head.as_slice(), &clip, b"\r\n--x--\r\n"].concat();

    let response = TestServer::start().predict_raw("multipart/form-data; boundary=x", body);

    assert_eq!(read(response), (200, answer(&classifier(), &clip)));
}

#[test]
fn a_form_without_a_file_is_400() {
    let form = "--x\r\nContent-Disposition: form-data; name=\"audio\"\r\n\r\nhello\r\n--x--\r\n";

    let response = TestServer::start().predict_raw("multipart/form-data; boundary=x", form.into());

    let expected = error("the form has no field `file`: send the recording in it", "body");
    assert_eq!(read(response), (400, expected));
}

/// `no audio`, by Google's `brotli`.
const BROTLI_TEXT: [u8; 12] = [139, 3, 128, 110, 111, 32, 97, 117, 100, 105, 111, 3];

/// A zero more than the 25 MB of a body, by Google's `brotli`.
const BROTLI_BOMB: [u8; 53] = [
    203, 255, 255, 63, 248, 39, 0, 226, 177, 64, 32, 247, 254, 143, 255, 255, 127, 240, 79, 0, 196, 97, 17,
    128, 238, 253, 31, 255, 255, 255, 224, 159, 0, 136, 195, 2, 0, 221, 251, 191, 4, 0, 128, 192, 63, 1, 16,
    135, 5, 0, 187, 247, 15,
];

#[test]
fn a_compressed_body_is_unpacked_within_the_limits() {
    let server = TestServer::start();
    let clip = wav(200.0, 1.0, 16_000);
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let post = |encoding: &str, body: Vec<u8>| {
        let headers = [("Content-Type", "audio/wav"), ("Content-Encoding", encoding)];
        read(server.post_with_headers("/predict", &headers, body))
    };

    assert_eq!(post("gzip", gzip(&clip)), (200, answer(&classifier(), &clip)));
    let bomb = gzip(&vec![0; (25 << 20) + 1]);
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    let expected =
        error("the request is larger than 26214400 bytes: send fewer or shorter recordings", "size");
    assert_eq!(post("gzip", bomb), (413, expected.clone()));
    assert_eq!(post("br", BROTLI_BOMB.into()), (413, expected));
    assert_eq!(
        post("br", BROTLI_TEXT.into()),
        (415, error(&sc_data::Error::NotAudio.to_string(), "recording"))
    );
    let expected =
        error("expected a body in gzip, deflate or br, or uncompressed; got Content-Encoding zstd", "body");
    assert_eq!(post("zstd", clip.clone()), (415, expected));
    let (status, body) = post("gzip", clip);
    assert!(status == 400 && body["error"].as_str().unwrap().contains("not compressed"), "{status} {body}");
}

#[test]
fn a_broken_form_is_400_and_says_what_is_wrong_with_it() {
    let server = TestServer::start();
    let expected = "expected a form (multipart/form-data) with the recording in its field `file`";

    for (content_type, cause) in [
        ("multipart/form-data", "Multipart boundary is not found"),
        ("multipart/form-data; boundary=x", "Multipart stream is incomplete"),
    ] {
        let response = server.predict_raw(content_type, wav(200.0, 1.0, 16_000));
        assert_eq!(read(response), (400, error(&format!("{expected}: {cause}"), "body")));
    }
}

#[test]
fn several_clips_are_answered_in_order_each_with_its_own_error() {
    let [first, last] = [wav(200.0, 1.0, 16_000), wav(330.0, 2.5, 44_100)];

    let server = TestServer::start();
    let response = server.predict_all(vec![first.clone(), b"no audio".to_vec(), last.clone()]);

    let refused = error(&sc_data::Error::NotAudio.to_string(), "recording");
    let expected = json!([answer(&classifier(), &first), refused, answer(&classifier(), &last)]);
    assert_eq!(read(response), (200, expected));
    let metrics = server.get("/metrics").text().unwrap();
    assert!(metrics.contains("sc_rejected_total{reason=\"recording\"} 1"), "{metrics}");
}

#[test]
fn more_clips_than_one_request_may_hold_are_413() {
    let response = TestServer::start().predict_all(vec![Vec::new(); 1_001]);

    let expected =
        error("the request holds more recordings than 1000: send them in several requests", "size");
    assert_eq!(read(response), (413, expected));
}

#[test]
fn a_clip_may_be_the_body_itself_or_base64_in_json() {
    let server = TestServer::start();
    let clip = wav(200.0, 1.0, 16_000);
    let expected = answer(&classifier(), &clip);
    let base64 = BASE64_STANDARD.encode(&clip);
    let json = |audio: &str| json!({ "audio": audio }).to_string().into_bytes();
    let lines: Vec<String> =
        base64.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into()).collect();

    for (content_type, body) in [
        ("audio/wav", clip.clone()),
        ("audio/webm; codecs=opus", clip.clone()), // its content counts
        ("video/webm", clip.clone()),
        ("Application/Octet-Stream", clip.clone()),
        ("application/ogg", clip.clone()),
        ("application/x-www-form-urlencoded", clip), // `curl --data-binary`
        ("application/json; charset=utf-8", json(&base64)),
        ("application/json", [b"\xef\xbb\xbf", json(&base64).as_slice()].concat()), // a byte-order mark
        ("application/json", json(&format!("data:audio/wav;base64,{base64}"))),     // a FileReader's
        ("application/json", json(&lines.join("\r\n"))),
        ("application/json", json(base64.trim_end_matches('='))),
        ("application/json", json(&base64.replace('+', "-").replace('/', "_"))),
    ] {
        assert_eq!(read(server.predict_raw(content_type, body)), (200, expected.clone()), "{content_type}");
    }
}

#[test]
fn a_body_without_a_clip_is_400_and_says_where_one_is_looked_for() {
    let server = TestServer::start();

    for (content_type, body, part) in [
        ("text/plain", "yes", "got text/plain"),
        ("application/x-www-form-urlencoded", "audio=yes", "got application/x-www-form-urlencoded"),
        ("application/json", "{}", "missing field `audio`"),
        ("application/json", r#"{"audio": "?"}"#, "Invalid symbol 63"),
    ] {
        let (status, body) = read(server.predict_raw(content_type, body.into()));
        let text = body["error"].as_str().unwrap();
        assert!(status == 400 && text.contains("\"audio\"") && text.contains(part), "{status} {text}");
    }
}

#[test]
fn the_query_says_how_many_labels_and_from_which_confidence() {
    let server = TestServer::start();
    let clip = wav(200.0, 1.0, 16_000);
    let ask = |query: &str| read(server.post(&format!("/predict{query}"), "audio/wav", clip.clone()));

    let (_, body) = ask("?top_k=2&threshold=0");
    assert_eq!(body["predictions"].as_array().unwrap().len(), 2);
    assert_eq!(body["accepted"], !body["label"].as_str().unwrap().starts_with('_'));
    assert_eq!(ask("?threshold=1").1["accepted"], false);

    for (query, part) in [
        ("?top_k=0", "top_k counts from 1"),
        ("?threshold=1.5", "a threshold of 1.5: expected 0 to 1"),
        ("?top_k=3&threshold=high", "query: threshold=high: expected a number from 0 to 1"),
        ("?threshold=", "query: threshold=: expected a number from 0 to 1"),
        ("?top_k=1.0", "query: top_k=1.0: expected a whole number, 1 or more"),
        ("?topk=3", "unknown field `topk`"),
        ("?scores=true", "unknown field `scores`"),
        ("?top_k=3&top_k=4", "duplicate field `top_k`"),
    ] {
        let (status, body) = ask(query);
        let text = body["error"].as_str().unwrap();
        assert!(status == 400 && text.contains(part), "{query}: {status} {text}");
    }
}

#[test]
fn a_file_that_is_no_audio_is_415() {
    let expected = error(&sc_data::Error::NotAudio.to_string(), "recording");
    let response = TestServer::start().predict("plain text, and not a recording".into());
    assert_eq!(read(response), (415, expected));
}

#[test]
fn an_empty_file_or_body_is_422_and_said_to_be_empty() {
    let server = TestServer::start();
    let json = br#"{"audio": ""}"#.to_vec();
    for response in [
        server.predict(Vec::new()),
        server.predict_raw("audio/wav", Vec::new()),
        server.predict_raw("application/x-www-form-urlencoded", Vec::new()),
        server.predict_raw("application/json", json),
    ] {
        assert_eq!(read(response), (422, error(&sc_data::Error::Empty.to_string(), "recording")));
    }
}

#[test]
fn a_damaged_clip_is_422_and_says_why() {
    let mut truncated = wav(200.0, 1.0, 16_000);
    truncated.truncate(30);
    let cause = Waveform::decode(&truncated, &Limits::default()).unwrap_err();

    let (status, body) = read(TestServer::start().predict(truncated));

    assert_eq!(status, 422);
    let text = body["error"].as_str().unwrap();
    assert!(text.starts_with(&cause.to_string()), "expected {cause}, got {text}");
}

#[test]
fn a_clip_that_is_too_long_is_413_and_hears_a_way_out() {
    let (status, refused) = read(TestServer::start().predict(wav(200.0, 61.0, 8_000)));

    let expected = "the recording is longer than 60 s: \
                    send a part of it, or all of it to /stream; --max-seconds sets the limit";
    assert_eq!((status, refused), (413, error(expected, "recording")));
}

#[test]
fn the_request_after_a_refused_one_is_answered() {
    let server = TestServer::start();
    let clip = wav(200.0, 1.0, 16_000);

    assert_eq!(server.predict(b"text".to_vec()).status(), 415);

    let expected = answer(&classifier(), &clip);
    assert_eq!(read(server.predict(clip)), (200, expected));
}
