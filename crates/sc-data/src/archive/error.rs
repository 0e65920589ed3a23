//! Why an archive could not be fetched.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::Sha256Digest;

/// Why the archive could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// There is something else where the dataset should go.
    #[error(
        "{0} is not empty and not made from this archive: remove it, or choose another folder with --dest"
    )]
    Occupied(PathBuf),
    /// Another process is fetching to the same place.
    #[error("another fetch into {0} is running: wait for it, or choose another folder with --dest")]
    Busy(PathBuf),
    /// The disk is too small.
    #[error("{dest} needs {} MB but its disk has {} MB free: free some or choose another with --dest",
        .needed / 1_000_000, .free / 1_000_000)]
    Space {
        /// Where the dataset should go.
        dest: PathBuf,
        /// Bytes for the rest of the archive and what it unpacks to.
        needed: u64,
        /// Bytes there are.
        free: u64,
    },
    /// The file is not the one expected.
    #[error("{origin} has a wrong SHA-256: expected {expected}, got {got}")]
    Digest {
        /// The file or URL.
        origin: String,
        /// What was asked for.
        expected: Sha256Digest,
        /// What the file hashes to.
        got: Sha256Digest,
    },
    /// There is no place to download from.
    #[error("no URL to download from")]
    NoUrl,
    /// The server cannot be reached.
    #[error("cannot reach {url}")]
    Connection {
        /// The mirror.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// The server answers, but not with the file.
    #[error("{url} answers {status}")]
    Status {
        /// The mirror.
        url: String,
        /// Its answer.
        status: reqwest::StatusCode,
    },
    /// The connection broke before the end.
    #[error("the download of {url} broke off")]
    Broken {
        /// The mirror.
        url: String,
        /// The cause.
        source: io::Error,
    },
    /// The archive is damaged.
    #[error("the archive cannot be read: it is not a .tar.gz, or damaged")]
    Archive(#[source] io::Error),
    /// The archive holds what does not belong into a dataset.
    #[error("refused: the archive's entry {name} {reason}")]
    Entry {
        /// As the archive has it.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There was no room to write.
    #[error("the disk is full at {0}: free some space and run again, nothing downloaded is lost")]
    DiskFull(PathBuf),
    /// A file or folder could not be read or written.
    #[error("cannot read or write {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl FetchError {
    /// For `map_err`: names the file that an input or output error is about.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull(path),
            _ => Self::Io { path, source },
        }
    }

    /// Whether another mirror may do better.
    pub(crate) fn is_the_servers(&self) -> bool {
        matches!(
            self,
            Self::Connection { .. } | Self::Status { .. } | Self::Broken { .. } | Self::Digest { .. }
        )
    }

    /// Whether the same request may do better later.
    pub(crate) fn may_pass(&self) -> bool {
        use reqwest::StatusCode;
        match self {
            Self::Connection { .. } | Self::Broken { .. } => true,
            Self::Status { status, .. } => {
                let temporary = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                status.is_server_error() || temporary.contains(status)
            }
            _ => false,
        }
    }

    /// The message with those of its causes, on one line.
    pub(crate) fn with_causes(&self) -> String {
        let causes = std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }
}
