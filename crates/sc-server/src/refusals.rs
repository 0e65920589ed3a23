//! The number of refused requests, for the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{spawn, time::sleep};

/// Counts refusals for the log, where a line for each would cost more than the refusals.
#[derive(Debug, Default)]
pub struct Refusals(AtomicU64);

impl Refusals {
    /// Counts a refusal. The first begins a second, at whose end one line gives the number.
    pub fn count(self: &Arc<Self>) {
        if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        let this = Arc::clone(self);
        spawn(async move {
            sleep(Duration::from_secs(1)).await;
            let refused = this.0.swap(0, Ordering::Relaxed);
            tracing::warn!(refused, "requests were refused within a second: /metrics has the reasons");
        });
    }
}
