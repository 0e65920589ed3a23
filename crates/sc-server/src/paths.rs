//! Every path of the service but those of the page's files. Routes, `OpenAPI` document, log and health check
//! take them from here.

/// Names the keyword in a clip.
pub const PREDICT: &str = "/predict";
/// Finds the keywords in a recording.
pub const DETECT: &str = "/detect";
/// Finds the keywords in live sound.
pub const STREAM: &str = "/stream";
/// Names the words that were taught.
pub const WORDS: &str = "/words";
/// Teaches a word, or forgets it.
pub const WORD: &str = "/words/{name}";
/// Downloads the model's file, with the words that were taught.
pub const TAUGHT_RECORD: &str = "/model";
/// Describes the model and the limits.
pub const INFO: &str = "/info";

/// Sends the file of the model that is compiled in, if that is the one that answers.
pub const RECORD: &str = "/model.safetensors";

/// Answers 200 while the program runs and has a model.
pub const HEALTH: &str = "/health";
/// Answers 200 while the program runs.
pub const HEALTH_LIVE: &str = "/health/live";
/// Answers 200 while requests should be sent here.
pub const HEALTH_READY: &str = "/health/ready";
/// Prints the figures for Prometheus.
pub const METRICS: &str = "/metrics";
/// Loads the model's file again.
pub const RELOAD: &str = "/admin/reload";

/// Describes the server by the Open Inference Protocol, whose paths all begin with it.
pub const INFERENCE: &str = "/v2";
/// The protocol's path for [`HEALTH_LIVE`].
pub const INFERENCE_LIVE: &str = "/v2/health/live";
/// The protocol's path for [`HEALTH_READY`].
pub const INFERENCE_READY: &str = "/v2/health/ready";
/// Describes the model's tensors.
pub const MODEL: &str = "/v2/models/{model}";
/// Answers 200 for the model that is served.
pub const MODEL_READY: &str = "/v2/models/{model}/ready";
/// Names the keywords in a batch of clips.
pub const MODEL_INFER: &str = "/v2/models/{model}/infer";
/// [`MODEL`], with a version.
pub const VERSION: &str = "/v2/models/{model}/versions/{version}";
/// [`MODEL_READY`], with a version.
pub const VERSION_READY: &str = "/v2/models/{model}/versions/{version}/ready";
/// [`MODEL_INFER`], with a version.
pub const VERSION_INFER: &str = "/v2/models/{model}/versions/{version}/infer";

/// Describes the service to programs, as `OpenAPI` 3.1.
pub const OPENAPI: &str = "/openapi.json";
/// Leads to the pages that describe the service to people.
pub const DOCS: &str = "/docs";
