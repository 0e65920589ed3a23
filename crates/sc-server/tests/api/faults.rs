//! Stops, reloads, kills and full disks under load: what was accepted is answered, and what was confirmed is kept.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use reqwest::Method;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject},
};
use sc_model::Record;
use sc_server::{Certificate, Service};

use crate::{
    helpers::{TestServer, client, service, wav, word},
    limits::{head, read_answer},
    program::Program,
    words::{five, put_at},
};

/// Asks for something again and again while `act` runs, on so many threads. Returns the number of answers.
pub fn under_load(n_clients: usize, ask: impl Fn() + Sync, act: impl FnOnce()) -> usize {
    let (is_over, n_answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let client = || {
        while !is_over.load(Ordering::Relaxed) {
            ask();
            n_answers.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..n_clients).map(|_| scope.spawn(client)).collect();
        while n_answers.load(Ordering::Relaxed) < n_clients {
            assert!(clients.iter().all(|client| !client.is_finished()), "a client has failed");
            thread::sleep(Duration::from_millis(5));
        }
        let _over = SetOnDrop(&is_over); // also if `act` fails: its message is lost in a test that does not end
        act();
    });
    n_answers.into_inner()
}

/// Sets a mark when it is dropped.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_hundred_reloads_under_load_lose_no_answer() {
    let server = TestServer::start();
    let ask = || assert_eq!(server.predict(word().into_inner()).status(), 200);
    under_load(3, ask, || {
        for reload in 0..100 {
            assert_eq!(server.request(Method::POST, "/admin/reload").status(), 200, "{reload}");
        }
    });
}

/// Sends a clip on a connection of its own, and returns what comes back before it ends.
fn ask_once(program: &Program, clip: &[u8]) -> Option<String> {
    let mut connection = TcpStream::connect(program.address).ok()?;
    connection.write_all(&[head(clip.len()).as_bytes(), clip].concat()).ok()?;
    let _ = connection.shutdown(Shutdown::Write);
    let mut answer = String::new();
    let _ = connection.read_to_string(&mut answer); // a connection that was not accepted is reset
    Some(answer)
}

#[cfg(unix)]
#[test]
fn a_stop_under_load_answers_all_that_has_begun() {
    let program = Program::start(&[]);
    let clip = wav(200.0, 1.0, 16_000);
    let (first, second) = clip.split_at(clip.len() / 2);
    let mut begun: Vec<_> = (0..50).map(|_| TcpStream::connect(program.address).unwrap()).collect();
    for connection in &mut begun {
        connection.write_all(&[head(clip.len()).as_bytes(), first].concat()).unwrap();
    }
    let ask = || {
        let answer = ask_once(&program, &clip).unwrap_or_default();
        let is_whole = answer.starts_with("HTTP/1.1 200 ") && answer.ends_with('}');
        assert!(is_whole || answer.is_empty(), "half an answer: {answer}");
    };
    under_load(3, ask, || {
        program.signal("TERM");
        thread::sleep(Duration::from_millis(300)); // until it has heard that
        for connection in &mut begun {
            connection.write_all(second).unwrap();
            let (head, _) = read_answer(connection);
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        }
    });
    drop(begun);
    assert!(program.join().success());
}

#[cfg(target_os = "linux")]
#[test]
fn without_descriptors_the_connections_that_are_open_go_on_and_others_follow_once_there_are_some() {
    let program = Program::start_within("-n 128", &[]);
    let mut open = TcpStream::connect(program.address).unwrap();
    let mut ask = || {
        open.write_all(b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        read_answer(&mut open).0.starts_with("HTTP/1.1 200 ")
    };
    assert!(ask());
    let greedy: Vec<_> = (0..200).map(|_| TcpStream::connect(program.address).unwrap()).collect();
    thread::sleep(Duration::from_secs(1)); // until it has run out of them
    assert!(ask(), "an open connection is not answered");
    drop(greedy);
    assert!(ask_once(&program, &wav(200.0, 1.0, 16_000)).unwrap().starts_with("HTTP/1.1 200 "));
}

#[cfg(unix)]
#[test]
fn a_word_that_was_confirmed_outlives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("words.safetensors");
    for round in 0..4_u64 {
        let program = Program::start(&["--teach".as_ref(), file.as_os_str()]);
        let [lamp, bell] = ["/words/lamp", "/words/bell"].map(|path| program.url(path));
        let is_taught = round % 2 == 0;
        if is_taught {
            assert_eq!(put_at(&lamp, five("stop")).unwrap().0, 200);
        } else {
            assert_eq!(client().delete(&lamp).send().unwrap().status(), 204);
        }
        thread::scope(|scope| {
            // Writes the file again and again.
            scope.spawn(|| {
                while put_at(&bell, five("no")).is_some() && client().delete(&bell).send().is_ok() {}
            });
            thread::sleep(Duration::from_millis(50 + 70 * round));
            program.signal("KILL");
        });
        let labels = Record::load(&file).unwrap().header.labels;
        assert_eq!(labels.names().iter().any(|name| name == "lamp"), is_taught, "round {round}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_refuses_a_word_and_the_server_goes_on_answering() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("words.safetensors");
    Record::shipped().unwrap().save(&file).unwrap();
    let before = fs::read(&file).unwrap();
    let program = Program::start_within("-f 100", &["--teach".as_ref(), file.as_os_str()]);

    let (status, refused) = put_at(&program.url("/words/lamp"), five("stop")).unwrap();

    assert_eq!(status, 507, "{refused}");
    assert!(refused["error"].as_str().unwrap().contains("the words stay as they were"), "{refused}");
    assert!(fs::read(&file).unwrap() == before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "half a file is left");
    assert!(ask_once(&program, word().get_ref()).unwrap().starts_with("HTTP/1.1 200 "));
}

/// Returns the path of a certificate for `localhost`, or of its key. They are of no use but for these tests.
fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/certificates").join(name)
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(pem(name)).unwrap()
}

/// A client that trusts this certificate alone.
fn connect(
    server: &TestServer,
    trusted: &CertificateDer<'static>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    StreamOwned::new(connection, TcpStream::connect(server.address).unwrap())
}

/// Sends a clip, and returns true if it is answered.
fn is_answered(connection: &mut (impl Read + Write), clip: &[u8]) -> bool {
    let request = [head(clip.len()).as_bytes(), clip].concat();
    connection.write_all(&request).is_ok() && read_answer(connection).0.starts_with("HTTP/1.1 200 ")
}

#[test]
fn a_certificate_is_replaced_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| dir.path().join(name));
    let put = |name: &str, path: &Path| fs::copy(pem(name), path).unwrap();
    put("old.pem", &chain);
    put("old.key", &key);
    let [old, new] = ["old.pem", "new.pem"].map(certificate);
    let certificate = Arc::new(Certificate::load(chain.clone(), key.clone()).unwrap());
    let server = TestServer::serving(Service { certificate: Some(Arc::clone(&certificate)), ..service() });
    let open = Mutex::new(connect(&server, &old));
    let clip = word().into_inner();
    let ask_anew = |trusted: &CertificateDer<'static>| is_answered(&mut connect(&server, trusted), &clip);
    let ask_open = || assert!(is_answered(&mut *open.lock().unwrap(), &clip));
    ask_open();
    assert!(ask_anew(&old));

    put("new.key", &key); // half replaced: a key of another certificate
    certificate.reload().unwrap_err();
    assert!(ask_anew(&old), "the certificate has gone with a failed reload");

    put("new.pem", &chain);
    under_load(2, ask_open, || {
        for _ in 0..20 {
            certificate.reload().unwrap();
            assert!(ask_anew(&new));
        }
    });
    assert!(connect(&server, &old).write_all(b"GET").is_err(), "the old certificate is still shown");
}

#[test]
fn silent_connections_keep_nobody_from_a_handshake() {
    let certificate = Certificate::load(pem("old.pem"), pem("old.key")).unwrap();
    let server = TestServer::serving(Service { certificate: Some(certificate.into()), ..service() });
    // More than two threads of actix-tls would shake hands with at once, without a bound of ours.
    let silent: Vec<_> = (0..600).map(|_| TcpStream::connect(server.address).unwrap()).collect();

    assert!(is_answered(&mut connect(&server, &self::certificate("old.pem")), word().get_ref()));

    // The server closes them after 3 s: nobody had to wait for that.
    silent[0].set_nonblocking(true).unwrap();
    assert_eq!((&silent[0]).read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}
