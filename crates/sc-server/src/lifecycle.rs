//! The marks that the server is about to stop, and that it stops.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

use crate::SHUTDOWN_S;

/// The part of its life that a service is in. The caller who stops it leads it to the next.
#[derive(Debug)]
pub struct Lifecycle(watch::Sender<Part>);

#[derive(Debug, PartialEq, PartialOrd)]
enum Part {
    Serving,
    Stopping,
    Closed,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self(watch::Sender::new(Part::Serving))
    }
}

impl Lifecycle {
    /// Makes the server no longer ready. It still answers.
    pub fn stop(&self) {
        self.0.send_replace(Part::Stopping);
    }

    /// Ends live streams, and makes the gRPC port refuse new connections and finish what has begun.
    pub fn close(&self) {
        self.0.send_replace(Part::Closed);
    }

    /// Returns true once [`stop`](Self::stop) was called.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.borrow() >= Part::Stopping
    }

    /// Waits until [`stop`](Self::stop) is called.
    #[cfg(feature = "grpc")]
    pub(crate) async fn stopped(&self) {
        self.reached(Part::Stopping).await;
    }

    /// Waits until [`close`](Self::close) is called.
    pub(crate) async fn closed(&self) {
        self.reached(Part::Closed).await;
    }

    /// Keeps [`left`](Self::left) waiting until the returned value is dropped.
    #[cfg(feature = "grpc")]
    pub(crate) fn guest(&self) -> impl Send + 'static {
        self.0.subscribe()
    }

    /// Waits until all work beside HTTP has finished, but no longer than for HTTP.
    pub async fn left(&self) {
        let _ = timeout(Duration::from_secs(SHUTDOWN_S), self.0.closed()).await;
    }

    async fn reached(&self, part: Part) {
        let _ = self.0.subscribe().wait_for(|now| *now >= part).await; // never fails: the sender is here
    }
}
