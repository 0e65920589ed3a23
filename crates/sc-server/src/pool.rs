//! A pool of workers for what would hold up the async threads, with a bounded queue before it.

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
use tokio_util::sync::CancellationToken;

use crate::{
    Capacity,
    error::ApiError,
    places::{Place, Places},
};

/// Runs a bounded number of jobs at once. A bounded number of others may wait for that.
pub struct Pool {
    /// One place for each job that is running or waiting.
    places: Places,
    n_workers: usize,
    /// One permit for each job that is running and has a place.
    workers: Arc<Semaphore>,
    /// As many permits for jobs of live streams. A microphone cannot wait until recordings are done, and a job that has
    /// begun cannot be interrupted. So both run, and the system shares the processors between them: half each, or all to
    /// either alone.
    live_workers: Arc<Semaphore>,
    /// One place for each live stream.
    streams: Places,
    deadline: Duration,
    /// Takes the time that each job with a place waited for its worker.
    on_wait: Box<dyn Fn(Duration) + Send + Sync>,
}

impl Pool {
    /// Makes a pool within `capacity` that tells `on_wait` how long each job with a place waited for its worker.
    pub fn new(capacity: &Capacity, on_wait: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        let n_workers = capacity.workers.get().min(Semaphore::MAX_PERMITS);
        Self {
            places: Places::new(n_workers.saturating_add(capacity.queue)),
            n_workers,
            workers: Arc::new(Semaphore::new(n_workers)),
            live_workers: Arc::new(Semaphore::new(n_workers)),
            streams: Places::new(capacity.streams),
            deadline: capacity.deadline,
            on_wait: Box::new(on_wait),
        }
    }

    /// Runs `job` on another thread as soon as a worker is free. The deadline here is the only one, and all jobs
    /// of a place share it: the result is the job's whole result, or [`ApiError::Deadline`]. After the deadline,
    /// or once the client has gone, a job that waits is never begun, and one that runs is told by its token: nobody
    /// waits for its result any more. It keeps `place`, one of [`places`](Self::places), to its end.
    ///
    /// # Errors
    /// [`ApiError::Deadline`] if there is no result in time, [`ApiError::Internal`] if the job panics.
    pub async fn run<T: Send + 'static>(
        &self,
        place: Place,
        job: impl FnOnce(&CancellationToken) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (asked, begun) = (Instant::now(), place.begin());
        self.in_time(begun, async {
            let permits = (place, self.worker(asked).await?);
            let cancellation = CancellationToken::new();
            let _cancel = cancellation.clone().drop_guard();
            hand_over(move || job(&cancellation), permits).await
        })
        .await
    }

    /// Runs a job of about a millisecond on this thread, with the limits of [`run`](Self::run): to hand
    /// it to another thread and its result back would take a third as long again.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_short<T>(&self, place: Place, job: impl FnOnce() -> T) -> Result<T, ApiError> {
        let asked = Instant::now();
        self.in_time(place.begin(), async {
            yield_now().await; // requests that have arrived take their places in the queue, or are refused
            let _worker = self.worker(asked).await?;
            catch_unwind(AssertUnwindSafe(job)).map_err(|_| ApiError::internal(Panicked))
        })
        .await
    }

    /// Runs a job of a live stream in its turn, beside the jobs that have a place, and without a deadline:
    /// [`streams`](Self::streams) bounds the number of streams, and each has one job at a time.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the job panics.
    pub async fn run_live<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        hand_over(job, permit(&self.live_workers).await?).await
    }

    /// Does the same for a job that is known when a worker is free, if there still is one.
    ///
    /// # Errors
    /// As [`run_live`](Self::run_live).
    pub async fn run_next_live<J: FnOnce() + Send + 'static>(
        &self,
        next: impl FnOnce() -> Option<J>,
    ) -> Result<(), ApiError> {
        let worker = permit(&self.live_workers).await?;
        match next() {
            Some(job) => hand_over(job, worker).await,
            None => Ok(()),
        }
    }

    /// Returns the places for jobs. A job takes one before its work is begun, and keeps it to its end.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Returns the places for live streams.
    pub fn streams(&self) -> &Places {
        &self.streams
    }

    /// Counts the jobs that wait for a worker, or for the rest of their audio.
    pub fn n_waiting(&self) -> usize {
        let n_running = self.n_workers - self.workers.available_permits();
        self.places.n_held().saturating_sub(n_running)
    }

    async fn worker(&self, asked: Instant) -> Result<OwnedSemaphorePermit, ApiError> {
        let worker = permit(&self.workers).await?;
        (self.on_wait)(asked.elapsed());
        Ok(worker)
    }

    /// Gives `work` what is left of the deadline of a request that began at this time.
    ///
    /// # Errors
    /// [`ApiError::Deadline`]; as `work`.
    pub async fn in_time<T>(
        &self,
        begun: Instant,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let limit = self.deadline;
        timeout(limit.saturating_sub(begun.elapsed()), work)
            .await
            .unwrap_or(Err(ApiError::Deadline { limit }))
    }
}

/// Waits for one of `workers`.
async fn permit(workers: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    Arc::clone(workers).acquire_owned().await.map_err(ApiError::internal)
}

/// Runs `job` on another thread, where it keeps the permits until its end: this future ends earlier if the
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
    use std::{net::Ipv4Addr, num::NonZeroUsize, sync::mpsc, thread};

    use super::*;
    use crate::client::Client;

    fn pool(capacity: Capacity) -> Pool {
        Pool::new(&Capacity { workers: NonZeroUsize::MIN, ..capacity }, |_| ())
    }

    fn place(pool: &Pool) -> Place {
        pool.places().take(&Client::of_address(Ipv4Addr::LOCALHOST.into())).unwrap()
    }

    #[actix_web::test]
    async fn a_job_keeps_its_place_to_its_end() {
        let pool = pool(Capacity { queue: 0, ..Capacity::default() });
        let (finish, finished) = mpsc::channel();

        let running = pool.run(place(&pool), move |_| finished.recv().unwrap());
        let n_held = async {
            let n_held = pool.places().n_held();
            finish.send("done").unwrap();
            n_held
        };

        let (running, n_held) = tokio::join!(running, n_held);

        assert_eq!((running.unwrap(), n_held, pool.places().n_held()), ("done", 1, 0));
        assert_eq!(pool.run(place(&pool), |_| "next").await.unwrap(), "next");
    }

    #[actix_web::test]
    async fn an_answer_that_takes_too_long_is_given_up() {
        let pool = pool(Capacity { queue: 1, deadline: Duration::from_millis(20), ..Capacity::default() });
        let (finish, finished) = mpsc::channel::<()>();

        let (slow, waiting) =
            tokio::join!(pool.run(place(&pool), move |_| finished.recv()), pool.run(place(&pool), |_| ()));

        assert!(matches!(slow, Err(ApiError::Deadline { .. })), "got {slow:?}");
        assert!(matches!(waiting, Err(ApiError::Deadline { .. })), "got {waiting:?}");
        assert_eq!(pool.n_waiting(), 0);
        finish.send(()).unwrap();
    }

    #[actix_web::test]
    async fn a_job_is_cancelled_only_when_its_result_is_thrown_away() {
        let pool = pool(Capacity { deadline: Duration::from_millis(20), ..Capacity::default() });
        let (ended, end) = mpsc::channel();

        let in_time = pool.run(place(&pool), CancellationToken::is_cancelled).await;
        let late = pool.run(place(&pool), move |cancellation| {
            while !cancellation.is_cancelled() {
                thread::yield_now();
            }
            ended.send("early").unwrap();
        });

        assert!(!in_time.unwrap());
        assert!(matches!(late.await, Err(ApiError::Deadline { .. })));
        assert_eq!(end.recv(), Ok("early"));
    }

    #[actix_web::test]
    async fn a_job_whose_client_has_gone_is_cancelled() {
        let pool = pool(Capacity::default());
        let (ended, end) = mpsc::channel();

        let job = pool.run(place(&pool), move |cancellation| {
            while !cancellation.is_cancelled() {
                thread::yield_now();
            }
            ended.send("early").unwrap();
        });

        assert!(timeout(Duration::from_millis(20), job).await.is_err());
        assert_eq!(end.recv(), Ok("early"));
    }

    #[actix_web::test]
    async fn the_wait_for_a_worker_is_told_once_a_job_that_has_a_place() {
        let (told, waits) = mpsc::channel();
        let pool = Pool::new(&Capacity::default(), move |wait| told.send(wait).unwrap());

        pool.run(place(&pool), |_| ()).await.unwrap();
        pool.run_short(place(&pool), || ()).await.unwrap();
        pool.run_live(|| ()).await.unwrap();
        pool.run_next_live(|| None::<fn()>).await.unwrap();

        assert_eq!(waits.try_iter().count(), 2);
    }

    #[actix_web::test]
    async fn a_job_that_waits_is_counted() {
        let pool = pool(Capacity::default());
        let (finish, finished) = mpsc::channel();

        let running = pool.run(place(&pool), move |_| finished.recv().unwrap());
        let waiting = pool.run(place(&pool), |_| ());
        let n_waiting = async {
            let n_waiting = pool.n_waiting();
            finish.send("done").unwrap();
            n_waiting
        };

        let (running, waiting, n_waiting) = tokio::join!(running, waiting, n_waiting);

        assert_eq!((running.unwrap(), waiting.unwrap(), n_waiting), ("done", (), 1));
    }

    #[actix_web::test]
    async fn a_recording_and_live_sound_do_not_wait_for_each_other() {
        let pool = pool(Capacity::default());
        let (tell_live, told_live) = mpsc::channel();
        let (tell_recording, told_recording) = mpsc::channel();
        let patience = Duration::from_secs(5);

        let recording = pool.run(place(&pool), move |_| {
            tell_live.send("recording").unwrap();
            told_recording.recv_timeout(patience)
        });
        let live = pool.run_live(move || {
            let _ = tell_recording.send("live"); // fails if the recording has given up
            told_live.recv_timeout(patience)
        });
        let (recording, live) = tokio::join!(recording, live);

        assert_eq!((recording.unwrap(), live.unwrap()), (Ok("live"), Ok("recording")));
    }

    #[actix_web::test]
    async fn a_short_job_waits_its_turn() {
        let pool = pool(Capacity::default());
        let (begin, begun) = mpsc::channel();
        let (finish, finished) = mpsc::channel();

        let long = pool.run(place(&pool), move |_| {
            begin.send(()).unwrap();
            finished.recv().unwrap()
        });
        let short = async {
            let (waited, ()) = tokio::join!(pool.run_short(place(&pool), || begun.try_recv()), async {
                finish.send("done").unwrap();
            });
            waited.unwrap()
        };

        let (long, short) = tokio::join!(long, short);

        assert_eq!((long.unwrap(), short), ("done", Ok(())), "the short job ran before the long one began");
    }

    #[actix_web::test]
    async fn a_panic_is_an_internal_error_and_frees_its_worker() {
        let pool = pool(Capacity { queue: 0, ..Capacity::default() });

        let panicked = pool.run::<()>(place(&pool), |_| panic!("a decoder's bug")).await;
        let panicked_here = pool.run_short::<()>(place(&pool), || panic!("a decoder's bug")).await;

        assert!(matches!(panicked, Err(ApiError::Internal(_))), "got {panicked:?}");
        assert!(matches!(panicked_here, Err(ApiError::Internal(_))), "got {panicked_here:?}");
        assert_eq!(pool.run(place(&pool), |_| "next").await.unwrap(), "next");
    }
}
