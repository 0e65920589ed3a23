//! The spectrogram of a stream, as it comes.

use std::ops::Range;
use std::time::Duration;

use sc_data::LogMelConfig;

use crate::Classifier;
use crate::classifier::Buffers;
use crate::clock::Instant;

/// The newest frames of a stream. A frame is named by its number from the beginning, also when older ones are forgotten.
pub struct Frames {
    /// Samples that later frames need, the oldest first.
    samples: Vec<f32>,
    /// `[n, n_mels]`.
    rows: Vec<f32>,
    n_mels: usize,
    /// Number of frames before those in `rows`.
    n_forgotten: usize,
}

impl Frames {
    /// Begins with so many samples of silence.
    pub fn after_silence(n_samples: usize, n_mels: usize) -> Self {
        Self { samples: vec![0.0; n_samples], rows: Vec::new(), n_mels, n_forgotten: 0 }
    }

    /// Takes more samples, computes all frames that they are enough for, and returns the time it took. Samples are
    /// clamped to [-1, 1], and NaN becomes 0.
    pub fn push(&mut self, samples: &[f32], classifier: &Classifier) -> Duration {
        let sound = |sample: &f32| if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) };
        self.samples.extend(samples.iter().map(sound));
        let LogMelConfig { hop_length, n_fft, .. } = classifier.header().log_mel;
        let n = (self.samples.len() + hop_length).saturating_sub(n_fft) / hop_length;
        if n == 0 {
            return Duration::ZERO;
        }
        let start = Instant::now();
        let old = self.rows.len();
        self.rows.resize(old + n * self.n_mels, 0.0);
        let rows = &mut self.rows[old..];
        classifier.with_buffers(|Buffers { log_mel, .. }| {
            classifier.log_mel.frames_into(&self.samples, log_mel, rows);
        });
        self.samples.drain(..n * hop_length);
        start.elapsed()
    }

    /// Returns the numbers of the frames that are kept.
    pub fn kept(&self) -> Range<usize> {
        self.n_forgotten..self.n_forgotten + self.rows.len() / self.n_mels
    }

    /// Returns frames that are kept, `[n, n_mels]`.
    pub fn range(&self, frames: Range<usize>) -> &[f32] {
        let position = |frame| (frame - self.n_forgotten) * self.n_mels;
        &self.rows[position(frames.start)..position(frames.end)]
    }

    /// Returns all frames before `end` that are kept, `[n, n_mels]`.
    pub fn before(&self, end: usize) -> &[f32] {
        self.range(self.n_forgotten..end)
    }

    /// Forgets the frames before `first`.
    pub fn forget(&mut self, first: usize) {
        let n = first.saturating_sub(self.n_forgotten);
        self.rows.drain(..n * self.n_mels);
        self.n_forgotten += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Backend;

    #[test]
    fn a_frame_keeps_its_number_when_older_ones_are_forgotten() {
        let classifier = Classifier::shipped(Backend::Native).unwrap();
        let LogMelConfig { hop_length, n_fft, n_mels, .. } = classifier.header().log_mel;
        let mut frames = Frames::after_silence(8_000, n_mels);
        for piece in crate::self_test_waveform().samples().chunks(777) {
            frames.push(piece, &classifier);
            assert!(frames.samples.len() < n_fft, "only samples of the next frame are held");
        }
        let end = frames.kept().end;
        assert_eq!(end, (24_000 + hop_length - n_fft) / hop_length);

        let last = frames.range(60..end).to_vec();
        frames.forget(50);
        frames.forget(40);

        assert_eq!(frames.kept(), 50..end);
        assert_eq!(frames.range(60..end), last);
        assert_eq!(frames.before(end)[10 * n_mels..], last);
    }
}
