//! The mark that the server is about to stop.

use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that is set once, by the caller who stops the server.
#[derive(Debug, Default)]
pub struct Lifecycle(AtomicBool);

impl Lifecycle {
    /// Makes the server no longer ready. It still answers.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns true once [`stop`](Self::stop) was called.
    pub fn is_stopping(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
