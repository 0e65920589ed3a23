//! Keywords in live sound.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use actix_web::web::Bytes;
use sc_data::{Sha256Digest, StreamResampler};
use sc_model::{Detection, Detector, DetectorConfig, Score};
use tokio::sync::oneshot;

use super::Recogniser;
use crate::{error::ApiError, metrics::Phase, places::Place};

/// Bytes of a sample.
const SAMPLE_BYTES: usize = size_of::<i16>();

/// Longest piece, in seconds: a longer message is heard in several, and other streams between them.
const LONGEST_PIECE_S: f64 = 0.5;

/// Most sound that a worker takes at once, in seconds: 26 pieces of 80 ms, which are about two milliseconds of work.
const MOST_TOGETHER_S: f64 = 2.1;

/// The results of more sound of a stream.
#[derive(Default)]
pub struct Found {
    /// The keywords that are detected in it.
    pub detections: Vec<Detection>,
    /// The newest window's likeliest label, if a window ends in it.
    pub score: Option<Score>,
}

/// The pieces of all streams that wait for a worker. One that gets free hears many of them together, which is less work.
#[derive(Default)]
pub struct Pieces(Mutex<VecDeque<Piece>>);

impl Pieces {
    fn push(&self, piece: Piece) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(piece);
    }

    /// Returns the first of them, or `None` if there is none.
    fn take(&self) -> Option<Vec<Piece>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total_s = 0.0;
        let fitting = waiting.iter().take_while(|piece| {
            total_s += piece.seconds();
            total_s <= MOST_TOGETHER_S
        });
        let n = fitting.count();
        (n > 0).then(|| waiting.drain(..n).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// A piece of a stream.
struct Piece {
    stream: LiveStream,
    samples: Bytes,
    /// The time from which on it waits for a worker.
    asked: Instant,
    /// Takes the stream back, and the results.
    heard: oneshot::Sender<(LiveStream, Found)>,
}

impl Piece {
    fn seconds(&self) -> f64 {
        (self.samples.len() / SAMPLE_BYTES) as f64 / f64::from(self.stream.rate_hz)
    }
}

/// A live stream between two pieces of sound. It holds its place among the streams until it is dropped.
pub struct LiveStream {
    recogniser: Arc<Recogniser>,
    resampler: StreamResampler,
    detector: Detector,
    /// The digest of the model that hears.
    model: Sha256Digest,
    rate_hz: u32,
    /// Samples received.
    n_samples: u64,
    _place: Place,
}

impl LiveStream {
    /// Begins a stream of `rate_hz` samples a second.
    pub(super) fn new(
        recogniser: Arc<Recogniser>,
        place: Place,
        config: &DetectorConfig,
        rate_hz: u32,
    ) -> Self {
        let (classifier, model) = recogniser.model.current_and_digest();
        let (resampler, detector) = (StreamResampler::new(rate_hz), Detector::new(classifier, config));
        Self { recogniser, resampler, detector, model, rate_hz, n_samples: 0, _place: place }
    }

    /// Returns true once another model answers, which the stream does not hear with.
    pub fn is_outdated(&self) -> bool {
        self.recogniser.model.current_and_digest().1 != self.model
    }

    /// Takes more sound, 16-bit little-endian samples, and returns itself and the results.
    ///
    /// # Errors
    /// As [`Pool::run_live`](crate::pool::Pool::run_live).
    pub async fn push(mut self, mut samples: Bytes) -> Result<(Self, Found), ApiError> {
        let longest = (LONGEST_PIECE_S * f64::from(self.rate_hz)) as usize * SAMPLE_BYTES;
        let mut all = Found::default();
        while !samples.is_empty() {
            let piece = samples.split_to(longest.min(samples.len()));
            let (rest, found) = self.push_piece(piece).await?;
            self = rest;
            all.detections.extend(found.detections);
            all.score = found.score.or(all.score);
        }
        Ok((self, all))
    }

    async fn push_piece(self, samples: Bytes) -> Result<(Self, Found), ApiError> {
        let recogniser = Arc::clone(&self.recogniser);
        let (heard, mut result) = oneshot::channel();
        recogniser.pieces.push(Piece { stream: self, samples, asked: Instant::now(), heard });
        // Each piece asks for a worker until none is left: another's worker may hear this one before, or have no room for it.
        loop {
            let hear_waiting = recogniser.pool.run_next_live(|| {
                let (recogniser, pieces) = (Arc::clone(&recogniser), recogniser.pieces.take()?);
                Some(move || recogniser.hear(pieces))
            });
            tokio::select! {
                biased;
                result = &mut result => return result.map_err(ApiError::internal),
                heard = hear_waiting => heard?,
            }
            if recogniser.pieces.is_empty() {
                return result.await.map_err(ApiError::internal);
            }
        }
    }

    /// Ends the sound, and returns the last detections and the length of the whole, in seconds.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn finish(self) -> Result<(Vec<Detection>, f64), ApiError> {
        let recogniser = Arc::clone(&self.recogniser);
        recogniser.pool.run_live(move || self.finish_now()).await
    }

    /// Returns a piece's samples at 16 kHz.
    fn decode(&mut self, samples: &[u8]) -> Vec<f32> {
        let start = Instant::now();
        let pairs = samples.as_chunks::<SAMPLE_BYTES>().0.iter();
        let samples: Vec<f32> = pairs.map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0).collect();
        self.n_samples += samples.len() as u64;
        let samples = self.resampler.push(&samples);
        self.recogniser.metrics.took(Phase::Decode, start.elapsed());
        samples
    }

    fn finish_now(mut self) -> (Vec<Detection>, f64) {
        let rest = self.resampler.finish();
        let mut detections = self.detector.push(&rest);
        detections.extend(self.detector.finish());
        self.recogniser.note_piece(&mut self.detector, &detections);
        (detections, self.n_samples as f64 / f64::from(self.rate_hz))
    }
}

impl Recogniser {
    /// Hears pieces together, and gives each its results.
    fn hear(&self, mut pieces: Vec<Piece>) {
        for piece in &pieces {
            self.metrics.took(Phase::LiveQueue, piece.asked.elapsed());
        }
        let samples: Vec<Vec<f32>> =
            pieces.iter_mut().map(|piece| piece.stream.decode(&piece.samples)).collect();
        let before: Vec<Option<Score>> =
            pieces.iter().map(|piece| piece.stream.detector.latest().cloned()).collect();
        let detectors = pieces.iter_mut().map(|piece| &mut piece.stream.detector);
        let mut turns: Vec<(&mut Detector, &[f32])> =
            detectors.zip(samples.iter().map(Vec::as_slice)).collect();
        let found = Detector::push_together(&mut turns);
        for ((mut piece, detections), before) in pieces.into_iter().zip(found).zip(before) {
            let detector = &mut piece.stream.detector;
            self.note_piece(detector, &detections);
            let score = detector.latest().filter(|&latest| before.as_ref() != Some(latest)).cloned();
            let _ = piece.heard.send((piece.stream, Found { detections, score })); // fails if nobody waits any more
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{Capacity, client::Client, recogniser::tests::recogniser};

    #[test]
    fn a_worker_takes_no_more_sound_at_once_in_long_pieces_than_in_short_ones() {
        let recogniser = recogniser(&Capacity::default());
        let client = Client::of_address(Ipv4Addr::LOCALHOST.into());
        let piece = |ms: usize| Piece {
            stream: recogniser.stream(&client, 16_000, &DetectorConfig::default()).unwrap(),
            samples: vec![0; ms * 16 * SAMPLE_BYTES].into(),
            asked: Instant::now(),
            heard: oneshot::channel().0,
        };
        for (ms, n_taken) in [(80, [26, 4]), (500, [4, 4])] {
            let pieces = Pieces::default();
            for _ in 0..30 {
                pieces.push(piece(ms));
            }
            assert_eq!(n_taken.map(|_| pieces.take().map_or(0, |taken| taken.len())), n_taken, "{ms} ms");
        }
    }
}
