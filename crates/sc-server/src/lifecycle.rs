//! Whether the server is about to stop.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set once, by whoever stops the server.
#[derive(Debug, Default)]
pub struct Lifecycle(AtomicBool);

impl Lifecycle {
    /// From now on the server is not ready, though it still answers.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopping(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
