//! Keywords in live sound.

use std::{sync::Arc, time::Instant};

use actix_web::web::Bytes;
use sc_data::StreamResampler;
use sc_model::{Detection, Detector, Score};

use super::Recogniser;
use crate::{error::ApiError, metrics::Phase, places::Place};

/// The results of one piece of a stream.
pub struct Found {
    /// The keywords that are detected in it.
    pub detections: Vec<Detection>,
    /// The newest window's likeliest label, if a window ends in the piece.
    pub score: Option<Score>,
}

/// A live stream between two pieces of sound. It holds its place among the streams until it is dropped.
pub struct LiveStream {
    recogniser: Arc<Recogniser>,
    resampler: StreamResampler,
    detector: Detector,
    rate_hz: u32,
    /// Samples received.
    n_samples: u64,
    _place: Place,
}

impl LiveStream {
    /// Begins a stream of `rate_hz` samples a second.
    pub(super) fn new(recogniser: Arc<Recogniser>, place: Place, detector: Detector, rate_hz: u32) -> Self {
        let resampler = StreamResampler::new(rate_hz);
        Self { recogniser, resampler, detector, rate_hz, n_samples: 0, _place: place }
    }

    /// Takes the next piece, 16-bit little-endian samples, and returns itself and the results.
    ///
    /// # Errors
    /// As [`Pool::wait`](crate::pool::Pool::wait).
    pub async fn push(mut self, samples: Bytes) -> Result<(Self, Found), ApiError> {
        let recogniser = Arc::clone(&self.recogniser);
        let job = move || {
            let found = self.push_now(&samples);
            (self, found)
        };
        recogniser.pool.wait(job).await
    }

    /// Ends the sound, and returns the last detections and the length of the whole, in seconds.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn finish(self) -> Result<(Vec<Detection>, f64), ApiError> {
        let recogniser = Arc::clone(&self.recogniser);
        recogniser.pool.wait(move || self.finish_now()).await
    }

    fn push_now(&mut self, samples: &[u8]) -> Found {
        let start = Instant::now();
        let pairs = samples.as_chunks::<2>().0.iter();
        let samples: Vec<f32> = pairs.map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0).collect();
        self.n_samples += samples.len() as u64;
        let samples = self.resampler.push(&samples);
        self.recogniser.metrics.took(Phase::Decode, start.elapsed());

        let before = self.detector.latest().cloned();
        let detections = self.detector.push(&samples);
        self.recogniser.note_piece(&mut self.detector, &detections);
        let score = self.detector.latest().filter(|&latest| before.as_ref() != Some(latest)).cloned();
        Found { detections, score }
    }

    fn finish_now(mut self) -> (Vec<Detection>, f64) {
        let rest = self.resampler.finish();
        let mut detections = self.detector.push(&rest);
        detections.extend(self.detector.finish());
        self.recogniser.note_piece(&mut self.detector, &detections);
        (detections, self.n_samples as f64 / f64::from(self.rate_hz))
    }
}
