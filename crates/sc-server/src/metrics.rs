//! Counters and times of the server, for Prometheus.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector, exponential_buckets, process_collector::ProcessCollector,
};

use crate::error::ApiError;

/// A part of the work on audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A recording's wait for a worker.
    Queue,
    /// The wait of a piece of live sound for a worker.
    LiveQueue,
    /// Bytes to 16 kHz samples.
    Decode,
    /// Samples to log-mel features.
    Features,
    /// Features to logits.
    Network,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::LiveQueue => "live_queue",
            Self::Decode => "decode",
            Self::Features => "features",
            Self::Network => "network",
        }
    }
}

/// Counters, gauges and histograms, and the registry that prints them.
pub struct Metrics {
    registry: Registry,
    /// Held while the text is written.
    writing: Mutex<()>,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    stage_seconds: HistogramVec,
    predictions: IntCounterVec,
    rejected: IntCounterVec,
    queue_length: IntGauge,
    streams: IntGauge,
    taught_words: IntGauge,
    model_info: IntGaugeVec,
}

/// Values at the moment of a scrape.
#[derive(Default)]
pub struct Snapshot<'a> {
    /// Jobs that wait for a worker.
    pub n_waiting: usize,
    /// Live streams.
    pub n_streams: usize,
    /// Words that were taught.
    pub n_taught: usize,
    /// Digest of the current model's record, taught words included.
    pub model_digest: &'a str,
    /// Digest of the data that the current model was trained on.
    pub data_digest: &'a str,
    /// Epoch of its training that was kept.
    pub epoch: usize,
}

impl Metrics {
    /// Makes all metrics. A series with labels begins when it is first counted, but for the refusals of a full queue.
    ///
    /// # Panics
    /// Never: the names and labels below are valid and differ.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauge = |name: &str, help: &str| register(&registry, IntGauge::new(name, help));
        let histogram = |name: &str, help: &str, label: &str| {
            // 50 µs to 13 s by factors of two: a clip takes about a millisecond, a minute of sound a hundred.
            let buckets = exponential_buckets(50e-6, 2.0, 19).expect("a start above 0");
            let options = HistogramOpts::new(name, help).buckets(buckets);
            register(&registry, HistogramVec::new(options, &[label]))
        };
        let metrics = Self {
            requests: counter("sc_http_requests_total", "Requests answered.", &["route", "status"]),
            request_seconds: histogram(
                "sc_http_request_seconds",
                "From a request's head to its answer.",
                "route",
            ),
            stage_seconds: histogram("sc_stage_seconds", "Parts of the work on recordings.", "stage"),
            predictions: counter("sc_predictions_total", "Answers by label.", &["label", "accepted"]),
            rejected: counter(
                "sc_rejected_total",
                "Requests, recordings of a list, event streams and live streams that got an error, by reason.",
                &["reason"],
            ),
            queue_length: gauge("sc_queue_length", "Recordings that wait for a worker."),
            streams: gauge("sc_streams", "Live streams."),
            taught_words: gauge("sc_taught_words", "Words that clients have taught."),
            model_info: register(
                &registry,
                IntGaugeVec::new(
                    Opts::new("sc_model_info", "The model that answers: 1 for the current one."),
                    &["model_digest", "data_digest", "epoch", "version"],
                ),
            ),
            registry,
            writing: Mutex::default(),
        };
        // Of a series that begins with its first count, that count is no increase: a first full queue would not be seen.
        metrics.rejected.with_label_values(&[ApiError::Busy { why: "", wait_s: 1 }.reason()]);
        let process = Box::new(ProcessCollector::for_self());
        metrics.registry.register(process).expect("names of its own");
        metrics
    }

    /// Notes how long a part of the work took.
    pub fn took(&self, phase: Phase, time: Duration) {
        self.stage_seconds.with_label_values(&[phase.name()]).observe(time.as_secs_f64());
    }

    /// Counts an answered request.
    pub fn answered(&self, route: &str, status: u16, time: Duration) {
        self.requests.with_label_values(&[route, &status.to_string()]).inc();
        self.request_seconds.with_label_values(&[route]).observe(time.as_secs_f64());
    }

    /// Counts a refusal: of a request, of one recording of several, or of events or a live stream that have begun.
    pub fn rejected(&self, reason: &str) {
        self.rejected.with_label_values(&[reason]).inc();
    }

    /// Counts a label that was given as an answer.
    pub fn predicted(&self, label: &str, accepted: bool) {
        let accepted = if accepted { "true" } else { "false" };
        self.predictions.with_label_values(&[label, accepted]).inc();
    }

    /// Writes Prometheus's text format: all that was counted, and `now`.
    ///
    /// # Errors
    /// If a metric cannot be encoded.
    pub fn to_text(&self, now: &Snapshot) -> prometheus::Result<String> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner); // each has its own `now`
        self.queue_length.set(now.n_waiting as i64);
        self.streams.set(now.n_streams as i64);
        self.taught_words.set(now.n_taught as i64);
        self.model_info.reset();
        let epoch = now.epoch.to_string();
        let version = env!("CARGO_PKG_VERSION");
        self.model_info.with_label_values(&[now.model_digest, now.data_digest, &epoch, version]).set(1);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn register<T: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<T>) -> T {
    let metric = metric.expect("a valid name and labels");
    registry.register(Box::new(metric.clone())).expect("a name of its own");
    metric
}
