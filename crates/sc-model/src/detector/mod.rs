//! Detects keywords in a stream of audio.
//!
//! Samples become `frames`, over which a `listener` moves the network. A `rule` decides which of its answers are a keyword,
//! and `loudness` finds where that was said.

mod frames;
mod listener;
mod live;
mod loudness;
mod rule;

use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use sc_data::{LogMelConfig, SAMPLE_RATE_HZ};
use serde::Serialize;

use crate::clock::Instant;
use crate::{Classifier, Header, Timing, check_threshold};

pub use live::LiveDetector;

use frames::Frames;
use listener::{Answer, Listener};
use loudness::Loudness;
use rule::Rule;

/// Length of the silence added before the first sample and after the last one, in seconds. A word at the
/// very beginning or end then stands as whole in a window as one in the middle.
const MARGIN_S: f32 = 0.5;

/// Share of the window before a detection in which its word is not looked for. When a word is detected, it has mostly
/// ended 0.3 s ago, and the newest frame of the window is as old: what lies at the window's beginning is another word.
const TOO_EARLY: f32 = 0.25;

/// Time over which power is averaged to find the loudest sound, in seconds: a click lasts a frame or two. With these two,
/// half as many words in loud noise are placed where no word is.
const LOUDNESS_S: f32 = 0.09;

/// Power of a frame without sound, by that of the offset that the front end adds: it is 1 but for its rounding.
const SILENCE: f32 = 1.001;

/// Sound that tells how loud the background is, in seconds. If less was heard, the silence around it counts too: a word
/// alone is no background.
const BACKGROUND_S: f32 = 0.75;

/// Longest pause within a word, as in *stop* or *eight*, in seconds.
const LONGEST_PAUSE_S: f32 = 0.1;

/// Settings of a [`Detector`].
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorConfig {
    /// Time from one answer to the next, in seconds. It becomes a multiple of the network's own
    /// ([`KeywordCnnConfig::hop`](crate::KeywordCnnConfig::hop)), of at most a second.
    pub hop_s: f32,
    /// Time over which the probabilities of answers are averaged, in seconds.
    ///
    /// In five hours of streams of validation clips, 0.24 s names words 0.05 s sooner than 0.32 s, and finds as many with as
    /// many false alarms; 0.16 s has 8 more.
    pub smoothing_s: f32,
    /// Least confidence of a detected keyword. `None` takes the classifier's threshold.
    pub threshold: Option<f32>,
}

/// An answer at each step of the shipped network.
impl Default for DetectorConfig {
    fn default() -> Self {
        Self { hop_s: 0.08, smoothing_s: 0.24, threshold: None }
    }
}

impl DetectorConfig {
    /// Takes settings that a user gives, and the default in place of `None`.
    ///
    /// # Errors
    /// The text names the setting that is out of range, and its range.
    pub fn new(hop_s: Option<f32>, smoothing_s: Option<f32>, threshold: Option<f32>) -> Result<Self, String> {
        let default = Self::default();
        let hop_s = hop_s.unwrap_or(default.hop_s);
        let smoothing_s = smoothing_s.unwrap_or(default.smoothing_s);
        if !(0.01..=1.0).contains(&hop_s) {
            return Err(format!("a hop of {hop_s} s: expected 0.01 to 1 s"));
        }
        if !(0.0..=1.0).contains(&smoothing_s) {
            return Err(format!("a smoothing of {smoothing_s} s: expected 0 to 1 s"));
        }
        threshold.map_or(Ok(()), check_threshold)?;
        Ok(Self { hop_s, smoothing_s, threshold })
    }
}

/// A keyword in the audio.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Detection {
    /// The keyword.
    pub label: String,
    /// Start of the keyword, in seconds from the first sample.
    pub start_s: f64,
    /// End of the keyword, in seconds from the first sample.
    pub end_s: f64,
    /// How sure the detector is, by the keyword's smoothed probability when it was detected and by its probability in
    /// the second around it.
    pub confidence: f32,
    /// The time up to which sound was heard when it was detected, in seconds from the first sample.
    #[serde(skip)]
    pub detected_s: f64,
}

/// The likeliest label at a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Score {
    /// The time up to which sound was heard, in seconds from the first sample.
    pub time_s: f64,
    /// The label with the highest smoothed probability.
    pub label: String,
    /// That probability.
    pub confidence: f32,
}

/// Detects keywords in 16 kHz mono samples, which come in pieces of any size.
///
/// At every hop the network answers for a second. The probabilities of each label are averaged over a few
/// answers. Where a keyword's average may be enough, the network takes a second look, at the second around the loudest
/// sound, and the keyword is detected when both together reach the threshold. The average must then fall
/// before the same keyword is detected again. (`RecognizeCommands` of TensorFlow's example waits for a
/// fixed time instead.) The detections depend on the samples alone, not on the pieces they come in.
///
/// The project's own engine computes each row of its activations once. Its answer stands for the second that
/// ended 0.32 s ago, as its kernels see so far ahead. Another backend answers for the newest second, anew each time.
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
    frames: Frames,
    listener: Listener,
    rule: Rule,
    latest: Option<Score>,
    /// Samples that were pushed.
    n_samples: u64,
    /// The time of the work since it was last taken.
    timing: Timing,
}

impl Detector {
    /// Makes a detector for a new stream.
    pub fn new(classifier: Arc<Classifier>, config: &DetectorConfig) -> Self {
        let hop = frames_in(config.hop_s, &classifier.header().log_mel);
        let listener = Listener::new(classifier, hop);
        let Header { labels, log_mel, .. } = listener.classifier().header();
        let threshold = config.threshold.unwrap_or(listener.classifier().threshold());
        let n_smoothed = frames_in(config.smoothing_s, log_mel).div_ceil(listener.hop());
        Self {
            frames: Frames::after_silence(margin(), log_mel.n_mels),
            rule: Rule::new(labels.names().len(), n_smoothed, threshold, |seconds| {
                frames_in(seconds, log_mel)
            }),
            listener,
            latest: None,
            n_samples: 0,
            timing: Timing::default(),
        }
    }

    /// Takes more samples and returns the keywords detected in them. Samples are clamped to [-1, 1], and NaN
    /// becomes 0.
    pub fn push(&mut self, samples: &[f32]) -> Vec<Detection> {
        // However much comes, little is held.
        let pieces = samples.chunks(self.longest_piece());
        pieces.flat_map(|piece| self.push_piece(piece)).collect()
    }

    /// Takes more samples of several streams and returns the keywords detected in each. They are those of
    /// [`push`](Self::push), for less work where streams have the same classifier, and a hop each: many live ones.
    pub fn push_together(pieces: &mut [(&mut Self, &[f32])]) -> Vec<Vec<Detection>> {
        let mut found = vec![Vec::new(); pieces.len()];
        let mut turns: Vec<(&mut Self, &mut Vec<Detection>)> = Vec::with_capacity(pieces.len());
        for ((detector, samples), found) in pieces.iter_mut().zip(&mut found) {
            if samples.len() > detector.longest_piece() {
                *found = detector.push(samples);
                continue;
            }
            let n_hops = detector.take(samples);
            if detector.listener.goes_with(turns.first().map(|(first, _)| &first.listener), n_hops) {
                turns.push((detector, found));
            } else {
                *found = detector.hear(n_hops);
            }
        }
        Self::hear_together(&mut turns);
        found
    }

    /// Returns the most samples that are taken at once.
    fn longest_piece(&self) -> usize {
        let Header { network, log_mel, .. } = self.header();
        network.n_frames.next_multiple_of(self.listener.hop()) * log_mel.hop_length
    }

    fn push_piece(&mut self, samples: &[f32]) -> Vec<Detection> {
        let n_hops = self.take(samples);
        self.hear(n_hops)
    }

    /// Computes the frames of more samples, and returns the number of hops that are to be heard.
    fn take(&mut self, samples: &[f32]) -> usize {
        self.n_samples += samples.len() as u64;
        self.timing.features += self.frames.push(samples, self.listener.classifier());
        (self.frames.kept().end - self.listener.n_heard()) / self.listener.hop()
    }

    /// Lets the network hear as many hops, and returns the detections in its answers.
    fn hear(&mut self, n_hops: usize) -> Vec<Detection> {
        if n_hops == 0 {
            return Vec::new();
        }
        let start = Instant::now();
        let frames = self.frames.before(self.listener.n_heard_after(n_hops));
        let answers = self.listener.hear(frames, n_hops);
        self.conclude(answers, start.elapsed())
    }

    /// Does the same for a hop of several streams.
    fn hear_together(turns: &mut [(&mut Self, &mut Vec<Detection>)]) {
        let start = Instant::now();
        let listeners = turns.iter_mut().map(|(detector, _)| {
            let frames = detector.frames.before(detector.listener.n_heard_after(1));
            (&mut detector.listener, frames)
        });
        let answers = Listener::hear_together(&mut listeners.collect::<Vec<_>>());
        let share = start.elapsed().checked_div(turns.len() as u32).unwrap_or_default();
        for ((detector, found), answers) in turns.iter_mut().zip(answers) {
            **found = detector.conclude(answers, share);
        }
    }

    /// Returns the detections in the network's answers, which took so long.
    fn conclude(&mut self, answers: Vec<Answer>, took: Duration) -> Vec<Detection> {
        self.timing.network += took;
        let detections = answers.into_iter().filter_map(|answer| self.decide(answer)).collect();
        self.forget();
        detections
    }

    /// Ends the stream and returns the keywords detected at its end. Nothing may be pushed after it.
    pub fn finish(&mut self) -> Vec<Detection> {
        let n_frames = self.listener.lag() + self.listener.hop();
        let end_s = self.n_samples as f64 / f64::from(SAMPLE_RATE_HZ);
        let mut detections = self.push(&vec![0.0; margin() + n_frames * self.header().log_mel.hop_length]);
        for detection in &mut detections {
            detection.start_s = detection.start_s.min(end_s);
            detection.end_s = detection.end_s.min(end_s);
        }
        detections
    }

    /// Returns the time that front end and network took since the last call, and begins anew at zero.
    pub fn take_timing(&mut self) -> Timing {
        mem::take(&mut self.timing)
    }

    /// Returns the classifier that hears.
    pub fn classifier(&self) -> &Arc<Classifier> {
        self.listener.classifier()
    }

    /// Returns the likeliest label of the newest answer, or `None` before there is one.
    pub fn latest(&self) -> Option<&Score> {
        self.latest.as_ref()
    }

    fn header(&self) -> &Header {
        self.listener.classifier().header()
    }

    /// Drops the frames that no later answer stands for.
    fn forget(&mut self) {
        let reach = self.header().network.n_frames + self.listener.lag();
        let next = self.listener.n_heard_after(1);
        self.frames.forget(next.saturating_sub(reach).min(self.listener.n_heard()));
    }

    /// Returns the detection that an answer leads to, if there is one.
    fn decide(&mut self, Answer { n_heard: now, output }: Answer) -> Option<Detection> {
        let probabilities = self.listener.classifier().probabilities(&output, self.rule.threshold());
        let (best, score) = self.rule.hear(probabilities)?;
        let label = self.header().labels.names()[best].clone();
        self.latest = Some(Score { time_s: self.heard_s(now), label: label.clone(), confidence: score });
        if !self.header().labels.is_keyword(best) || !self.rule.may_be(best, score, now) {
            return None;
        }
        let start = Instant::now();
        let sound = self.place(now);
        let second_look = self.look_at(&sound, now)[best];
        self.timing.network += start.elapsed();
        let confidence = self.rule.confirm(best, [score, second_look], sound.end, now)?;
        Some(Detection {
            label,
            start_s: self.place_s(sound.start).max(0.0),
            end_s: self.place_s(sound.end),
            confidence,
            detected_s: self.heard_s(now),
        })
    }

    /// Returns the frames of the loudest sound in the second that the answer at frame `now` stands for.
    fn place(&self, now: usize) -> Range<usize> {
        let Header { network, log_mel, .. } = self.header();
        let first = now - self.listener.lag() - network.n_frames;
        let free_from =
            self.rule.last_end().map_or(0, |end| end.saturating_sub(first).min(network.n_frames - 1));
        let candidates = free_from.max((TOO_EARLY * network.n_frames as f32) as usize)..network.n_frames;
        // The front end adds an offset to the power of each band, so that it has a logarithm.
        let silence = SILENCE * log_mel.n_mels as f32 * log_mel.log_offset;
        let [span, enough] = [LOUDNESS_S, BACKGROUND_S].map(|seconds| frames_in(seconds, log_mel));
        let loudness = Loudness::new(self.frames.range(first..now), log_mel.n_mels, span, silence, enough);
        let sound = loudness.sound(free_from, candidates, frames_in(LONGEST_PAUSE_S, log_mel));
        first + sound.start..first + sound.end
    }

    /// Returns the probability of each label in the second around a sound, of what was heard up to frame `now`.
    fn look_at(&self, sound: &Range<usize>, now: usize) -> Vec<f32> {
        let n_frames = self.header().network.n_frames;
        let latest = now - n_frames;
        let first = usize::midpoint(sound.start, sound.end).saturating_sub(n_frames / 2);
        let first = first.clamp(latest - self.listener.lag(), latest);
        let classifier = self.listener.classifier();
        let output = classifier.listen_to(self.frames.range(first..first + n_frames));
        classifier.probabilities(&output, self.rule.threshold())
    }

    /// Returns the time between the frames before `frame` and those from it on, which overlap.
    fn place_s(&self, frame: usize) -> f64 {
        self.seconds(frame, self.overlap() / 2)
    }

    /// Returns the time at which the last of the frames before `frame` ends.
    fn heard_s(&self, frame: usize) -> f64 {
        self.seconds(frame, self.overlap())
    }

    /// Returns the samples that a frame shares with the next one.
    fn overlap(&self) -> usize {
        let LogMelConfig { n_fft, hop_length, .. } = self.header().log_mel;
        n_fft.saturating_sub(hop_length)
    }

    /// Returns the time so many samples after the beginning of a frame, which is counted from the beginning of the margin,
    /// in seconds from the first sample.
    fn seconds(&self, frame: usize, after: usize) -> f64 {
        // In whole samples, so that 0.46 s is not 0.45999998. After three days a browser's `usize` does not hold them.
        let n_samples =
            frame as i64 * self.header().log_mel.hop_length as i64 + after as i64 - margin() as i64;
        n_samples as f64 / f64::from(SAMPLE_RATE_HZ)
    }
}

/// Returns the frames in a time: one or more.
fn frames_in(seconds: f32, log_mel: &LogMelConfig) -> usize {
    let frames = seconds * SAMPLE_RATE_HZ as f32 / log_mel.hop_length as f32;
    (frames.round() as usize).max(1)
}

fn margin() -> usize {
    (MARGIN_S * SAMPLE_RATE_HZ as f32) as usize
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use sc_data::StreamResampler;

    use super::*;
    use crate::Backend;

    fn detector() -> Detector {
        let classifier = Arc::new(Classifier::shipped(Backend::Native).unwrap());
        Detector::new(classifier, &DetectorConfig::default())
    }

    /// The samples of one of the page's examples.
    fn example(name: &str) -> Vec<f32> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/web/examples").join(name);
        sc_data::decode(&std::fs::read(file).unwrap(), &sc_data::Limits::default()).unwrap()
    }

    /// So many samples of noise.
    fn noise(level: f32, n: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let number = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state as f32 / u32::MAX as f32 - 0.5) * 12.0_f32.sqrt() * level
        };
        (0..n).map(number).collect()
    }

    #[test]
    fn a_word_at_either_end_is_found_and_placed_as_one_in_the_middle() {
        let word = example("yes.mp3")[3_600..13_000].to_vec();
        let level = (word.iter().map(|x| x * x).sum::<f32>() / word.len() as f32).sqrt();
        // Noise 25 dB below the word, or none.
        for (noise_level, tolerance_s) in [(level / 18.0, [0.1, 0.15]), (0.0, [0.04, 0.1])] {
            for (before, after, zeros) in
                [(32_000, 32_000, 0), (0, 32_000, 0), (32_000, 0, 0), (0, 0, 0), (4_000, 4_000, 16_000)]
            {
                let mut sound = noise(noise_level, before + word.len() + after);
                sound[before..].iter_mut().zip(&word).for_each(|(noise, word)| *noise += word);
                let sound = [vec![0.0; zeros], sound, vec![0.0; zeros]].concat();
                let before = before + zeros;
                let mut detector = detector();
                let mut heard = detector.push(&sound);
                heard.extend(detector.finish());

                let place = format!("{noise_level}, {before}, {after}: {heard:?}");
                let [Detection { label, start_s, end_s, .. }] = heard.as_slice() else { panic!("{place}") };
                let begins = before as f64 / 16_000.0;
                let ends = begins + word.len() as f64 / 16_000.0;
                let errors_s = [(start_s - begins).abs(), (end_s - ends + 0.06).abs()];
                assert_eq!(label, "yes", "{place}");
                assert!(errors_s.iter().zip(tolerance_s).all(|(error, most)| *error < most), "{place}");
                assert!(start_s < end_s && *end_s <= sound.len() as f64 / 16_000.0, "{place}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn the_same_sound_in_pieces_of_any_size_has_the_same_answers(
            sizes in prop::collection::vec(prop_oneof![1..400_usize, 400..40_000_usize], 1..20),
        ) {
            let sound: Vec<f32> =
                crate::self_test_waveform().samples().repeat(2).into_iter().chain([0.1; 777]).collect();
            let mut whole = detector();
            let mut detections = whole.push(&sound);
            let mut pieces = detector();
            let (mut rest, mut found) = (sound.as_slice(), Vec::new());
            for size in sizes.iter().cycle() {
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                found.extend(pieces.push(piece));
                rest = after;
                if rest.is_empty() { break; }
            }
            prop_assert!(whole.latest().is_some());
            prop_assert_eq!(whole.latest(), pieces.latest());
            detections.extend(whole.finish());
            found.extend(pieces.finish());
            prop_assert_eq!(detections, found);
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        assert_eq!(DetectorConfig::new(None, None, None), Ok(DetectorConfig::default()));
        for ([hop_s, smoothing_s, threshold], text) in [
            ([Some(0.005), None, None], "a hop of 0.005 s: expected 0.01 to 1 s"),
            ([Some(f32::NAN), None, None], "a hop of NaN s: expected 0.01 to 1 s"),
            ([None, Some(1.5), None], "a smoothing of 1.5 s: expected 0 to 1 s"),
            ([None, None, Some(1.5)], "a threshold of 1.5: expected 0 to 1"),
        ] {
            assert_eq!(DetectorConfig::new(hop_s, smoothing_s, threshold), Err(text.into()));
        }
    }

    #[test]
    fn a_word_said_again_at_once_is_detected_again() {
        let again: Vec<f32> = example("yes.mp3")[800..19_200].repeat(3);
        let mut detector = detector();
        let mut heard = detector.push(&again);
        heard.extend(detector.finish());

        let starts: Vec<f64> = heard.iter().map(|detection| detection.start_s).collect();
        assert!(heard.iter().all(|detection| detection.label == "yes"), "{heard:?}");
        assert_eq!(starts.len(), 3, "{heard:?}");
        assert!(starts.windows(2).all(|pair| (pair[1] - pair[0] - 1.15).abs() < 0.02), "{starts:?}");
    }

    #[test]
    fn streams_that_are_heard_together_have_the_detections_of_each_alone() {
        let samples = example("several.mp3");
        let classifier = Arc::new(Classifier::shipped(Backend::Native).unwrap());
        let slow = DetectorConfig { hop_s: 0.16, ..DetectorConfig::default() };
        // More streams than the engine takes at once, other beginnings, pieces and hops, another classifier, and a burst.
        let mut streams: Vec<(Detector, usize)> = (0..20)
            .map(|i| (Detector::new(Arc::clone(&classifier), &DetectorConfig::default()), 777 * i))
            .collect();
        streams.push((Detector::new(Arc::clone(&classifier), &slow), 0));
        streams.push((detector(), 0));
        let mut alone: Vec<Detector> = (0..20).map(|_| detector()).collect();
        alone.push(Detector::new(classifier, &slow));
        alone.push(detector());
        let mut heard = vec![Vec::new(); streams.len()];
        for (step, sizes) in (0..samples.len() / 1_280).zip([1_280, 640, 1_280, 1_280].into_iter().cycle()) {
            let mut pieces: Vec<(&mut Detector, &[f32])> = streams
                .iter_mut()
                .map(|(detector, start)| {
                    let begin = *start;
                    *start += if step == 5 { 20_000 } else { sizes };
                    (detector, &samples[begin.min(samples.len())..(*start).min(samples.len())])
                })
                .collect();
            for (heard, found) in heard.iter_mut().zip(Detector::push_together(&mut pieces)) {
                heard.extend(found);
            }
        }
        for (i, ((detector, end), alone)) in streams.iter_mut().zip(&mut alone).enumerate() {
            let begin = if i < 20 { 777 * i } else { 0 };
            let mut expected = alone.push(&samples[begin..(*end).min(samples.len())]);
            expected.extend(alone.finish());
            heard[i].extend(detector.finish());
            assert!(!expected.is_empty());
            assert_eq!(heard[i], expected, "stream {i}");
        }
    }

    #[test]
    fn live_samples_of_another_rate_have_the_detections_of_the_same_sound_at_16_khz() {
        let sound: Vec<f32> = example("yes.mp3").iter().flat_map(|sample| [*sample; 3]).collect();
        let mut detector = detector();
        let mut expected = detector.push(&StreamResampler::all(&sound, 48_000));
        expected.extend(detector.finish());

        let classifier = Arc::new(Classifier::shipped(Backend::Native).unwrap());
        let mut live = LiveDetector::new(classifier, &DetectorConfig::default(), 48_000.0).unwrap();
        let mut heard: Vec<Detection> =
            sound.chunks(1_000).flat_map(|piece| live.push(piece).unwrap()).collect();
        heard.extend(live.finish());
        assert!(!expected.is_empty());
        assert_eq!(heard, expected);
    }

    #[test]
    fn live_samples_that_are_no_sound_are_refused_and_an_empty_piece_is_passed_over() {
        let classifier = Arc::new(Classifier::shipped(Backend::Native).unwrap());
        let live = |rate_hz| LiveDetector::new(Arc::clone(&classifier), &DetectorConfig::default(), rate_hz);
        assert!(live(0.0).is_err());
        let mut live = live(8_000.0).unwrap();
        assert!(matches!(live.push(&[f32::NAN]), Err(sc_data::Error::NotFinite)));
        assert!(matches!(live.push(&vec![0.1; 61 * 8_000]), Err(sc_data::Error::TooLong { .. })));
        assert_eq!(live.push(&[]).unwrap(), []);
    }

    #[test]
    fn however_long_the_sound_a_detector_stays_small() {
        let mut detector = detector();
        detector.push(&vec![0.1; 60 * 16_000]);
        let window =
            detector.header().network.n_frames + detector.listener.lag() + 2 * detector.listener.hop();
        assert!(detector.frames.kept().len() <= window, "{:?}", detector.frames.kept());
    }

    #[test]
    fn the_time_of_front_end_and_network_is_told_once() {
        let mut detector = detector();

        assert_eq!(detector.take_timing(), Timing::default(), "nothing is heard yet");
        detector.push(&vec![0.1; 16_000]);
        let timing = detector.take_timing();

        assert!(timing.features > Duration::ZERO && timing.network > Duration::ZERO, "{timing:?}");
        assert_eq!(detector.take_timing(), Timing::default());
    }

    #[test]
    fn times_are_the_nearest_numbers() {
        let detector = detector();
        // The last two are a day, and as many samples as 32 bits do not hold.
        let times = [0, 96, 215, 8_640_096, 26_843_546].map(|frame| detector.seconds(frame, 0).to_string());
        assert_eq!(times, ["-0.5", "0.46", "1.65", "86400.46", "268434.96"]);
        let score = Score { time_s: detector.seconds(96, 0), label: "yes".into(), confidence: 0.5 };
        let json = serde_json::to_string(&score).unwrap();
        assert_eq!(json, r#"{"time_s":0.46,"label":"yes","confidence":0.5}"#);
    }

    #[test]
    fn samples_that_are_no_sound_are_silence_and_no_panic() {
        let mut detector = detector();
        let heard = detector.push(&[f32::NAN, f32::INFINITY, -5.0].repeat(20_000));
        assert!(heard.iter().all(|detection| detection.confidence.is_finite()));
    }
}
