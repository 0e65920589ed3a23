//! Detects keywords in a stream of audio.

use std::mem;
use std::sync::Arc;

use sc_data::{LogMel, LogMelScratch, SAMPLE_RATE_HZ};
use serde::Serialize;

use crate::clock::Instant;
use crate::{Classifier, Timing};

/// Length of the silence added before the first sample and after the last one, in seconds. A word at the
/// very beginning or end then stands as whole in a window as one in the middle.
const MARGIN_S: f32 = 0.5;

/// Time after a detection without another one, in seconds: shorter than any two keywords.
const REFRACTORY_S: f32 = 0.4;

/// Share of the threshold that a keyword's score must fall below before the keyword is detected again.
const REARM_SHARE: f32 = 0.8;

/// Longest pause within a word, as in *stop* or *eight*, in seconds.
const LONGEST_PAUSE_S: f32 = 0.1;

/// Settings of a [`Detector`].
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorConfig {
    /// Distance between the windows that are classified, in seconds: at least a frame, at most a window.
    pub hop_s: f32,
    /// Time over which the probabilities of windows are averaged, in seconds.
    pub smoothing_s: f32,
    /// Least smoothed probability of a detected keyword. `None` takes the record's threshold.
    pub threshold: Option<f32>,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self { hop_s: 0.1, smoothing_s: 0.3, threshold: None }
    }
}

/// A keyword in the audio.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Detection {
    /// The keyword.
    pub label: String,
    /// Start of the keyword, in seconds from the first sample.
    pub start_s: f32,
    /// End of the keyword, in seconds from the first sample.
    pub end_s: f32,
    /// The keyword's smoothed probability when it was detected.
    pub confidence: f32,
}

/// The likeliest label of a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Score {
    /// End of the window, in seconds from the first sample.
    pub time_s: f32,
    /// The label with the highest smoothed probability.
    pub label: String,
    /// That probability.
    pub confidence: f32,
}

/// Detects keywords in 16 kHz mono samples, which come in pieces of any size.
///
/// A window of one second moves over the audio. The probabilities of each label are averaged over a few
/// windows, and a keyword is detected when its average reaches the threshold. The average must then fall
/// before the same keyword is detected again. (`RecognizeCommands` of TensorFlow's example waits for a
/// fixed time instead.) Each frame of the spectrogram is computed once. The detections depend on the
/// samples alone, not on the pieces they come in.
///
/// ```
/// use std::sync::Arc;
///
/// use sc_model::{Backend, Classifier, Detector, DetectorConfig};
///
/// # fn main() -> Result<(), sc_model::Error> {
/// let classifier = Arc::new(Classifier::shipped(Backend::Native)?);
/// let mut detector = Detector::new(classifier, &DetectorConfig::default());
/// let mut heard = detector.push(&[0.0; 4_000]);
/// heard.extend(detector.finish());
/// assert_eq!(heard, []);
/// # Ok(())
/// # }
/// ```
pub struct Detector {
    classifier: Arc<Classifier>,
    log_mel: LogMel,
    scratch: LogMelScratch,
    threshold: f32,
    /// Frames from one window to the next.
    hop: usize,
    /// Samples that later frames need, the oldest first.
    samples: Vec<f32>,
    /// `[n, n_mels]`: the frames from the next window on.
    frames: Vec<f32>,
    /// Number of frames before those in `frames`, from the beginning of the margin.
    n_passed: usize,
    /// Probabilities of the last windows, each `[n_labels]`; at most `n_smoothed` of them.
    windows: Vec<Vec<f32>>,
    n_smoothed: usize,
    /// For each label, true if it may be detected.
    armed: Vec<bool>,
    /// The end of the last detection, and the time at which it was made, in frames.
    last: Option<(usize, usize)>,
    latest: Option<Score>,
    /// The time of the work since it was last taken.
    timing: Timing,
}

impl Detector {
    /// Makes a detector for a new stream.
    pub fn new(classifier: Arc<Classifier>, config: &DetectorConfig) -> Self {
        let header = classifier.header();
        let log_mel = header.log_mel.init();
        let frames_in = |seconds: f32| {
            let frames = seconds * SAMPLE_RATE_HZ as f32 / header.log_mel.hop_length as f32;
            (frames.round() as usize).max(1)
        };
        let hop = frames_in(config.hop_s).min(header.network.n_frames);
        Self {
            threshold: config.threshold.unwrap_or(header.threshold),
            hop,
            samples: vec![0.0; margin()],
            frames: Vec::new(),
            n_passed: 0,
            windows: Vec::new(),
            n_smoothed: frames_in(config.smoothing_s).div_ceil(hop),
            armed: vec![true; header.labels.names().len()],
            last: None,
            latest: None,
            timing: Timing::default(),
            scratch: log_mel.scratch(),
            log_mel,
            classifier,
        }
    }

    /// Takes more samples and returns the keywords detected in them. Samples are clamped to [-1, 1], and NaN
    /// becomes 0.
    pub fn push(&mut self, samples: &[f32]) -> Vec<Detection> {
        self.samples
            .extend(samples.iter().map(|sample| if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }));
        self.compute_frames();
        let window = self.classifier.header().network.n_frames;
        let n_mels = self.n_mels();
        let n_windows = (self.frames.len() / n_mels + self.hop).saturating_sub(window) / self.hop;
        let mut detections = Vec::new();
        for i in 0..n_windows {
            let first = i * self.hop;
            let frames = first * n_mels..(first + window) * n_mels;
            let start = Instant::now();
            let probabilities =
                self.classifier.probabilities_of(&self.frames[frames.clone()], self.threshold);
            self.timing.network += start.elapsed();
            let scores = self.smooth(probabilities);
            detections.extend(self.decide(&scores, self.n_passed + first, frames));
        }
        self.frames.drain(..n_windows * self.hop * n_mels);
        self.n_passed += n_windows * self.hop;
        detections
    }

    /// Ends the stream and returns the keywords detected at its end. Nothing may be pushed after it.
    pub fn finish(&mut self) -> Vec<Detection> {
        self.push(&vec![0.0; margin()])
    }

    /// Returns the time that front end and network took since the last call, and begins anew at zero.
    pub fn take_timing(&mut self) -> Timing {
        mem::take(&mut self.timing)
    }

    /// Returns the likeliest label of the newest window, or `None` before the first half second is over.
    pub fn latest(&self) -> Option<&Score> {
        self.latest.as_ref()
    }

    fn n_mels(&self) -> usize {
        self.classifier.header().log_mel.n_mels
    }

    /// Computes all frames that the samples are enough for, and drops the samples no longer needed.
    fn compute_frames(&mut self) {
        let (hop_length, n_fft) =
            (self.classifier.header().log_mel.hop_length, self.classifier.header().log_mel.n_fft);
        let n = (self.samples.len() + hop_length).saturating_sub(n_fft) / hop_length;
        let old = self.frames.len();
        self.frames.resize(old + n * self.n_mels(), 0.0);
        if n > 0 {
            let start = Instant::now();
            self.log_mel.frames_into(&self.samples, &mut self.scratch, &mut self.frames[old..]);
            self.timing.features += start.elapsed();
            self.samples.drain(..n * hop_length);
        }
    }

    /// Returns the mean of the last windows' probabilities.
    fn smooth(&mut self, newest: Vec<f32>) -> Vec<f32> {
        if self.windows.len() == self.n_smoothed {
            self.windows.remove(0);
        }
        self.windows.push(newest);
        let mean = |label: usize| {
            let sum: f32 = self.windows.iter().map(|window| window[label]).sum();
            sum / self.n_smoothed as f32
        };
        (0..self.armed.len()).map(mean).collect()
    }

    /// Returns the detection in a window, if there is one. `scores` are its smoothed probabilities, and `first`
    /// is its first frame.
    fn decide(&mut self, scores: &[f32], first: usize, frames: std::ops::Range<usize>) -> Option<Detection> {
        let (best, confidence) =
            scores.iter().copied().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        for (armed, score) in self.armed.iter_mut().zip(scores) {
            *armed |= *score < REARM_SHARE * self.threshold;
        }
        let n_frames = frames.len() / self.n_mels();
        let now = first + n_frames;
        let classifier = Arc::clone(&self.classifier);
        let labels = &classifier.header().labels;
        let label = &labels.names()[best];
        self.latest = Some(Score { time_s: self.seconds(now), label: label.clone(), confidence });
        let is_free =
            self.last.is_none_or(|(_, when)| self.seconds(now) - self.seconds(when) >= REFRACTORY_S);
        if !(labels.is_keyword(best) && confidence >= self.threshold && self.armed[best] && is_free) {
            return None;
        }
        let earliest = self.last.map_or(0, |(end, _)| end.saturating_sub(first).min(n_frames - 1));
        let (start, end) =
            loudest_sound(&self.frames[frames], self.n_mels(), earliest, self.frames_in_pause());
        self.armed[best] = false;
        self.last = Some((first + end, now));
        Some(Detection {
            label: label.clone(),
            start_s: self.seconds(first + start).max(0.0),
            end_s: self.seconds(first + end),
            confidence,
        })
    }

    fn frames_in_pause(&self) -> usize {
        (LONGEST_PAUSE_S * SAMPLE_RATE_HZ as f32 / self.classifier.header().log_mel.hop_length as f32)
            as usize
    }

    /// Returns the time of a frame that is counted from the beginning of the margin, in seconds from the first
    /// sample.
    fn seconds(&self, frame: usize) -> f32 {
        (frame * self.classifier.header().log_mel.hop_length) as f32 / SAMPLE_RATE_HZ as f32 - MARGIN_S
    }
}

fn margin() -> usize {
    (MARGIN_S * SAMPLE_RATE_HZ as f32) as usize
}

/// Returns the first frame of the sound around the loudest frame from `earliest` on, and the frame after its
/// last. The sound is louder than half-way between the quietest and the loudest frame, in the logarithm of
/// power. It may have pauses of at most `longest_pause` frames.
fn loudest_sound(frames: &[f32], n_mels: usize, earliest: usize, longest_pause: usize) -> (usize, usize) {
    let power = |frame: &[f32]| frame.iter().map(|band| band.exp()).sum::<f32>().ln();
    let loudness: Vec<f32> = frames.chunks_exact(n_mels).map(power).collect();
    let candidates = loudness.iter().enumerate().skip(earliest);
    let Some((peak, loudest)) = candidates.max_by(|(_, a), (_, b)| a.total_cmp(b)) else { return (0, 0) };
    let quietest = loudness.iter().copied().fold(f32::INFINITY, f32::min);
    let is_loud = |frame: &usize| loudness[*frame] >= f32::midpoint(quietest, *loudest);
    let reach = |frames: &mut dyn Iterator<Item = usize>| {
        let mut last = peak;
        for frame in frames {
            if is_loud(&frame) {
                last = frame;
            } else if frame.abs_diff(last) > longest_pause {
                break;
            }
        }
        last
    };
    (reach(&mut (earliest..peak).rev()), reach(&mut (peak..loudness.len())) + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Backend;

    /// Frames of one band, as loud as given.
    fn sound(loudness: &[f32]) -> (usize, usize) {
        loudest_sound(loudness, 1, 0, 2)
    }

    #[test]
    fn a_sound_reaches_as_far_as_it_is_loud_over_short_pauses() {
        assert_eq!(sound(&[-9.0, -9.0, -2.0, -1.0, -3.0, -9.0, -9.0]), (2, 5));
        assert_eq!(sound(&[-9.0, -2.0, -9.0, -9.0, -1.0, -9.0, -9.0, -9.0, -2.0]), (1, 5));
        assert_eq!(sound(&[-5.0]), (0, 1));
        assert_eq!(loudest_sound(&[-1.0, -9.0, -2.0, -9.0], 1, 1, 0), (2, 3));
    }

    #[test]
    fn the_same_sound_in_pieces_of_any_size_has_the_same_scores() {
        let classifier = Arc::new(Classifier::shipped(Backend::Native).unwrap());
        let sound: Vec<f32> =
            crate::self_test_waveform().samples().repeat(2).into_iter().chain([0.1; 777]).collect();
        let listen = |size: usize| {
            let mut detector = Detector::new(Arc::clone(&classifier), &DetectorConfig::default());
            let detections: Vec<_> = sound.chunks(size).flat_map(|piece| detector.push(piece)).collect();
            (detections, detector.latest().cloned(), detector.frames, detector.samples)
        };
        let whole = listen(sound.len());
        assert!(whole.1.is_some());
        for size in [1, 159, 160, 161, 1_000, 16_000] {
            assert!(listen(size) == whole, "pieces of {size}");
        }
    }

    #[test]
    fn the_time_of_front_end_and_network_is_told_once() {
        let classifier = Arc::new(Classifier::shipped(Backend::Native).unwrap());
        let mut detector = Detector::new(classifier, &DetectorConfig::default());

        detector.push(&[0.1; 100]);
        assert_eq!(detector.take_timing().network, Duration::ZERO, "no window is full");
        detector.push(&vec![0.1; 16_000]);
        let timing = detector.take_timing();

        assert!(timing.features > Duration::ZERO && timing.network > Duration::ZERO, "{timing:?}");
        assert_eq!(detector.take_timing(), Timing::default());
    }

    #[test]
    fn samples_that_are_no_sound_are_silence_and_no_panic() {
        let classifier = Arc::new(Classifier::shipped(Backend::Native).unwrap());
        let mut detector = Detector::new(classifier, &DetectorConfig::default());
        let heard = detector.push(&[f32::NAN, f32::INFINITY, -5.0].repeat(20_000));
        assert!(heard.iter().all(|detection| detection.confidence.is_finite()));
    }
}
