//! Arguments and environment, typed, with defaults.

use std::{io::ErrorKind, net::TcpListener, num::NonZeroUsize, path::PathBuf, str::FromStr};

use anyhow::Context;
use clap::Parser;
use sc_model::{Backend, Classifier};
use sc_server::Capacity;

/// Recognises spoken keywords: send it a recording, it answers with the word.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Settings {
    /// Address to listen on; 0.0.0.0 is every address of this machine
    #[arg(long, env = "SC_HOST", default_value = "127.0.0.1")]
    host: String,

    /// Port to listen on; 0 takes any free one
    #[arg(long, env = "SC_PORT", default_value_t = 8000, value_parser = number::<u16>("a port, 0 to 65535"))]
    port: u16,

    /// Trained model to serve [default: the one compiled in]
    #[arg(long, env = "SC_MODEL", value_name = "FILE")]
    model: Option<PathBuf>,

    /// What runs the network
    #[arg(long, env = "SC_BACKEND", default_value_t)]
    backend: Backend,

    /// Largest request accepted, in bytes
    #[arg(
        long, env = "SC_MAX_BYTES", value_name = "BYTES",
        default_value_t = Capacity::default().recording.max_bytes,
        value_parser = number::<usize>("a number of bytes"),
    )]
    max_bytes: usize,

    /// Recordings worked on at once, one thread each
    #[arg(
        long, env = "SC_WORKERS", value_name = "N",
        default_value_t = Capacity::default().workers,
        value_parser = number::<NonZeroUsize>("a number of threads, 1 or more"),
    )]
    workers: NonZeroUsize,

    /// Recordings that may wait for a worker; the next is refused
    #[arg(
        long, env = "SC_QUEUE", value_name = "N",
        default_value_t = Capacity::default().queue,
        value_parser = number::<usize>("a number of recordings, 0 or more"),
    )]
    queue: usize,
}

impl Settings {
    /// Loads the model asked for.
    ///
    /// # Errors
    /// If it cannot be loaded, naming the setting to change.
    pub fn classifier(&self) -> anyhow::Result<Classifier> {
        match &self.model {
            None => Classifier::shipped(self.backend)
                .context("cannot serve the model compiled in: name another with --model (SC_MODEL)"),
            Some(file) => Classifier::load(file, self.backend)
                .with_context(|| format!("cannot serve --model (SC_MODEL) {}", file.display())),
        }
    }

    /// What is served, in words.
    pub fn model(&self) -> String {
        let file = self.model.as_ref();
        file.map_or_else(|| "the model compiled in".into(), |file| file.display().to_string())
    }

    /// Listens where asked.
    ///
    /// # Errors
    /// If that is not possible, naming the setting to change.
    pub fn listener(&self) -> anyhow::Result<TcpListener> {
        let Self { host, port, .. } = self;
        TcpListener::bind((host.as_str(), *port)).map_err(|error| {
            let way_out = match error.kind() {
                ErrorKind::AddrInUse => "stop what listens there, or choose another --port (SC_PORT)",
                ErrorKind::PermissionDenied => "choose a --port (SC_PORT) above 1023",
                _ => "choose an address of this machine as --host (SC_HOST)",
            };
            anyhow::Error::new(error).context(format!("cannot listen on {host}:{port}: {way_out}"))
        })
    }

    /// What one request, and all of them together, may ask.
    pub fn capacity(&self) -> Capacity {
        let mut capacity = Capacity { workers: self.workers, queue: self.queue, ..Capacity::default() };
        capacity.recording.max_bytes = self.max_bytes;
        capacity
    }
}

/// Parses a number, or says what was expected: "invalid digit found in string" helps nobody.
fn number<T: FromStr>(expected: &'static str) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| text.parse().map_err(|_| format!("expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Settings, String> {
        Settings::try_parse_from([&["sc-server"], arguments].concat()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_would_be_right() {
        for (name, value, expected) in [
            ("--port", "65536", "expected a port, 0 to 65535"),
            ("--workers", "0", "expected a number of threads, 1 or more"),
            ("--queue", "-1", "expected a number of recordings, 0 or more"),
            ("--max-bytes", "25MB", "expected a number of bytes"),
        ] {
            let error = parse(&[&format!("{name}={value}")]).unwrap_err();
            assert!(error.contains(name) && error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn settings_reach_the_capacity() {
        let capacity = parse(&["--max-bytes=9", "--workers=3", "--queue=0"]).unwrap().capacity();

        assert_eq!(capacity.recording.max_bytes, 9);
        assert_eq!(capacity.workers.get(), 3);
        assert_eq!(capacity.queue, 0);
    }

    #[test]
    fn a_taken_port_is_named_with_the_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();

        let error = parse(&[&format!("--port={port}")]).unwrap().listener().unwrap_err();

        let expected = format!(
            "cannot listen on 127.0.0.1:{port}: \
             stop what listens there, or choose another --port (SC_PORT)"
        );
        assert_eq!(error.to_string(), expected);
    }
}
