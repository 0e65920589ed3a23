//! The log on stderr, and traces to a collector if the environment names one.

use std::{
    env,
    io::{self, IsTerminal},
};

use anyhow::Context;
use tracing_subscriber::{Layer, Registry, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::LogFormat;

/// The variable that names a collector, as in every `OpenTelemetry` program.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The levels if `RUST_LOG` names none. Of a client's broken head, HTTP's own library would write a line as of an error.
const LEVELS: &str = "info,actix_http=off,actix_server=warn,symphonia=off";

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log at the levels of `RUST_LOG`, or at those that suit an operator: a decoder's warnings about
/// audio are left out, since the client is told them.
///
/// The returned value sends the last spans when it is dropped.
///
/// # Errors
/// If `RUST_LOG` cannot be parsed, or if the collector cannot be used.
pub fn start(format: LogFormat) -> anyhow::Result<Exporter> {
    let levels =
        env::var("RUST_LOG").ok().filter(|levels| !levels.is_empty()).unwrap_or_else(|| LEVELS.into());
    let filter: Targets = levels.parse().with_context(|| {
        format!("RUST_LOG={levels}: expected levels such as `warn` or `info,sc_server=debug`")
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines: Boxed = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let mut layers = vec![lines];
    let exporter = Exporter::start(&mut layers)?;
    tracing_subscriber::registry().with(layers).init();
    Ok(exporter)
}

/// Returns true if the environment names a collector. An empty variable counts as not set.
fn is_set() -> bool {
    env::var_os(ENDPOINT).is_some_and(|endpoint| !endpoint.is_empty())
}

/// Sends spans to the collector, if there is one.
#[cfg(feature = "otel")]
pub struct Exporter(Option<opentelemetry_sdk::trace::SdkTracerProvider>);

#[cfg(feature = "otel")]
impl Exporter {
    fn start(layers: &mut Vec<Boxed>) -> anyhow::Result<Self> {
        use opentelemetry::trace::TracerProvider;
        use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
        use tracing_subscriber::filter::LevelFilter;

        if !is_set() {
            return Ok(Self(None));
        }
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .build()
            .with_context(|| format!("cannot send traces where {ENDPOINT} says"))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(Resource::builder().with_service_name("sc-server").build())
            .build();
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("sc-server"));
        layers.push(spans.with_filter(LevelFilter::INFO).boxed());
        Ok(Self(Some(provider)))
    }
}

#[cfg(feature = "otel")]
impl Drop for Exporter {
    fn drop(&mut self) {
        use std::io::{self, Write};

        if let Some(Err(error)) = self.0.take().map(|provider| provider.shutdown()) {
            let _ = writeln!(io::stderr(), "the last traces could not be sent: {error}");
        }
    }
}

/// Sends nothing: this build has no traces.
#[cfg(not(feature = "otel"))]
pub struct Exporter;

#[cfg(not(feature = "otel"))]
impl Exporter {
    fn start(_: &mut [Boxed]) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !is_set(),
            "{ENDPOINT} is set, but this build sends no traces: build it with --features otel"
        );
        Ok(Self)
    }
}
