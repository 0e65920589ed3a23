//! Why a record could not be used.

use std::path::{Path, PathBuf};

/// Why a record could not be loaded or written, or a backend not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The bytes are not a record this program can use.
    #[error("not a usable model: {reason}")]
    Record {
        /// What differs from what was expected.
        reason: String,
    },
    /// The crate was built before there was a record to compile in.
    #[error(
        "no model is compiled in: name one with --model, or train one (sc-train train) as \
         assets/model.safetensors and build again"
    )]
    NotShipped,
    /// A backend that this build leaves out, or none at all.
    #[error("no backend named `{name}` in this build: it has {available}{hint}")]
    Backend {
        /// What was asked for.
        name: String,
        /// The names that would be right.
        available: String,
        /// Which cargo feature would bring it.
        hint: String,
    },
}

impl Error {
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Write { path, source }
    }

    /// Says which file holds no usable record.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Record { reason } => Self::record(format!("{}: {reason}", path.display())),
            other => other,
        }
    }

    pub(crate) fn record(reason: impl Into<String>) -> Self {
        Self::Record { reason: reason.into() }
    }
}
