//! Detects keywords in live samples of any rate.

use std::sync::Arc;

use sc_data::StreamResampler;

use super::{Detection, Detector, DetectorConfig, Score};
use crate::Classifier;

/// A [`Detector`] behind a [`StreamResampler`]: it takes live samples of any rate, in pieces of any size.
pub struct LiveDetector {
    resampler: StreamResampler,
    detector: Detector,
}

impl LiveDetector {
    /// Makes a detector for a new stream of `rate_hz` samples a second, which is within [`Limits`](sc_data::Limits).
    ///
    /// # Panics
    /// If `rate_hz` is 0.
    pub fn new(classifier: Arc<Classifier>, config: &DetectorConfig, rate_hz: u32) -> Self {
        Self { resampler: StreamResampler::new(rate_hz), detector: Detector::new(classifier, config) }
    }

    /// Takes more samples, which are finite, and returns the keywords detected in them.
    pub fn push(&mut self, samples: &[f32]) -> Vec<Detection> {
        self.detector.push(&self.resampler.push(samples))
    }

    /// Returns the likeliest label of the newest answer, or `None` before there is one.
    pub fn latest(&self) -> Option<&Score> {
        self.detector.latest()
    }

    /// Ends the stream and returns the keywords detected at its end.
    pub fn finish(mut self) -> Vec<Detection> {
        let mut detections = self.detector.push(&self.resampler.finish());
        detections.extend(self.detector.finish());
        detections
    }
}
