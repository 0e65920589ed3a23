//! What a server takes on.

use std::{num::NonZeroUsize, thread, time::Duration};

use sc_data::Limits;

/// How much one request, and all of them together, may ask of the server.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// What one recording may be; its `max_bytes` bounds the whole body of a request.
    pub recording: Limits,
    /// How long a client may take to send a body.
    pub body_deadline: Duration,
    /// How long a client waits for an answer once its body is there.
    pub deadline: Duration,
    /// Recordings worked on at once, one thread each.
    pub workers: NonZeroUsize,
    /// Recordings that may wait for a worker; the next is refused at once.
    pub queue: usize,
    /// Live streams at once; the next is refused.
    pub streams: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            recording: Limits::default(),
            body_deadline: Duration::from_secs(30), // 25 MB at 7 Mbit/s
            workers: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            deadline: Duration::from_secs(10),
            queue: 64,
            streams: 64,
        }
    }
}
