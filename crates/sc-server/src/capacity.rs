//! The limits of what a server takes on.

use std::{num::NonZeroUsize, thread, time::Duration};

use sc_data::Limits;

/// Streams that keep a worker busy for less than half of the time, at 2 ms for a second of sound.
const STREAMS_A_WORKER: usize = 200;

/// Limits for one request, and for all of them together.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// Limits for one audio file. Their `max_bytes` bounds the whole body of a request.
    pub audio: Limits,
    /// Time for a client to send a body.
    pub body_deadline: Duration,
    /// Time from the end of the body to the result.
    pub deadline: Duration,
    /// Jobs that run at once, each on a thread of its own.
    pub workers: NonZeroUsize,
    /// Jobs that may wait for a worker. The next is refused at once.
    pub queue: usize,
    /// Live streams at once. The next is refused.
    pub streams: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            audio: Limits::default(),
            body_deadline: Duration::from_secs(30), // 25 MB at 7 Mbit/s
            workers,
            deadline: Duration::from_secs(10),
            queue: 64,
            streams: STREAMS_A_WORKER * workers.get(),
        }
    }
}
