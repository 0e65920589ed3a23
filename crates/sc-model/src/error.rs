//! The errors of records and backends.

use std::path::{Path, PathBuf};

/// An error of loading or writing a record, or of choosing a backend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The bytes are not a record this program can use.
    #[error("not a usable model: {reason}")]
    Record {
        /// The difference between the record and what was expected.
        reason: String,
    },
    /// The crate was built before there was a record to compile in.
    #[error(
        "no model is compiled in: name one with --model, or train one (sc-train train) as \
         assets/model.safetensors and build again"
    )]
    NotShipped,
    /// No backend of this build has this name.
    #[error("no backend named `{name}` in this build: it has {available}{hint}")]
    Backend {
        /// The name that was asked for.
        name: String,
        /// The names of this build's backends.
        available: String,
        /// The cargo feature that adds the backend, as the end of the sentence.
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

    /// Adds the path of the file to an error of a record.
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
