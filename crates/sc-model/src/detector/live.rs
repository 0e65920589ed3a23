//! Detects keywords in live samples of other rates than 16 kHz, too.

use std::sync::Arc;

use sc_data::{Limits, StreamResampler};

use super::{Detection, Detector, DetectorConfig, Score};
use crate::Classifier;

/// A [`Detector`] behind a [`StreamResampler`]: it takes live samples of 4,000 to 192,000 Hz, in pieces of up to a
/// minute.
pub struct LiveDetector {
    resampler: StreamResampler,
    detector: Detector,
    rate_hz: u32,
}

impl LiveDetector {
    /// Makes a detector for a new stream of `rate_hz` samples a second.
    ///
    /// # Errors
    /// As [`Limits::check_rate`].
    pub fn new(
        classifier: Arc<Classifier>,
        config: &DetectorConfig,
        rate_hz: f64,
    ) -> Result<Self, sc_data::Error> {
        let rate_hz = Limits::default().check_rate(rate_hz)?;
        let (resampler, detector) = (StreamResampler::new(rate_hz), Detector::new(classifier, config));
        Ok(Self { resampler, detector, rate_hz })
    }

    /// Takes more samples, at most a minute's, and returns the keywords detected in them.
    ///
    /// # Errors
    /// As [`Limits::check_samples`], but a piece may be empty. The stream then goes on without the piece.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<Detection>, sc_data::Error> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        Limits::default().check_samples(samples, self.rate_hz)?;
        Ok(self.detector.push(&self.resampler.push(samples)))
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
