//! The limits of what a server takes on.

use std::{num::NonZeroUsize, thread, time::Duration};

use sc_data::Limits;

/// Half of the streams that a worker hears in time (`just bench-peers --only streams`): recordings may take the other
/// half of the processor.
const STREAMS_A_WORKER: usize = 250;

/// Limits for one request, and for all of them together.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// Limits for one audio file. Their `max_bytes` bounds the whole body of a request.
    pub audio: Limits,
    /// Time for a client to send a body.
    pub body_deadline: Duration,
    /// Time from the end of the body to the result.
    pub deadline: Duration,
    /// Jobs that run at once, each on a thread of its own. As many for live streams run beside them.
    pub workers: NonZeroUsize,
    /// Requests that may wait for a worker. The next is refused at once, before its body is read. One client
    /// gets about half of the places, see `Shares`.
    pub queue: usize,
    /// Live streams at once. The next is refused. One client gets about half of them.
    pub streams: usize,
    /// Connections that come in without waiting for their turn. One client gets about half of them. One takes up to 100 kB
    /// while it is answered: two buffers, a request, and a second of sound twice.
    pub connections: usize,
}

/// Bodies of the largest size that are kept at once: two of one client, see `Shares`.
const LARGEST_BODIES: usize = 4;

/// Least memory for bodies: twice the queue's number of clips of a second.
const MIN_BODY_BYTES: usize = 64 << 20;

impl Capacity {
    /// Returns the usual limits of a server with this many workers.
    pub fn of(workers: NonZeroUsize) -> Self {
        Self {
            audio: Limits::default(),
            body_deadline: Duration::from_secs(30), // 25 MB at 7 Mbit/s
            workers,
            deadline: Duration::from_secs(10),
            queue: 1_024, // half a second of clips, at a millisecond each on two workers
            streams: STREAMS_A_WORKER.saturating_mul(workers.get()),
            connections: 1_024,
        }
    }

    /// Returns the memory for the bodies of all requests together, in bytes.
    pub(crate) fn body_bytes(&self) -> usize {
        self.audio.max_bytes.saturating_mul(LARGEST_BODIES).max(MIN_BODY_BYTES)
    }
}

impl Default for Capacity {
    fn default() -> Self {
        Self::of(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}
