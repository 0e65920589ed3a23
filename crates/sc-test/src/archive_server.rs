//! A web server with one file, which can break off, stall, fail or lie.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

/// The file, and how the server answers requests for it.
#[derive(Clone, Default)]
pub struct Served {
    /// The content of the file.
    pub bytes: Vec<u8>,
    /// The `ETag` header of each answer, with its quotes.
    pub etag: &'static str,
    /// True if the server answers `Range` requests with a part of the file.
    pub ranges: bool,
    /// Each of the next responses breaks off after this many bytes of the body.
    pub cuts: Vec<usize>,
    /// True if a response that breaks off leaves the connection open and silent.
    pub stalls: bool,
    /// Each of the next responses is this error, such as `503 Service Unavailable`.
    pub errors: Vec<&'static str>,
    /// The length in bytes that the server claims, if not the true one.
    pub claimed_len: Option<u64>,
    /// True if a response names no length, and zeros without an end follow the file.
    pub is_endless: bool,
    /// The heads of the requests so far, in lower case.
    pub requests: Vec<String>,
}

/// A running server; it stops with the process.
pub struct Server {
    /// The URL of the file.
    pub url: String,
    served: Arc<Mutex<Served>>,
}

impl Server {
    /// Starts a server on a free port.
    pub fn start(served: Served) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/archive.tar.gz", listener.local_addr().unwrap());
        let served = Arc::new(Mutex::new(served));
        let shared = Arc::clone(&served);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || answer(stream.unwrap(), &shared));
            }
        });
        Self { url, served }
    }

    /// Returns what is served, to be read or changed.
    pub fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap()
    }
}

fn answer(mut stream: TcpStream, served: &Mutex<Served>) {
    let request = read_head(&mut stream);
    let (head, body, after) = respond(&request, &mut served.lock().unwrap());
    // A client that was killed is gone: so be it.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    match after {
        After::Close => {}
        After::Silence => drop(stream.read(&mut [0])), // until the client goes
        After::Zeros => while stream.write_all(&[0; 1 << 14]).is_ok() {},
    }
}

/// What follows the body of a response.
enum After {
    Close,
    Silence,
    Zeros,
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

/// Returns the head, the part of the body to send, and what follows it.
fn respond(request: &str, served: &mut Served) -> (String, Vec<u8>, After) {
    served.requests.push(request.to_owned());
    if !served.errors.is_empty() {
        let status = served.errors.remove(0);
        return (
            format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            vec![],
            After::Close,
        );
    }
    let value = |name: &str| request.lines().find_map(|line| line.strip_prefix(name));
    let is_same = value("if-range: ") == Some(&served.etag.to_lowercase());
    let offset = value("range: bytes=").and_then(|range| range.strip_suffix('-')?.parse::<usize>().ok());
    let offset = offset.filter(|_| served.ranges && is_same);
    let (status, start) = match offset {
        Some(offset) if offset >= served.bytes.len() => ("416 Range Not Satisfiable", served.bytes.len()),
        Some(offset) => ("206 Partial Content", offset),
        None => ("200 OK", 0),
    };
    let mut body = served.bytes[start..].to_vec();
    let len = served.claimed_len.unwrap_or(body.len() as u64);
    let is_cut = !served.cuts.is_empty();
    if is_cut {
        body.truncate(served.cuts.remove(0));
    }
    let after = match (served.is_endless, is_cut && served.stalls) {
        (true, _) => After::Zeros,
        (_, true) => After::Silence,
        _ => After::Close,
    };
    let length = if served.is_endless { String::new() } else { format!("Content-Length: {len}\r\n") };
    let etag = served.etag;
    let head = format!("HTTP/1.1 {status}\r\n{length}ETag: {etag}\r\nConnection: close\r\n\r\n");
    (head, body, after)
}
