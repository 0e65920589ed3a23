//! Work that would hold up the async threads.

use std::sync::Arc;

use actix_web::rt::task::spawn_blocking;
use tokio::sync::Semaphore;

use crate::{Capacity, error::ApiError};

/// Threads for decoding and classifying, and a bounded queue before them.
pub struct Pool {
    /// One permit for each job that is running or waiting.
    places: Arc<Semaphore>,
    /// One permit for each job that is running.
    workers: Arc<Semaphore>,
}

impl Pool {
    pub fn new(capacity: &Capacity) -> Self {
        let workers = capacity.workers.get();
        Self {
            places: Arc::new(Semaphore::new(workers.saturating_add(capacity.queue))),
            workers: Arc::new(Semaphore::new(workers)),
        }
    }

    /// Runs `job` on a thread of its own as soon as a worker is free.
    ///
    /// # Errors
    /// [`ApiError::Busy`] at once if the queue is full, [`ApiError::Internal`] if the job panics.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| ApiError::Busy)?;
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(ApiError::internal)?;
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

    fn pool_of_one(queue: usize) -> Pool {
        Pool::new(&Capacity { workers: NonZeroUsize::MIN, queue, ..Capacity::default() })
    }

    #[actix_web::test]
    async fn a_full_queue_refuses_at_once_and_takes_jobs_again_when_it_empties() {
        let pool = pool_of_one(0);
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
    async fn a_panic_is_an_internal_error_and_frees_its_worker() {
        let pool = pool_of_one(0);

        let panicked = pool.run::<()>(|| panic!("a decoder's bug")).await;

        assert!(matches!(panicked, Err(ApiError::Internal(_))), "got {panicked:?}");
        assert_eq!(pool.run(|| "next").await.unwrap(), "next");
    }
}
