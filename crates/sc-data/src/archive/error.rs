//! The errors of a fetch.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{Sha256Digest, printable};

/// An error of a fetch; its text says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The destination holds something else.
    #[error(
        "{0} is not empty and not made from this archive: remove it, or choose another folder with --dest"
    )]
    Occupied(PathBuf),
    /// The destination cannot be replaced: it is `.`, a symbolic link, or a folder that is mounted.
    #[error(
        "{0} cannot be replaced, as it is the current folder, a link or mounted: choose another one with --dest, such as one in it"
    )]
    Fixed(PathBuf),
    /// Another process is fetching to the same place.
    #[error("another fetch into {0} is running: wait for it, or choose another folder with --dest")]
    Busy(PathBuf),
    /// The disk is too small.
    #[error("{dest} needs {} MB but its disk has {} MB free: free some or choose another with --dest",
        .needed / 1_000_000, .free / 1_000_000)]
    Space {
        /// The destination.
        dest: PathBuf,
        /// Bytes that the rest of the archive and the unpacked clips need.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The file has another digest than expected.
    #[error(
        "{origin} has a wrong SHA-256: expected {expected}, got {got}; for another archive than version 0.02, give its \
         digest by --sha256"
    )]
    Digest {
        /// The file or URL.
        origin: String,
        /// The digest that was asked for.
        expected: Sha256Digest,
        /// The file's digest.
        got: Sha256Digest,
    },
    /// The list of mirrors is empty.
    #[error("no URL to download from")]
    NoUrl,
    /// The text is no URL of a server.
    #[error("{url} is no URL of a server: a file on this machine is given by --archive")]
    NotUrl {
        /// The text.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// The server cannot be reached.
    #[error("cannot reach {url}")]
    Connection {
        /// The mirror.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// The server answers with another status than success.
    #[error("{url} answers {status}")]
    Status {
        /// The mirror.
        url: String,
        /// The status.
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
    /// The archive holds an entry that no dataset has.
    #[error("refused: the archive's entry {} {reason}", printable(.name))]
    Entry {
        /// The entry's path in the archive.
        name: String,
        /// The reason, as the end of a sentence.
        reason: String,
    },
    /// The disk is full.
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
    /// For `map_err`: adds the path to an input or output error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull(path),
            _ => Self::Io { path, source },
        }
    }

    /// Returns true if another mirror may succeed.
    pub(crate) fn is_the_servers(&self) -> bool {
        matches!(
            self,
            Self::NotUrl { .. }
                | Self::Connection { .. }
                | Self::Status { .. }
                | Self::Broken { .. }
                | Self::Digest { .. }
        )
    }

    /// Returns true if the same request may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        use reqwest::StatusCode;
        match self {
            Self::Connection { source, .. } => !source.is_redirect(), // a circle leads nowhere later either
            Self::Broken { .. } => true,
            Self::Status { status, .. } => {
                let temporary = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                status.is_server_error() || temporary.contains(status)
            }
            _ => false,
        }
    }
}
