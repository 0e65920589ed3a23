//! Work that would hold up the async threads, and a bounded queue before it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::rt::{task::spawn_blocking, time::timeout};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
};

use crate::{
    Capacity,
    error::ApiError,
    metrics::{Metrics, Stage},
};

/// Bounds how much is decoded and classified at once, and how much may wait for that.
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
        let place = self.place()?;
        let asked = Instant::now();
        self.in_time(async { hand_over(job, (place, self.worker(asked).await?)).await }).await
    }

    /// As [`run`](Self::run), for a job of about a millisecond: on this thread, since to hand it to
    /// another and its result back takes a third as long again.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_short<T>(&self, job: impl FnOnce() -> T) -> Result<T, ApiError> {
        let _place = self.place()?;
        let asked = Instant::now();
        self.in_time(async {
            yield_now().await; // what else has arrived comes to its place in the queue, or is refused
            let _worker = self.worker(asked).await?;
            catch_unwind(AssertUnwindSafe(job)).map_err(|_| ApiError::internal(Panicked))
        })
        .await
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
        hand_over(job, self.worker(Instant::now()).await?).await
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

    fn place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| ApiError::Busy)
    }

    async fn worker(&self, asked: Instant) -> Result<OwnedSemaphorePermit, ApiError> {
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(ApiError::internal)?;
        self.metrics.took(Stage::Queue, asked.elapsed());
        Ok(worker)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let limit = self.deadline;
        timeout(limit, work).await.unwrap_or(Err(ApiError::Deadline { limit }))
    }
}

/// Runs `job` on another thread. It holds the permits itself, since this future ends early when its
/// client goes away.
async fn hand_over<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
    permits: impl Send + 'static,
) -> Result<T, ApiError> {
    let job = move || {
        let _held = permits;
        job()
    };
    spawn_blocking(job).await.map_err(ApiError::internal)
}

/// A job ended by its own mistake.
#[derive(Debug, thiserror::Error)]
#[error("a job panicked")]
struct Panicked;

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
    async fn a_short_job_takes_its_place_and_waits_its_turn() {
        let pool = pool(Capacity { queue: 1, ..Capacity::default() });
        let (begin, begun) = mpsc::channel();
        let (finish, finished) = mpsc::channel();

        let long = pool.run(move || {
            begin.send(()).unwrap();
            finished.recv().unwrap()
        });
        let short = async {
            // The one that is refused comes after this one has its place, and ends what this waits for.
            let (waited, refused) = tokio::join!(pool.run_short(|| begun.try_recv()), async {
                let refused = pool.run_short(|| ()).await;
                finish.send("done").unwrap();
                refused
            });
            assert!(matches!(refused, Err(ApiError::Busy)), "got {refused:?}");
            waited.unwrap()
        };

        let (long, short) = tokio::join!(long, short);

        assert_eq!((long.unwrap(), short), ("done", Ok(())), "the short job ran before the long one began");
    }

    #[actix_web::test]
    async fn a_panic_is_an_internal_error_and_frees_its_worker() {
        let pool = pool(Capacity { queue: 0, ..Capacity::default() });

        let panicked = pool.run::<()>(|| panic!("a decoder's bug")).await;
        let panicked_here = pool.run_short::<()>(|| panic!("a decoder's bug")).await;

        assert!(matches!(panicked, Err(ApiError::Internal(_))), "got {panicked:?}");
        assert!(matches!(panicked_here, Err(ApiError::Internal(_))), "got {panicked_here:?}");
        assert_eq!(pool.run(|| "next").await.unwrap(), "next");
    }
}
