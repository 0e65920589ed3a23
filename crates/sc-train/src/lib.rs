//! Trains a keyword recogniser on Google Speech Commands, and measures how good it is.
//!
//! Training (the feature `flex`) writes a record, its metrics and a [`Report`]. An [`Evaluation`] adds up answers
//! to clips whose label is known, an [`OpenSet`] answers to sounds that are no keyword. All of them answer through
//! [`sc_model::Classifier`], as the server does.
//!
//! Modules depend on each other in this order: `cli` on `training`, that on `report` and `evaluate`, and these on
//! `evaluation`, which is pure: it reads no file.
//!
//! ```
//! use sc_model::{Prediction, Scored};
//! use sc_train::{LabelledAnswer, Evaluation};
//!
//! let yes = Scored { label: "yes".into(), probability: 1.0 };
//! let prediction =
//!     Prediction { label: "yes".into(), confidence: 1.0, accepted: true, predictions: vec![yes] };
//! let answer = LabelledAnswer { path: "yes/a.wav".into(), label: "yes".into(), prediction };
//!
//! let labels = vec!["yes".to_owned(), "no".to_owned()].try_into()?;
//! let evaluation = Evaluation::new(&labels, &[answer]);
//! assert_eq!(evaluation.accuracy, 1.0);
//! # Ok::<(), sc_data::DatasetError>(())
//! ```

mod aside;
mod audio;
pub mod cli;
#[cfg(feature = "flex")]
mod config;
mod evaluate;
mod evaluation;
mod export;
mod listening;
#[cfg(feature = "flex")]
mod metrics;
mod progress;
#[cfg(feature = "flex")]
mod recipe;
#[cfg(feature = "flex")]
mod report;
#[cfg(feature = "flex")]
mod training;
mod word_space;

pub use audio::Unreadable;
#[cfg(feature = "flex")]
pub use config::TrainConfig;
pub use evaluation::{
    Acceptance, Bin, Calibration, ConditionFigures, ConditionTable, ConfusedPair, Confusion, Evaluation,
    FewShot, LabelFigures, LabelledAnswer, LeftOut, OpenClip, OpenSet, OperatingPoint, Spoken, StreamFigures,
    StreamRow, StreamTable, Suspect, Tally, WordTrials, wilson_interval,
};
pub use export::{Input, to_onnx};
#[cfg(feature = "flex")]
pub use metrics::{EpochMetrics, EpochParts};
#[cfg(feature = "flex")]
pub use recipe::{Recipe, Sometimes};
#[cfg(feature = "flex")]
pub use report::{Facts, Provenance, Report};
#[cfg(feature = "flex")]
pub use training::{Job, train};
