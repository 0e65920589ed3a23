//! The limits of size, time and number.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use sc_data::Limits;
use sc_server::{Access, Capacity, Service};
use socket2::{Domain, Socket, Type};

use crate::{
    faults::SetOnDrop,
    helpers::{TestServer, error, read, service, wav},
};

#[test]
fn a_body_over_the_limit_is_413_and_the_client_hears_it() {
    let audio = Limits { max_bytes: 100_000, ..Limits::default() };
    let server = TestServer::with(Capacity { audio, ..Capacity::default() });

    let response = server.predict(vec![0; 20 << 20]);

    let expected = error("the request is larger than 100000 bytes: send fewer or shorter recordings", "size");
    assert_eq!(read(response), (413, expected));
    assert_eq!(server.predict(wav(200.0, 1.0, 16_000)).status(), 200);
}

#[test]
fn a_server_without_a_limit_unpacks_too() {
    let audio = Limits { max_bytes: usize::MAX, ..Limits::default() };
    let server = TestServer::with(Capacity { audio, ..Capacity::default() });
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&wav(200.0, 1.0, 16_000)).unwrap();

    let headers = [("Content-Type", "audio/wav"), ("Content-Encoding", "gzip")];
    let answer = server.post_with_headers("/predict", &headers, packed.finish().unwrap());
    assert_eq!(answer.status(), 200);
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_408() {
    let body_deadline = Duration::from_millis(200);
    let server = TestServer::with(Capacity { body_deadline, ..Capacity::default() });
    let mut connection = TcpStream::connect(server.address).unwrap();

    let head = "POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n1234";
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let expected = error("the request's body did not arrive within 0.2 s", "slow_body").to_string();
    assert!(answer.ends_with(&expected), "{answer}");
}

#[test]
fn more_clips_than_the_queue_holds_are_refused_with_503() {
    let server = TestServer::with(one_at_a_time());
    let slow_to_decode = wav(200.0, 60.0, 192_000);

    let answers = thread::scope(|scope| {
        let send = || server.predict(slow_to_decode.clone());
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });

    let (answered, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status() == 200);
    assert!(!answered.is_empty() && !refused.is_empty(), "{} answered", answered.len());
    for answer in refused {
        assert_eq!(answer.headers()["Retry-After"], "1");
        let (status, body) = read(answer);
        assert!(status == 503 && body["reason"] == "busy", "{status} {body}"); // for want of a place, or of memory
    }
}

/// One worker, and no queue before it.
fn one_at_a_time() -> Capacity {
    Capacity { workers: NonZeroUsize::MIN, queue: 0, ..Capacity::default() }
}

/// Keeps the only worker busy while `ask` runs, and returns what that returns.
fn while_busy<T>(server: &TestServer, ask: impl FnOnce() -> T) -> T {
    let slow_to_decode = wav(200.0, 60.0, 192_000);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                server.predict(slow_to_decode.clone());
            }
        });
        let _over = SetOnDrop(&is_over);
        ask()
    })
}

/// Reads one answer, and returns its head and its body.
pub fn read_answer(connection: &mut impl Read) -> (String, String) {
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "closed after {head:?}");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// The head of a request with a clip of this size.
pub fn head(n_bytes: usize) -> String {
    format!(
        "POST /predict HTTP/1.1\r\nHost: test\r\nContent-Type: audio/wav\r\nContent-Length: {n_bytes}\r\n\r\n"
    )
}

#[test]
fn a_request_without_a_place_is_refused_without_its_body() {
    let server = TestServer::with(one_at_a_time());
    let (status, body) = while_busy(&server, || {
        loop {
            let mut connection = TcpStream::connect(server.address).unwrap();
            connection.write_all(head(10 << 20).as_bytes()).unwrap();
            connection.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            if connection.peek(&mut [0]).is_ok() {
                return read_answer(&mut connection);
            }
        }
    });
    assert!(status.starts_with("HTTP/1.1 503 "), "{status}");
    let busy = "too many recordings or live streams at once: try again in 1 s";
    assert_eq!(body, error(busy, "busy").to_string());
}

#[test]
fn a_refused_connection_is_kept_and_held_to_the_time_it_was_told() {
    let server = TestServer::with(one_at_a_time());
    let mut connection = TcpStream::connect(server.address).unwrap();
    let request = [head(9).as_bytes(), b"no audio."].concat();
    let waits = while_busy(&server, || {
        let mut refused = Vec::new();
        while refused.len() < 2 {
            connection.write_all(&request).unwrap();
            let (head, _) = read_answer(&mut connection);
            if head.starts_with("HTTP/1.1 503 ") {
                refused.push(Instant::now());
            }
        }
        refused[1] - refused[0]
    });
    assert!(waits >= Duration::from_millis(990), "refused again after {waits:?}");

    connection.write_all(b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let (head, _) = read_answer(&mut connection);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[test]
fn of_many_connections_of_a_client_those_that_are_refused_are_closed() {
    let server = TestServer::with(Capacity { connections: 16, ..one_at_a_time() });
    let connect = || TcpStream::connect(server.address).unwrap();
    let head = while_busy(&server, || {
        loop {
            let _silent: Vec<_> = (0..64).map(|_| connect()).collect();
            let mut connection = connect();
            connection.write_all(&[head(9).as_bytes(), b"no audio."].concat()).unwrap();
            let (head, _) = read_answer(&mut connection);
            if head.starts_with("HTTP/1.1 503 ") {
                return head;
            }
        }
    });
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(server.predict(wav(200.0, 1.0, 16_000)).status(), 200);
}

#[test]
fn bodies_that_crawl_keep_no_place_from_others() {
    let server = TestServer::with(one_at_a_time());
    let crawl = |_| {
        let mut connection = TcpStream::connect(server.address).unwrap();
        connection.write_all(head(30_000).as_bytes()).unwrap();
        connection.write_all(b"R").unwrap();
        connection
    };
    let _crawling: Vec<_> = (0..20).map(crawl).collect();
    thread::sleep(Duration::from_millis(300)); // longer than a body has for itself

    for _ in 0..5 {
        assert_eq!(server.predict(wav(200.0, 1.0, 16_000)).status(), 200);
    }
}

#[test]
fn a_refused_body_that_crawls_is_read_no_longer_than_others() {
    let access = Access::new(vec!["0".repeat(64).parse().unwrap()], None, Vec::new());
    let capacity = Capacity { body_deadline: Duration::from_millis(300), ..Capacity::default() };
    let server = TestServer::serving(Service { access, capacity, ..service() });
    let mut connection = TcpStream::connect(server.address).unwrap();
    connection.write_all(head(10_000).as_bytes()).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(50))).unwrap();

    let mut n_bytes = 0;
    while connection.peek(&mut [0]).is_err() {
        connection.write_all(b"R").unwrap();
        n_bytes += 1;
        assert!(n_bytes < 200, "it reads for more than 10 s");
    }
    assert!(read_answer(&mut connection).0.starts_with("HTTP/1.1 401 "));
}

/// Connects as a client at another address of this machine.
#[cfg(target_os = "linux")]
fn connect_from(ip: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.into()
}

#[test]
#[cfg(target_os = "linux")] // other systems have one address of their own
fn bodies_without_an_end_cannot_fill_the_memory() {
    let audio = Limits { max_bytes: 16 << 20, ..Limits::default() };
    let server = TestServer::with(Capacity { audio, ..Capacity::default() });
    let fill = || {
        let mut connection = TcpStream::connect(server.address).unwrap();
        connection.write_all(head(16 << 20).as_bytes()).unwrap();
        connection.write_all(&vec![0; (16 << 20) - 1]).unwrap();
        connection
    };
    let mut filling = Vec::new();

    let refused = loop {
        filling.push(fill()); // three are more than what is left to others
        let (status, body) = read(server.predict(wav(200.0, 1.0, 16_000)));
        if status != 200 {
            break (status, body);
        }
    };
    let kept = "you hold more than is free, and the rest is kept for other clients \
                (the operator can give each a key, or set a larger --queue, --streams or --max-bytes): \
                try again in 1 s";
    assert_eq!(refused, (503, error(kept, "busy")));

    let mut other = connect_from([127, 0, 0, 2], server.address);
    let word = wav(200.0, 1.0, 16_000);
    other.write_all(head(word.len()).as_bytes()).unwrap();
    other.write_all(&word).unwrap();
    let mut status = String::new();
    BufReader::new(other).read_line(&mut status).unwrap();
    assert!(status.starts_with("HTTP/1.1 200 "), "another client finds memory: {status}");

    drop(filling);
    while server.predict(wav(200.0, 1.0, 16_000)).status() != 200 {}
}

/// Sends a batch with deadlines of a twentieth to the whole of the time that it takes. Whatever the deadline, each answer
/// holds all results or is the error.
#[test]
fn a_batch_is_answered_whole_or_with_504() {
    let clips = vec![wav(200.0, 2.0, 44_100); 40];
    let send = |server: &TestServer| read(server.predict_all(clips.clone()));
    let patient = TestServer::start();
    send(&patient); // the first request is slower
    let start = Instant::now();
    assert_eq!(send(&patient).0, 200);
    let whole = start.elapsed();
    for share in 1..=20 {
        let deadline = whole * share / 20;
        let server = TestServer::with(Capacity { deadline, ..Capacity::default() });
        let (status, body) = send(&server);
        let n_results = body.as_array().map_or(0, Vec::len);
        let is_right = match status {
            200 => n_results == clips.len(),
            504 => body["error"].is_string(),
            _ => false,
        };
        assert!(is_right, "{deadline:?} of {whole:?}: {status}, {n_results} results");
    }
}
