//! Trains a keyword recogniser on Google Speech Commands, and says how good it is.
//!
//! Training ends in a record, its metrics and a [`Report`]. An [`Evaluation`] is made of the answers to clips
//! whose label is known, an [`OpenSet`] of the answers to sounds that are no keyword; both are pure, and both
//! hear through [`sc_model::Classifier`], as the server does.
//!
//! ```
//! use sc_model::{Prediction, Scored};
//! use sc_train::{Answer, Evaluation};
//!
//! let yes = Scored { label: "yes".into(), probability: 1.0 };
//! let prediction =
//!     Prediction { label: "yes".into(), confidence: 1.0, accepted: true, predictions: vec![yes] };
//! let answer = Answer { path: "yes/a.wav".into(), label: "yes".into(), prediction };
//!
//! let labels = vec!["yes".to_owned(), "no".to_owned()].try_into()?;
//! let evaluation = Evaluation::new(&labels, &[answer]);
//! assert_eq!(evaluation.accuracy, 1.0);
//! # Ok::<(), sc_data::DatasetError>(())
//! ```

mod audio;
pub mod cli;
mod config;
mod evaluate;
mod evaluation;
mod metrics;
mod progress;
mod report;
#[cfg(feature = "flex")]
mod training;

pub use audio::Unreadable;
pub use config::TrainConfig;
pub use evaluate::open_set::{Heard, OpenSet};
pub use evaluation::{
    Acceptance, Answer, Bin, Calibration, ConfusedPair, Confusion, Evaluation, LabelFigures, OperatingPoint,
    Suspect, wilson_interval,
};
pub use metrics::{EpochMetrics, EpochParts};
pub use report::{Provenance, Report};
#[cfg(feature = "flex")]
pub use training::train;
