//! A detector's answers to streams: to those that are built of a split's clips, or to a recording with a table.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sc_data::{
    Blocks, Half, Labels, N_SAMPLES, SAMPLE_RATE_HZ, SampleCache, Source, SpeechCommands, Split, Waveform,
};
use sc_model::{Classifier, Detection, Detector, DetectorConfig};

use super::split;
use super::truth::Truth;
use crate::audio;
use crate::evaluation::{RecordingTable, Spoken, StreamFigures, StreamRow, StreamTable, Tally};
use crate::progress;

/// A kind of stream: words, and noise behind them.
struct Kind {
    name: &'static str,
    /// Mean of the pauses between clips, in seconds. They are distributed exponentially.
    gap_s: f32,
    /// Level of the speech over the noise.
    snr_db: f32,
    /// Share of the words that are no keyword.
    others: f64,
}

/// Three levels of noise, words that follow each other, and speech without a keyword.
const KINDS: [Kind; 5] = [
    Kind { name: "gaps 1.5 s, 30 dB", gap_s: 1.5, snr_db: 30.0, others: 0.3 },
    Kind { name: "gaps 1.5 s, 10 dB", gap_s: 1.5, snr_db: 10.0, others: 0.3 },
    Kind { name: "gaps 1.5 s, 0 dB", gap_s: 1.5, snr_db: 0.0, others: 0.3 },
    Kind { name: "gaps 0.3 s, 30 dB", gap_s: 0.3, snr_db: 30.0, others: 0.3 },
    Kind { name: "other words, 0.3 s, 30 dB", gap_s: 0.3, snr_db: 30.0, others: 1.0 },
];

/// Streams of each kind, for as many cores.
const N_STREAMS: usize = 6;

/// Puts the clips in the order in which streams say them. Any number will do, if it never changes.
const ORDER_SEED: u64 = 0;

/// Keywords in a minute with the longer pauses, about: in a report, hardly any is said twice in them.
#[cfg(feature = "flex")]
const KEYWORDS_A_MINUTE: usize = 17;
/// Most minutes of each kind in a report, which then takes seconds.
#[cfg(feature = "flex")]
const MOST_MINUTES: usize = 10;

/// Level of each clip, over its length: the usual one of ITU-T P.56.
const SPEECH_DBFS: f32 = -26.0;

/// The thresholds of the curve.
const THRESHOLDS: [f32; 7] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98];

/// Samples in the steps by which the end of a word is found: 10 ms.
const STEP: usize = SAMPLE_RATE_HZ as usize / 100;
/// What is softer than a word's loudest step by so much is no longer the word.
const WORD_RANGE_DB: f32 = 25.0;

/// Sound, and the words in it.
#[derive(Default)]
struct Stream {
    samples: Vec<f32>,
    spoken: Vec<Spoken>,
}

/// Streams of a split's clips, `minutes` and a little more of each kind.
///
/// # Errors
/// If the split is empty, or its clips cannot be read.
pub(crate) fn of_split(classifier: Classifier, data: &Path, of: Split, minutes: u32) -> Result<StreamTable> {
    let (dataset, cache) = split::open(data, &classifier.header().labels)?;
    let sounds = Sounds::new(&dataset, &cache, &classifier.header().labels, of, None)?;
    of_sounds(&Arc::new(classifier), &sounds, minutes as usize)
}

/// Streams of the held-out half of the validation split. `None` where it has no keyword, other word or noise.
///
/// # Errors
/// If a clip cannot be read.
#[cfg(feature = "flex")]
pub(crate) fn for_report(
    classifier: Classifier,
    dataset: &SpeechCommands,
    cache: &SampleCache,
) -> Result<Option<StreamTable>> {
    let labels = &classifier.header().labels;
    let sounds = Sounds::new(dataset, cache, labels, Split::Validation, Some(Half::HeldOut));
    let Ok(sounds) = sounds else { return Ok(None) };
    let minutes = (sounds.keywords.len() / KEYWORDS_A_MINUTE).clamp(1, MOST_MINUTES);
    of_sounds(&Arc::new(classifier), &sounds, minutes).map(Some)
}

/// Streams of every kind, `minutes` and a little more of each.
fn of_sounds(classifier: &Arc<Classifier>, sounds: &Sounds, minutes: usize) -> Result<StreamTable> {
    let least_len = minutes * 60 * SAMPLE_RATE_HZ as usize / N_STREAMS;
    let bar = progress::bar(KINDS.len() * N_STREAMS, "streams");
    let row = |kind: &Kind| {
        let streams = (0..N_STREAMS).into_par_iter().map(|index| {
            let stream = sounds.stream(kind, least_len, index)?;
            bar.inc(1);
            Ok(tallies(classifier, &stream))
        });
        Ok(row(classifier, kind.name, &streams.collect::<Result<Vec<_>>>()?))
    };
    let streams = KINDS.iter().map(row).collect::<Result<_>>()?;
    bar.finish_and_clear();
    Ok(table(streams))
}

/// A recording with a table of its words.
///
/// # Errors
/// If one of the two cannot be read, or the table cannot be of the recording.
pub(crate) fn of_recording(classifier: Classifier, path: &Path, truth_path: &Path) -> Result<RecordingTable> {
    let labels = classifier.header().labels.clone();
    let of_truth = || truth_path.display().to_string();
    let truth = Truth::read(truth_path).with_context(of_truth)?;
    truth.tell_of_doubts(path, &labels);
    let classifier = Arc::new(classifier);
    let (heard, seconds) = hear(&classifier, path).with_context(|| path.display().to_string())?;
    truth.check_end(seconds).with_context(of_truth)?;
    let tally = |found: &Vec<Detection>| Tally::new(&labels, &truth.spoken, found, seconds);
    let tallies = heard.iter().map(tally).collect();
    let row = row(&classifier, &path.display().to_string(), &[tallies]);
    let by_own_threshold = heard.first().map_or(&[][..], Vec::as_slice);
    Ok(RecordingTable::new(table(vec![row]), &labels, &truth.spoken, by_own_threshold))
}

/// Returns what is detected in a recording at every threshold, and its length in seconds.
fn hear(classifier: &Arc<Classifier>, path: &Path) -> Result<(Vec<Vec<Detection>>, f64)> {
    let mut heard: Vec<(Detector, Vec<Detection>)> =
        thresholds(classifier).map(|threshold| (detector(classifier, threshold), Vec::new())).collect();
    let mut n_samples = 0;
    let mut blocks = Blocks::open(audio::open(path)?)?;
    while let Some(samples) = blocks.next_block()? {
        heard.par_iter_mut().for_each(|(detector, found)| found.extend(detector.push(&samples)));
        n_samples += samples.len();
    }
    let finish = |(mut detector, found): (Detector, Vec<Detection>)| [found, detector.finish()].concat();
    Ok((heard.into_iter().map(finish).collect(), seconds(n_samples)))
}

fn table(streams: Vec<StreamRow>) -> StreamTable {
    let DetectorConfig { hop_s, smoothing_s, .. } = DetectorConfig::default();
    StreamTable { hop_s, smoothing_s, streams }
}

/// Adds up streams, each with its tally at every threshold.
fn row(classifier: &Classifier, name: &str, streams: &[Vec<Tally>]) -> StreamRow {
    let sum = |index: usize| {
        let mut sum = Tally::default();
        for tallies in streams {
            sum.add(tallies[index].clone());
        }
        sum
    };
    let mut figures = thresholds(classifier)
        .enumerate()
        .map(|(index, threshold)| StreamFigures::new(threshold, sum(index)));
    StreamRow {
        name: name.into(),
        seconds: sum(0).seconds,
        figures: figures.next().unwrap_or_else(|| StreamFigures::new(0.0, Tally::default())),
        curve: figures.collect(),
    }
}

/// The model's own threshold, then those of the curve.
fn thresholds(classifier: &Classifier) -> impl Iterator<Item = f32> {
    [classifier.threshold()].into_iter().chain(THRESHOLDS)
}

/// Detects at every threshold.
fn tallies(classifier: &Arc<Classifier>, Stream { samples, spoken }: &Stream) -> Vec<Tally> {
    let tally = |threshold| {
        let mut detector = detector(classifier, threshold);
        let found = [detector.push(samples), detector.finish()].concat();
        Tally::new(&classifier.header().labels, spoken, &found, seconds(samples.len()))
    };
    thresholds(classifier).map(tally).collect()
}

fn seconds(n_samples: usize) -> f64 {
    n_samples as f64 / f64::from(SAMPLE_RATE_HZ)
}

fn detector(classifier: &Arc<Classifier>, threshold: f32) -> Detector {
    let config = DetectorConfig { threshold: Some(threshold), ..DetectorConfig::default() };
    Detector::new(Arc::clone(classifier), &config)
}

/// The clips and the noise that streams are built of.
struct Sounds<'a> {
    dataset: &'a SpeechCommands,
    cache: &'a SampleCache,
    /// In the order in which they are said.
    keywords: Vec<usize>,
    /// Likewise.
    others: Vec<usize>,
    /// Seconds of noise.
    noises: Vec<Source>,
}

impl<'a> Sounds<'a> {
    /// Takes the clips of a split, or of a half of it, and the split's noise.
    ///
    /// # Errors
    /// If there is no keyword, no other word or no noise.
    fn new(
        dataset: &'a SpeechCommands,
        cache: &'a SampleCache,
        labels: &Labels,
        of: Split,
        half: Option<Half>,
    ) -> Result<Self> {
        let is_in =
            |clip: &usize| half.is_none_or(|half| Half::of_speaker(&dataset.clips()[*clip].speaker) == half);
        let clips = dataset.readable_in(of, cache).filter(is_in);
        let is_keyword = |clip: &usize| labels.has_keyword(&dataset.clips()[*clip].word);
        let (mut keywords, mut others): (Vec<_>, Vec<_>) = clips.partition(is_keyword);
        let root = dataset.root().display();
        ensure!(!keywords.is_empty(), split::no_keyword(dataset, labels, of));
        ensure!(!others.is_empty(), "the {of} split of {root} has no other word to put between the keywords");
        let noises = split::noises(cache, of);
        ensure!(
            !noises.is_empty(),
            "{root} has no noise to put behind the words: expected files of 5 s or more in _background_noise_, of each \
             of which the last fifth is heard"
        );
        let mut rng = ChaCha8Rng::seed_from_u64(ORDER_SEED);
        keywords.shuffle(&mut rng);
        others.shuffle(&mut rng);
        Ok(Self { dataset, cache, keywords, others, noises })
    }

    /// Builds the stream of an index: pause, clip, pause, clip, and noise over all of it.
    fn stream(&self, kind: &Kind, least_len: usize, index: usize) -> Result<Stream> {
        let rng = &mut ChaCha8Rng::seed_from_u64(index as u64);
        let [mut keywords, mut others] = [&self.keywords, &self.others].map(|clips| in_turn(clips, index));
        let mut stream = Stream::default();
        while stream.samples.len() < least_len {
            let gap_s = -(1.0 - rng.random::<f32>()).ln() * kind.gap_s;
            let gap = (gap_s * SAMPLE_RATE_HZ as f32) as usize;
            stream.samples.resize(stream.samples.len() + gap, 0.0);
            let clips = if rng.random_bool(kind.others) { &mut others } else { &mut keywords };
            let Some(clip) = clips.next() else { break };
            stream.say(&self.dataset.clips()[clip].word, &self.levelled(Source::Clip(clip))?);
        }
        stream.samples.resize(stream.samples.len() + N_SAMPLES, 0.0);
        let gain = 10.0_f32.powf(-kind.snr_db / 20.0);
        for second in stream.samples.chunks_mut(N_SAMPLES) {
            let Some(&noise) = self.noises.choose(rng) else { continue };
            let noise = self.levelled(noise)?;
            second.iter_mut().zip(noise.samples()).for_each(|(sample, noise)| *sample += gain * noise);
        }
        Ok(stream)
    }

    /// Returns a second at the level of speech. Digital silence stays what it is.
    fn levelled(&self, source: Source) -> Result<Waveform> {
        let mut waveform = self.cache.waveform(source)?;
        let rms = (waveform.energy() / N_SAMPLES as f32).sqrt();
        if rms > 0.0 {
            waveform.scale(10.0_f32.powf(SPEECH_DBFS / 20.0) / rms);
        }
        Ok(waveform)
    }
}

impl Stream {
    /// Appends a clip.
    fn say(&mut self, word: &str, clip: &Waveform) {
        let start = self.samples.len();
        self.samples.extend_from_slice(clip.samples());
        self.spoken.push(Spoken {
            label: word.into(),
            start_s: seconds(start),
            end_s: seconds(start + end_of_word(clip.samples())),
        });
    }
}

/// Yields clips without end. Each stream begins at another place, so that none comes twice before all have come.
fn in_turn(clips: &[usize], stream: usize) -> impl Iterator<Item = usize> {
    clips.iter().copied().cycle().skip(stream * clips.len() / N_STREAMS)
}

/// Returns the number of samples up to the end of the last loud step.
fn end_of_word(samples: &[f32]) -> usize {
    let energy = |step: &[f32]| step.iter().map(|sample| sample * sample).sum::<f32>();
    let energies: Vec<f32> = samples.chunks(STEP).map(energy).collect();
    let loudest = energies.iter().copied().fold(0.0, f32::max);
    let least = loudest * 10.0_f32.powf(-WORD_RANGE_DB / 10.0);
    energies.iter().rposition(|energy| *energy >= least).map_or(samples.len(), |last| (last + 1) * STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_clip_is_said_twice_before_all_streams_have_said_as_many_as_there_are() {
        let clips: Vec<usize> = (0..12).collect();
        let mut said: Vec<usize> =
            (0..N_STREAMS).flat_map(|stream| in_turn(&clips, stream).take(2)).collect();
        said.sort_unstable();
        assert_eq!(said, clips);
        assert_eq!(in_turn(&[7], 5).take(2).collect::<Vec<_>>(), [7, 7]);
    }

    #[test]
    fn a_word_ends_with_its_last_loud_step() {
        let mut samples = vec![0.001; N_SAMPLES];
        samples[4_000..8_000].fill(0.5);
        assert_eq!(end_of_word(&samples), 8_000);
        assert_eq!(end_of_word(&vec![0.0; N_SAMPLES]), N_SAMPLES);
    }
}
