//! The reports of a running fetch.

/// A step of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchStep {
    /// Receiving the archive from a server.
    Downloading,
    /// Hashing the archive.
    Checking,
    /// Writing the clips.
    Unpacking,
}

/// A report from a running fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchEvent {
    /// A part of the archive is done.
    Progress {
        /// The step that is running.
        step: FetchStep,
        /// Bytes done.
        done: u64,
        /// Bytes in all, or `None` if the server did not say.
        total: Option<u64>,
    },
    /// A message for the user: a retry, or a mirror that is given up.
    Note(String),
}
