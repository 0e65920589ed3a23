//! Detects the keywords in a recording of any length, block by block.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use indicatif::ProgressBar;
use sc_data::{Blocks, SAMPLE_RATE_HZ, with_causes};
use sc_model::{Classifier, Detection, Detector, DetectorConfig};

use crate::audio;

/// Detections in a recording, or in its beginning.
pub(crate) struct Heard {
    pub detections: Vec<Detection>,
    /// Samples that were heard.
    pub n_samples: usize,
    /// Why the rest was not heard.
    pub fault: Option<String>,
}

/// Detects the keywords in a file, and counts the seconds.
///
/// # Errors
/// If nothing can be heard.
pub(crate) fn detect(classifier: &Arc<Classifier>, path: &Path, bar: &ProgressBar) -> Result<Heard> {
    let mut listening = Listening::begin(classifier, path, bar)?;
    let detections = listening.by_ref().flatten().collect();
    listening.end(detections)
}

/// Yields the detections of each block. A fault ends them.
pub(crate) struct Listening<'a> {
    blocks: Blocks,
    /// None after the end.
    detector: Option<Detector>,
    bar: &'a ProgressBar,
    n_samples: usize,
    /// Why the rest was not heard.
    fault: Option<String>,
}

impl<'a> Listening<'a> {
    pub fn begin(classifier: &Arc<Classifier>, path: &Path, bar: &'a ProgressBar) -> Result<Self> {
        let blocks = Blocks::open(audio::open(path)?)?;
        let detector = Detector::new(Arc::clone(classifier), &DetectorConfig::default());
        Ok(Self { blocks, detector: Some(detector), bar, n_samples: 0, fault: None })
    }

    /// Counts samples that were heard, and shows the seconds.
    fn add(&mut self, n_samples: usize) {
        let seconds = |n_samples: usize| (n_samples / SAMPLE_RATE_HZ as usize) as u64;
        let shown = seconds(self.n_samples);
        self.n_samples += n_samples;
        self.bar.inc(seconds(self.n_samples) - shown);
    }

    /// Returns what was heard: `detections`, and why there are no more.
    ///
    /// # Errors
    /// The fault, if nothing was heard before it.
    pub fn end(self, detections: Vec<Detection>) -> Result<Heard> {
        let n_samples = self.n_samples;
        let fault = match self.fault {
            Some(fault) if n_samples == 0 => bail!(fault),
            fault => fault.map(|fault| {
                let seconds = n_samples as f32 / SAMPLE_RATE_HZ as f32;
                format!(
                    "heard up to {seconds:.1} s only: {fault}; \
                     `ffmpeg -i FILE -af aresample=async=1:first_pts=0 -ar 16000 -ac 1 whole.wav` may read more"
                )
            }),
        };
        Ok(Heard { detections, n_samples, fault })
    }
}

impl Iterator for Listening<'_> {
    type Item = Vec<Detection>;

    /// Returns what is detected in the next block.
    fn next(&mut self) -> Option<Vec<Detection>> {
        let mut detector = self.detector.take()?;
        self.fault = match self.blocks.next_block() {
            Ok(Some(samples)) => {
                let found = detector.push(&samples);
                self.detector = Some(detector);
                self.add(samples.len());
                return Some(found);
            }
            Ok(None) => None,
            Err(error) => Some(with_causes(&error)),
        };
        Some(detector.finish())
    }
}
