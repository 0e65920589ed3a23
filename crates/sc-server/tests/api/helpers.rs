//! A server for each test, and clips to send to it.

use std::{
    f32::consts::TAU,
    io::{self, Cursor},
    net::{SocketAddr, TcpListener},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use actix_web::{dev::ServerHandle, rt::System};
use reqwest::{
    Method,
    blocking::{
        Client, Response,
        multipart::{Form, Part},
    },
};
use sc_data::{Limits, Waveform};
use sc_model::{Backend, Classifier};
use sc_server::{Capacity, Model, ModelSource, Service, run};
pub use sc_test::wav::encode as wav_of;
use serde_json::{Value, json};

/// A server on a free port, stopped when dropped.
pub struct TestServer {
    pub address: SocketAddr,
    client: Client,
    handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl TestServer {
    pub fn start() -> Self {
        Self::with(Capacity::default())
    }

    pub fn with(capacity: Capacity) -> Self {
        Self::serving(Service { capacity, ..service() })
    }

    pub fn serving(service: Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (started, handle) = mpsc::channel();
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let server = run(listener, service)?;
                started.send(server.handle()).unwrap();
                server.await
            })
        });
        let handle = handle.recv().unwrap();
        Self { address, client: client(), handle, thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: Method, path: &str) -> Response {
        self.client.request(method, self.url(path)).send().unwrap()
    }

    pub fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path)
    }

    pub fn get_at(&self, address: SocketAddr, path: &str) -> Response {
        self.client.get(format!("http://{address}{path}")).send().unwrap()
    }

    pub fn get_with(&self, path: &str, header: &str, value: &str) -> Response {
        self.client.get(self.url(path)).header(header, value).send().unwrap()
    }

    /// Posts `clip` as every client should.
    pub fn predict(&self, clip: Vec<u8>) -> Response {
        self.predict_all(vec![clip])
    }

    /// Posts several clips in one form.
    pub fn predict_all(&self, clips: Vec<Vec<u8>>) -> Response {
        let form = clips
            .into_iter()
            .fold(Form::new(), |form, clip| form.part("file", Part::bytes(clip).file_name("word.wav")));
        self.client.post(self.url("/predict")).multipart(form).send().unwrap()
    }

    /// Posts `body` as it is.
    pub fn predict_raw(&self, content_type: &str, body: Vec<u8>) -> Response {
        self.post("/predict", content_type, body)
    }

    /// Posts `body` as it is.
    pub fn post(&self, path: &str, content_type: &str, body: Vec<u8>) -> Response {
        self.client.post(self.url(path)).header("Content-Type", content_type).body(body).send().unwrap()
    }

    /// Posts a clip, and asks for an answer of the media type.
    pub fn post_accepting(&self, path: &str, media_type: &str, clip: Vec<u8>) -> Response {
        let request = self.client.post(self.url(path)).header("Content-Type", "audio/wav");
        request.header("Accept", media_type).body(clip).send().unwrap()
    }

    /// Posts `body` with several headers.
    pub fn post_with_headers(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let request = self.client.post(self.url(path)).body(body);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().unwrap()
    }

    /// Returns a figure of `/metrics`: 0 if it is not there yet.
    pub fn metric(&self, name: &str) -> u32 {
        let text = self.get("/metrics").text().unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Returns how many jobs have waited for a worker.
    pub fn n_waits(&self) -> u32 {
        self.metric("sc_stage_seconds_count{stage=\"queue\"}")
    }

    /// Asks the server to stop; the future it returns only waits.
    pub fn ask_to_stop(&self) {
        drop(self.handle.stop(true));
    }

    /// Waits until the server has stopped.
    pub fn join(mut self) -> io::Result<()> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// A client. Where the workspace builds `reqwest` with TLS, it wants to be told by whom.
pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default(); // fails from the second time on
    Client::new()
}

/// The status and the JSON of an answer.
pub fn read(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().unwrap())
}

/// Returns the body of an error, whose reason the guide has to list.
pub fn error(text: &str, reason: &str) -> Value {
    let guide = include_str!("../../../../docs/src/serve.md");
    let is_listed = |row: &str| row.starts_with("| `") && row.contains(&format!("`{reason}`"));
    assert!(guide.lines().any(is_listed), "the guide does not list {reason}");
    json!({ "error": text, "reason": reason })
}

/// The model compiled in, for all.
pub fn service() -> Service {
    Service::new(Model::load(ModelSource { file: None, words: None, backend: Backend::Native }).unwrap())
}

pub fn classifier() -> Classifier {
    Classifier::shipped(Backend::Native).unwrap()
}

/// Returns the answer of the library to `clip`, as the server should send it.
pub fn answer(classifier: &Classifier, clip: &[u8]) -> Value {
    let waveform = Waveform::decode(clip, &Limits::default()).unwrap();
    let mut prediction = classifier.classify(&waveform);
    prediction.predictions.truncate(5);
    // Through text, so that floats are as wide as those that come over the wire.
    serde_json::from_str(&serde_json::to_string(&prediction).unwrap()).unwrap()
}

/// *yes*, a second as WAV, spoken by a synthesiser.
pub fn word() -> Cursor<Vec<u8>> {
    Cursor::new(include_bytes!("../../../sc-data/tests/media/word.wav").to_vec())
}

/// A 16-bit mono WAV file of a tone with harmonics, which swells and fades like a syllable.
pub fn wav(pitch_hz: f32, seconds: f32, rate_hz: u32) -> Vec<u8> {
    let n_samples = (seconds * rate_hz as f32) as u32;
    let sample = |index: u32| {
        let phase = TAU * pitch_hz * index as f32 / rate_hz as f32;
        let swell = (TAU / 2.0 * index as f32 / n_samples as f32).sin();
        let voice = phase.sin() + (2.0 * phase).sin() / 2.0 + (3.0 * phase).sin() / 3.0;
        (8_000.0 * swell * voice) as i16
    };
    wav_of(&(0..n_samples).map(sample).collect::<Vec<_>>(), rate_hz)
}
