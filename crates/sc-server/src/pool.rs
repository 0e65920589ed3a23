//! Work that would hold up the async threads.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::rt::{task::spawn_blocking, time::timeout};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Capacity,
    error::ApiError,
    metrics::{Metrics, Stage},
};

/// Threads for decoding and classifying, and a bounded queue before them.
pub struct Pool {
    /// One permit for each job that is running or waiting.
    places: Arc<Semaphore>,
    /// One permit for each job that is running.
    workers: Arc<Semaphore>,
    /// One permit for each live stream.
    streams: Arc<Semaphore>,
    n_places: usize,
    n_workers: usize,
    n_streams: usize,
    deadline: Duration,
    metrics: Arc<Metrics>,
}

impl Pool {
    pub fn new(capacity: &Capacity, metrics: Arc<Metrics>) -> Self {
        let n_workers = capacity.workers.get();
        let n_places = n_workers.saturating_add(capacity.queue).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(n_places)),
            workers: Arc::new(Semaphore::new(n_workers)),
            streams: Arc::new(Semaphore::new(capacity.streams)),
            n_places,
            n_workers,
            n_streams: capacity.streams,
            deadline: capacity.deadline,
            metrics,
        }
    }

    /// Runs `job` on a thread of its own as soon as a worker is free. A job whose client goes away
    /// before that is never begun.
    ///
    /// # Errors
    /// [`ApiError::Busy`] at once if the queue is full, [`ApiError::Deadline`] if there is no answer in
    /// time, [`ApiError::Internal`] if the job panics.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| ApiError::Busy)?;
        let done = timeout(self.deadline, self.work(job, Some(place))).await;
        done.unwrap_or(Err(ApiError::Deadline { limit: self.deadline }))
    }

    /// Runs `job` when it is its turn, however long that takes: for streams, which [`stream_place`]
    /// bounds.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the job panics.
    ///
    /// [`stream_place`]: Self::stream_place
    pub async fn wait<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.work(job, None).await
    }

    /// A place for a live stream, given back when it is dropped.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if there are as many streams as allowed.
    pub fn stream_place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| ApiError::Busy)
    }

    /// Jobs that wait for a worker.
    pub fn n_waiting(&self) -> usize {
        let n_running = self.n_workers - self.workers.available_permits();
        (self.n_places - self.places.available_permits()).saturating_sub(n_running)
    }

    /// Live streams.
    pub fn n_streams(&self) -> usize {
        self.n_streams - self.streams.available_permits()
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<T, ApiError> {
        let asked = Instant::now();
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(ApiError::internal)?;
        self.metrics.took(Stage::Queue, asked.elapsed());
        let job = move || {
            // Held by the job and not by this future: that ends early when its client goes away.
            let _held = (place, worker);
            job()
        };
        spawn_blocking(job).await.map_err(ApiError::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, sync::mpsc};

    use super::*;

    fn pool(capacity: Capacity) -> Pool {
        Pool::new(&Capacity { workers: NonZeroUsize::MIN, ..capacity }, Arc::new(Metrics::new()))
    }

    #[actix_web::test]
    async fn a_full_queue_is_refused_at_once() {
        let pool = pool(Capacity { queue: 0, ..Capacity::default() });
        let (finish, finished) = mpsc::channel();

        let running = pool.run(move || finished.recv().unwrap());
        let refused = async {
            let refused = pool.run(|| ()).await;
            finish.send("done").unwrap();
            refused
        };

        let (running, refused) = tokio::join!(running, refused);

        assert_eq!(running.unwrap(), "done");
        assert!(matches!(refused, Err(ApiError::Busy)), "got {refused:?}");
        assert_eq!(pool.run(|| "next").await.unwrap(), "next");
    }

    #[actix_web::test]
    async fn an_answer_that_takes_too_long_is_given_up() {
        let pool = pool(Capacity { queue: 1, deadline: Duration::from_millis(20), ..Capacity::default() });
        let (finish, finished) = mpsc::channel::<()>();

        let (slow, waiting) = tokio::join!(pool.run(move || finished.recv()), pool.run(|| ()));

        assert!(matches!(slow, Err(ApiError::Deadline { .. })), "got {slow:?}");
        assert!(matches!(waiting, Err(ApiError::Deadline { .. })), "got {waiting:?}");
        assert_eq!(pool.n_waiting(), 0);
        finish.send(()).unwrap();
    }

    #[actix_web::test]
    async fn a_panic_is_an_internal_error_and_frees_its_worker() {
        let pool = pool(Capacity { queue: 0, ..Capacity::default() });

        let panicked = pool.run::<()>(|| panic!("a decoder's bug")).await;

        assert!(matches!(panicked, Err(ApiError::Internal(_))), "got {panicked:?}");
        assert_eq!(pool.run(|| "next").await.unwrap(), "next");
    }
}
