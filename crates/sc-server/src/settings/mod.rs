//! The settings, from flags, environment and one file, typed and with defaults.

mod environment;
mod file;

use std::{
    ffi::OsString,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    num::{NonZeroU16, NonZeroU32, NonZeroUsize},
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use actix_web::http::uri::Authority;
use anyhow::{Context, bail};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use sc_data::Aside;
use sc_model::Backend;
use sc_server::{Access, ApiKey, Capacity, Certificate, MODEL_NAME, Model, ModelSource, Service, paths};
use serde::{Serialize, Serializer};

use crate::healthcheck::Target;
use environment::without_empty;
use file::{config_file, with_defaults_of, with_port};

/// Recognises spoken keywords: it takes a recording and answers with the word.
#[derive(Debug, Parser, Serialize)]
#[command(
    version,
    after_help = "Each setting comes from its flag, else from its variable, else from the file, else it is the default shown here."
)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    #[command(subcommand)]
    #[serde(skip)]
    command: Option<Subcommands>,

    /// Read settings from a TOML file, named as the flags but without dashes before them
    #[arg(long, env = "SC_CONFIG", value_name = "FILE", global = true)]
    #[serde(skip)]
    config: Option<PathBuf>,

    /// Print the settings as such a file, and exit
    #[arg(long)]
    #[serde(skip)]
    pub print_config: bool,

    /// Address to listen on; 0.0.0.0 is all addresses of this machine
    #[arg(long, env = "SC_HOST", default_value = "127.0.0.1", global = true)]
    host: String,

    /// Port to listen on; 0 takes any free one
    #[arg(
        long, env = "SC_PORT", default_value_t = 8000, global = true,
        value_parser = number::<u16>("a port, 0 to 65535"),
    )]
    port: u16,

    /// Serve /metrics and /admin on this port, and on no other
    #[arg(long, env = "SC_ADMIN_PORT", value_name = "PORT", value_parser = fixed_port, global = true)]
    admin_port: Option<NonZeroU16>,

    /// Serve the Open Inference Protocol over gRPC on this port
    #[arg(
        long, env = "SC_GRPC_PORT", value_name = "PORT",
        hide = !cfg!(feature = "grpc"),
        value_parser = grpc_port,
    )]
    grpc_port: Option<NonZeroU16>,

    /// Trained model to serve [default: the one compiled in]
    #[arg(long, env = "SC_MODEL", value_name = "FILE")]
    model: Option<PathBuf>,

    /// Let clients teach words, and keep them in this file, a model that takes the place of --model once it is there
    #[arg(long, env = "SC_TEACH", value_name = "FILE")]
    teach: Option<PathBuf>,

    /// Name of the model under /v2/models
    #[arg(long, env = "SC_MODEL_NAME", value_name = "NAME", default_value = MODEL_NAME)]
    model_name: String,

    /// Backend that runs the network: native, native-int8 (eight bits, where the processor has instructions for it), or another
    /// that is built in
    #[arg(long, env = "SC_BACKEND", default_value_t)]
    #[serde(serialize_with = "as_text")]
    backend: Backend,

    /// Largest request accepted, in bytes
    #[arg(
        long, env = "SC_MAX_BYTES", value_name = "BYTES",
        default_value_t = Capacity::default().audio.max_bytes,
        value_parser = positive::<usize>("a number of bytes, 1 or more"),
    )]
    max_bytes: usize,

    /// Longest recording accepted, in seconds
    #[arg(
        long, env = "SC_MAX_SECONDS", value_name = "S",
        default_value_t = Capacity::default().audio.max_seconds,
        value_parser = positive::<u32>("a number of seconds, 1 or more"),
    )]
    max_seconds: u32,

    /// Recordings processed at once, one thread each; live streams have as many threads of their own
    #[arg(
        long, env = "SC_WORKERS", value_name = "N",
        default_value_t = Capacity::default().workers,
        value_parser = workers,
    )]
    workers: NonZeroUsize,

    /// Recordings that may wait for a worker, of which one client gets about half; the next is refused
    #[arg(
        long, env = "SC_QUEUE", value_name = "N",
        default_value_t = Capacity::default().queue,
        value_parser = number::<usize>("a number of recordings, 0 or more"),
    )]
    queue: usize,

    /// Live streams at once, of which one client gets about half; the next is refused [default: 250 for each worker]
    #[arg(
        long, env = "SC_STREAMS", value_name = "N",
        value_parser = number::<usize>("a number of streams, 0 or more"),
    )]
    streams: Option<usize>,

    /// Time for a request from the end of its body to its answer, in seconds
    #[arg(
        long, env = "SC_DEADLINE", value_name = "S",
        default_value_t = Capacity::default().deadline.as_secs(),
        value_parser = positive::<u64>("a number of seconds, 1 or more"),
    )]
    deadline: u64,

    /// Time to go on answering, but no longer ready, once told to stop, in seconds
    #[arg(long, env = "SC_DRAIN", value_name = "S", default_value_t = 0, value_parser = number::<u64>("a number of seconds"))]
    pub drain: u64,

    /// Recognise and teach only for clients with a key of this SHA-256; may be given several times
    #[arg(
        long = "api-key", env = "SC_API_KEYS", value_name = "SHA256", value_delimiter = ',',
        value_parser = listed(str::parse::<ApiKey>),
    )]
    #[serde(rename = "api-key", serialize_with = "as_texts")]
    api_keys: Vec<Option<ApiKey>>,

    /// Requests a second that are allowed to each key, and without a known key to each address
    #[arg(long, env = "SC_RATE_LIMIT", value_name = "N", value_parser = number::<NonZeroU32>("a number of requests, 1 or more"))]
    rate_limit: Option<NonZeroU32>,

    /// Allow requests by pages of this origin, such as <https://example.org>; may be given several times
    #[arg(
        long = "allow-origin", env = "SC_ALLOW_ORIGINS", value_name = "ORIGIN", value_delimiter = ',',
        value_parser = listed(origin),
    )]
    #[serde(rename = "allow-origin", serialize_with = "as_texts")]
    allow_origins: Vec<Option<String>>,

    /// Serve https with this certificate chain, in PEM; SIGHUP reads it again
    #[arg(long, env = "SC_TLS_CERT", value_name = "FILE", global = true)]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key, in PEM
    #[arg(long, env = "SC_TLS_KEY", value_name = "FILE", global = true)]
    tls_key: Option<PathBuf>,

    /// Format of the log
    #[arg(long, env = "SC_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Ask a running server if it is ready; the exit status is 1 if it is not
    Healthcheck {
        /// URL to ask [default: /health/ready of the server with these settings]
        url: Option<Target>,
    },
}

/// Format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line for each event, for people.
    #[default]
    Text,
    /// One JSON object for each event, for programs.
    Json,
}

impl Settings {
    /// Reads the arguments, the environment, and the file that one of them names.
    ///
    /// # Errors
    /// If the file cannot be used, or if a variable is like a setting and is none. A wrong argument ends the program with its
    /// name and what would be right.
    pub fn read() -> anyhow::Result<Self> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let command = match config_file(&arguments) {
            Some(file) => with_defaults_of(Self::command(), &file)?,
            None => Self::command(),
        };
        let command = without_empty(with_port(command, std::env::var("PORT").ok()));
        let matches = command.get_matches_from(arguments);
        environment::check(&Self::command(), &environment::names())?;
        Self::from_arg_matches(&matches).map_err(|error| error.exit())
    }

    /// Returns the address to ask for its health, if the command is `healthcheck`.
    ///
    /// # Errors
    /// If the server of these settings speaks only https.
    pub fn healthcheck(&self) -> anyhow::Result<Option<Target>> {
        let Some(Subcommands::Healthcheck { url }) = &self.command else { return Ok(None) };
        if url.is_some() {
            return Ok(url.clone());
        }
        let host = match self.host.as_str() {
            "0.0.0.0" | "::" => "127.0.0.1",
            host => host,
        };
        let port = match (&self.tls_cert, self.admin_port) {
            (None, _) => self.port,
            // The port for operators speaks no TLS.
            (Some(_), Some(port)) => port.get(),
            (Some(_), None) => bail!(
                "cannot ask over https: give the server an --admin-port (SC_ADMIN_PORT), which answers over http"
            ),
        };
        Ok(Some(Target { host: host.into(), port, path: paths::HEALTH_READY.into() }))
    }

    /// Writes the settings as a file that `--config` reads.
    ///
    /// # Errors
    /// If a setting cannot be written as TOML, or if no key is among those that are set.
    pub fn to_toml(&self) -> anyhow::Result<String> {
        self.keys()?;
        Ok(toml::to_string_pretty(self)?)
    }

    /// Makes the service of these settings.
    ///
    /// # Errors
    /// If the model or the certificate cannot be loaded, if a port cannot be used, or if no key is among those that are
    /// set. The error names the setting to change.
    pub fn service(&self) -> anyhow::Result<Service> {
        Ok(Service {
            name: self.model_name.clone(),
            capacity: self.capacity(),
            access: Access::new(self.keys()?, self.rate_limit, given(&self.allow_origins)),
            certificate: self.certificate()?,
            admin: self.admin_port.map(|port| listen(&self.host, port.get(), "admin-port")).transpose()?,
            #[cfg(feature = "grpc")]
            grpc: self.grpc()?,
            ..Service::new(self.model()?)
        })
    }

    #[cfg(feature = "grpc")]
    fn grpc(&self) -> anyhow::Result<Option<TcpListener>> {
        if self.grpc_port.is_some() && self.tls_cert.is_some() {
            bail!(
                "--grpc-port (SC_GRPC_PORT) speaks no TLS: serve it without --tls-cert, behind a proxy that has one"
            );
        }
        self.grpc_port.map(|port| listen(&self.host, port.get(), "grpc-port")).transpose()
    }

    /// Listens on the host and port of these settings.
    ///
    /// # Errors
    /// If that is not possible. The error names the setting to change.
    pub fn listener(&self) -> anyhow::Result<TcpListener> {
        listen(&self.host, self.port, "port")
    }

    /// Returns what an operator may not expect of a server with these settings that listens at `address`.
    pub fn warnings(&self, address: SocketAddr) -> Vec<String> {
        let mut warnings = Vec::new();
        let Some(words) = &self.teach else { return warnings };
        if self.api_keys.is_empty() && !address.ip().to_canonical().is_loopback() {
            warnings.push(format!(
                "no --api-key (SC_API_KEYS) is set: whoever reaches {address} may teach words and delete them"
            ));
        }
        let is_other =
            |model: &&PathBuf| words.exists() && model.canonicalize().ok() != words.canonicalize().ok();
        if let Some(model) = self.model.as_ref().filter(is_other) {
            warnings.push(format!(
                "--model (SC_MODEL) {} is not read: {} holds the model that its words were taught to",
                model.display(),
                words.display()
            ));
        }
        warnings
    }

    /// Returns the keys. A list of none but empty ones is a mistake, which would let everyone in.
    fn keys(&self) -> anyhow::Result<Vec<ApiKey>> {
        let keys = given(&self.api_keys);
        if keys.is_empty() && !self.api_keys.is_empty() {
            bail!("--api-key (SC_API_KEYS) is set, but holds no key");
        }
        Ok(keys)
    }

    fn model(&self) -> anyhow::Result<Model> {
        self.check_teach()?;
        let source =
            ModelSource { file: self.model.clone(), words: self.teach.clone(), backend: self.backend };
        Model::load(source).with_context(|| match &self.model {
            _ if self.teach.as_ref().is_some_and(|file| file.exists()) => "cannot serve --teach (SC_TEACH)",
            None => "cannot serve the model compiled in: name another with --model (SC_MODEL)",
            Some(_) => "cannot serve --model (SC_MODEL)",
        })
    }

    /// Tries to write the file of taught words: the first word would be too late to say that it cannot be written.
    fn check_teach(&self) -> anyhow::Result<()> {
        let Some(file) = &self.teach else { return Ok(()) };
        Aside::create(file).map(drop).with_context(|| {
            format!(
                "cannot keep words in --teach (SC_TEACH) {}: its folder must be there and writable",
                file.display()
            )
        })
    }

    fn certificate(&self) -> anyhow::Result<Option<Arc<Certificate>>> {
        let (chain, key) = match (&self.tls_cert, &self.tls_key) {
            (Some(chain), Some(key)) => (chain, key),
            (None, None) => return Ok(None),
            _ => bail!("give --tls-cert (SC_TLS_CERT) and --tls-key (SC_TLS_KEY) together, or neither"),
        };
        let certificate = Certificate::load(chain.clone(), key.clone())
            .context("cannot serve https with --tls-cert (SC_TLS_CERT) and --tls-key (SC_TLS_KEY)")?;
        Ok(Some(Arc::new(certificate)))
    }

    fn capacity(&self) -> Capacity {
        let usual = Capacity::of(self.workers);
        let mut capacity = Capacity {
            queue: self.queue,
            streams: self.streams.unwrap_or(usual.streams),
            deadline: Duration::from_secs(self.deadline),
            ..usual
        };
        capacity.audio.max_bytes = self.max_bytes;
        capacity.audio.max_seconds = self.max_seconds;
        capacity
    }
}

fn listen(host: &str, port: u16, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind((host, port)).map_err(|error| {
        let variable = format!("SC_{}", setting.replace('-', "_").to_uppercase());
        let way_out = match error.kind() {
            ErrorKind::AddrInUse => {
                format!("stop what listens there, or choose another --{setting} ({variable})")
            }
            ErrorKind::PermissionDenied => format!("choose a --{setting} ({variable}) above 1023"),
            _ => "choose an address of this machine as --host (SC_HOST)".into(),
        };
        anyhow::Error::new(error).context(format!("cannot listen on {host}:{port}: {way_out}"))
    })
}

/// Makes a parser of numbers whose error says what was expected: "invalid digit found in string" does not help.
fn number<T: FromStr>(expected: &'static str) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| text.parse().map_err(|_| format!("expected {expected}"))
}

/// Does the same for numbers above 0.
fn positive<T: FromStr + Default + PartialOrd>(
    expected: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse::<T>().ok().filter(|number| *number > T::default());
        number.ok_or_else(|| format!("expected {expected}"))
    }
}

/// Makes a parser of one value of a list, which may be empty, and have spaces or the end of a line around it.
fn listed<T>(
    parse: impl Fn(&str) -> Result<T, String> + Clone,
) -> impl Fn(&str) -> Result<Option<T>, String> + Clone {
    move |text| match text.trim() {
        "" => Ok(None),
        text => parse(text).map(Some),
    }
}

/// Returns the values of a list that are not empty.
fn given<T: Clone>(values: &[Option<T>]) -> Vec<T> {
    values.iter().flatten().cloned().collect()
}

/// Parses the number of a port. Nobody would be told which free one is taken for 0.
fn fixed_port(text: &str) -> Result<NonZeroU16, String> {
    number("a port, 1 to 65535")(text)
}

/// Parses the port for gRPC, if it can be served.
fn grpc_port(text: &str) -> Result<NonZeroU16, String> {
    if cfg!(feature = "grpc") {
        return fixed_port(text);
    }
    Err("this program was built without gRPC: build it with --features grpc, or take the image".into())
}

/// Parses a number of threads: more than any system has are a mistake.
fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let workers = text.parse::<NonZeroU16>().map_err(|_| "expected a number of threads, 1 to 65535")?;
    Ok(workers.into())
}

/// Parses an origin, a scheme and a host, and returns it as browsers send it: in small letters, without the usual port.
fn origin(text: &str) -> Result<String, String> {
    let text = text.to_lowercase();
    let (scheme, host, usual_port) = match text.split_once("://") {
        Some(("https", host)) => ("https", host, ":443"),
        Some(("http", host)) => ("http", host, ":80"),
        _ => return Err("expected an origin such as https://example.org".into()),
    };
    let host = host.strip_suffix(usual_port).unwrap_or(host);
    let is_host = host.parse::<Authority>().is_ok() && !host.contains(['@', '*']);
    is_host.then(|| format!("{scheme}://{host}")).ok_or_else(|| {
        "expected a host behind the scheme, and no more, as in https://example.org; one that is not ASCII as browsers send it: xn--…".into()
    })
}

fn as_text<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

fn as_texts<S: Serializer>(values: &[Option<impl ToString>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().flatten().map(ToString::to_string))
}

#[cfg(test)]
pub mod tests {
    use super::file::tests::parse_with;
    use super::*;

    pub fn parse(arguments: &[&str]) -> Result<Settings, String> {
        Settings::try_parse_from([&["sc-server"], arguments].concat()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_would_be_right() {
        let grpc_port =
            if cfg!(feature = "grpc") { "expected a port, 1 to 65535" } else { "--features grpc" };
        for (name, value, expected) in [
            ("--port", "65536", "expected a port, 0 to 65535"),
            ("--admin-port", "0", "expected a port, 1 to 65535"),
            ("--grpc-port", "0", grpc_port),
            ("--workers", "0", "expected a number of threads, 1 to 65535"),
            ("--workers", "18446744073709551615", "expected a number of threads, 1 to 65535"),
            ("--queue", "-1", "expected a number of recordings, 0 or more"),
            ("--max-bytes", "25MB", "expected a number of bytes"),
            ("--max-bytes", "0", "expected a number of bytes, 1 or more"),
            ("--max-seconds", "0", "expected a number of seconds, 1 or more"),
            ("--deadline", "0", "expected a number of seconds, 1 or more"),
            ("--rate-limit", "0", "expected a number of requests, 1 or more"),
            ("--api-key", "secret", "expected the SHA-256 of a key"),
            ("--allow-origin", "example.org", "expected an origin such as https://example.org"),
            ("--allow-origin", "https://*.example.org", "expected a host behind the scheme, and no more"),
            ("--allow-origin", "https://me@example.org", "expected a host behind the scheme, and no more"),
            ("--allow-origin", "https://example.org/page", "expected a host behind the scheme, and no more"),
            ("--allow-origin", "https://приклад.укр", "as browsers send it: xn--"),
            ("--allow-origin", "http://a b", "expected a host behind the scheme, and no more"),
        ] {
            let error = parse(&[&format!("{name}={value}")]).unwrap_err();
            assert!(error.contains(name) && error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn origins_are_as_browsers_send_them() {
        let origins = ["https://Example.org:443", "http://localhost:8080", "http://[::1]:80"];
        let settings =
            parse(&origins.map(|origin| format!("--allow-origin={origin}")).each_ref().map(String::as_str));
        assert_eq!(
            given(&settings.unwrap().allow_origins),
            ["https://example.org", "http://localhost:8080", "http://[::1]"]
        );
    }

    #[test]
    fn what_is_around_and_between_the_values_of_a_list_is_passed_over() {
        let [one, other] = ["0", "1"].map(|digit| digit.repeat(64));
        let keys = format!("--api-key= {one}, {other}\n,");
        let settings = parse(&[&keys, "--allow-origin=http://a, http://b,"]).unwrap();

        let keys: Vec<_> = settings.keys().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(keys, [one, other]);
        assert_eq!(given(&settings.allow_origins), ["http://a", "http://b"]);
    }

    #[test]
    fn a_list_of_keys_without_one_does_not_let_everyone_in() {
        for nothing in ["--api-key=", "--api-key= , "] {
            let error = parse(&[nothing]).unwrap().service().err().unwrap().to_string();
            assert_eq!(error, "--api-key (SC_API_KEYS) is set, but holds no key");
        }
    }

    #[test]
    fn an_operator_is_warned_of_a_server_that_anyone_may_teach() {
        let key = format!("--api-key={}", "0".repeat(64));
        let warned = |arguments: &[&str], address: &str| {
            parse(arguments).unwrap().warnings(address.parse().unwrap()).concat()
        };
        let expected =
            "no --api-key (SC_API_KEYS) is set: whoever reaches 0.0.0.0:80 may teach words and delete them";
        assert_eq!(warned(&["--teach=no/such/file"], "0.0.0.0:80"), expected);
        assert_eq!(warned(&["--teach=no/such/file"], "127.0.0.1:80"), "");
        assert_eq!(warned(&["--teach=no/such/file", &key], "0.0.0.0:80"), "");
        assert_eq!(warned(&[], "0.0.0.0:80"), "");
    }

    #[test]
    fn an_operator_is_warned_of_a_model_that_is_not_read() {
        let words = tempfile::NamedTempFile::new().unwrap();
        let teach = format!("--teach={}", words.path().display());
        let warned = |teach: &str| {
            let settings = parse(&["--model=other.safetensors", teach]).unwrap();
            settings.warnings(([127, 0, 0, 1], 80).into()).concat()
        };
        let warning = warned(&teach);
        assert!(warning.starts_with("--model (SC_MODEL) other.safetensors is not read: "), "{warning}");
        assert_eq!(warned("--teach=no/such/file"), "");
    }

    #[test]
    fn settings_reach_the_capacity() {
        let capacity =
            parse(&["--max-bytes=9", "--workers=3", "--queue=0", "--deadline=2"]).unwrap().capacity();

        assert_eq!(capacity.audio.max_bytes, 9);
        assert_eq!((capacity.workers.get(), capacity.streams), (3, 750));
        assert_eq!(capacity.queue, 0);
        assert_eq!(capacity.deadline, Duration::from_secs(2));
    }

    #[test]
    fn a_healthcheck_asks_the_server_of_these_settings_unless_told_whom() {
        let asked = |arguments: &[&str]| {
            parse(arguments).unwrap().healthcheck().unwrap().map(|target| target.to_string())
        };

        assert_eq!(asked(&[]), None);
        let [host, port] = ["--host=0.0.0.0", "--port=81"];
        for own in [[host, port, "healthcheck"], ["healthcheck", host, port]] {
            assert_eq!(asked(&own).as_deref(), Some("http://127.0.0.1:81/health/ready"));
        }
        let other = asked(&["healthcheck", "http://10.0.0.1:8000/health"]);
        assert_eq!(other.as_deref(), Some("http://10.0.0.1:8000/health"));
        let [cert, key, port] = ["--tls-cert=c", "--tls-key=k", "--admin-port=82"];
        for over_http in [[cert, key, port, "healthcheck"], ["healthcheck", cert, key, port]] {
            assert_eq!(asked(&over_http).as_deref(), Some("http://127.0.0.1:82/health/ready"));
        }
        let refused = parse(&["--tls-cert=c", "--tls-key=k", "healthcheck"]).unwrap().healthcheck();
        assert!(refused.unwrap_err().to_string().contains("--admin-port"));
    }

    #[test]
    fn a_certificate_without_its_key_is_no_plain_http() {
        let from_file = parse_with("tls-cert = \"c.pem\"", &[]).unwrap();
        let alone = parse(&["--tls-key=k.pem"]).unwrap();
        for settings in [from_file, alone] {
            let error = settings.certificate().err().unwrap().to_string();
            assert!(error.contains("together"), "{error}");
        }
    }

    #[test]
    fn a_file_of_words_that_could_not_be_written_stops_the_start() {
        let error =
            parse(&["--teach=no/such/folder/w.safetensors"]).unwrap().service().err().unwrap().to_string();
        let expected = "cannot keep words in --teach (SC_TEACH) no/such/folder/w.safetensors: ";
        assert!(error.starts_with(expected), "{error}");
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
