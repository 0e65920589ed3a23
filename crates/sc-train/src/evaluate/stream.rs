//! A detector's answers to streams: to those that are built of a split's clips, or to a recording with a table.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sc_data::{
    Blocks, Half, Labels, N_SAMPLES, SAMPLE_RATE_HZ, SampleCache, Source, SpeechCommands, Split, Waveform,
    normal_form, printable,
};
use sc_model::{Classifier, Detection, Detector, DetectorConfig};

use super::split;
use crate::evaluation::{Spoken, StreamFigures, StreamRow, StreamTable, Tally};
use crate::progress::{self, note};

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

/// The end of a word that is marked by hand may lie so far behind that of the recording.
const MOST_BEYOND_S: f64 = 1.0;

/// The columns of a label track of Audacity, which has no heading.
const TRACK: &str = "start_s\tend_s\tlabel";

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
/// If one of the two cannot be read.
pub(crate) fn of_recording(classifier: Classifier, path: &Path, truth: &Path) -> Result<StreamTable> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| path.display().to_string());
    let spoken = parse_table(&read(truth)?).with_context(|| truth.display().to_string())?;
    let classifier = Arc::new(classifier);
    let mut heard: Vec<(Detector, Vec<Detection>)> =
        thresholds(&classifier).map(|threshold| (detector(&classifier, threshold), Vec::new())).collect();
    let mut n_samples = 0;
    let mut blocks = Blocks::open(fs::File::open(path)?).with_context(|| path.display().to_string())?;
    while let Some(samples) = blocks.next_block().with_context(|| path.display().to_string())? {
        heard.par_iter_mut().for_each(|(detector, found)| found.extend(detector.push(&samples)));
        n_samples += samples.len();
    }
    let seconds = seconds(n_samples);
    check_table(&spoken, seconds, &classifier.header().labels)
        .with_context(|| truth.display().to_string())?;
    let tally = |(mut detector, mut found): (Detector, Vec<Detection>)| {
        found.extend(detector.finish());
        Tally::new(&classifier.header().labels, &spoken, &found, seconds)
    };
    let tallies = heard.into_iter().map(tally).collect();
    Ok(table(vec![row(&classifier, &path.display().to_string(), &[tallies])]))
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

/// Reads a table whose heading has `label,start_s,end_s`, as `classify --detect` writes it too, or a label track of
/// Audacity: one word a line. Where numbers have a decimal comma, spreadsheets put semicolons between the fields.
fn parse_table(text: &str) -> Result<Vec<Spoken>> {
    let text = text.trim_start_matches('\u{feff}'); // spreadsheets put a byte-order mark there
    let is_track = text.trim_start().lines().next().is_some_and(|line| line.contains('\t'));
    // A line with a backslash has the pitches of the label above.
    let is_left_out = |line: &str| line.is_empty() || is_track && line.starts_with('\\');
    let lines = text.lines().map(str::trim).enumerate();
    let mut lines = lines.filter(|(_, line)| !is_left_out(line));
    let heading = if is_track { TRACK } else { lines.next().map_or("", |(_, heading)| heading) };
    let separator = if heading.contains(';') { ';' } else { ',' };
    // Between commas, a comma in a number may be one of thousands.
    let decimal_mark = if is_track || separator == ';' { ',' } else { '.' };
    let split = |line: &str| -> Vec<String> {
        if is_track {
            line.split('\t').map(str::to_owned).collect()
        } else {
            fields(line, separator).collect()
        }
    };
    let columns = split(heading);
    ensure!(
        ["label", "start_s", "end_s"].iter().all(|name| columns.iter().any(|column| column == name)),
        "its first line is `{heading}`: expected `label,start_s,end_s`, `label;start_s;end_s` or a label track of \
         Audacity"
    );
    let rows: Vec<_> = lines.map(|(index, line)| (index + 1, line, split(line))).collect();
    let recordings: BTreeSet<&str> =
        rows.iter().map(|(.., fields)| field(&columns, fields, "path")).collect();
    ensure!(recordings.len() <= 1, "it is of {} recordings: expected one", recordings.len());
    rows.iter()
        .map(|(number, line, fields)| {
            parse_word(line, &columns, fields, decimal_mark).with_context(|| format!("line {number}"))
        })
        .collect()
}

/// Refuses a table that cannot be of a recording of so many seconds, and names what the model does not know.
fn check_table(spoken: &[Spoken], seconds: f64, labels: &Labels) -> Result<()> {
    ensure!(!spoken.is_empty(), "expected a line for each word, below the heading");
    let is_outside = |word: &&Spoken| word.start_s > seconds || word.end_s > seconds + MOST_BEYOND_S;
    if let Some(Spoken { label, start_s, end_s }) = spoken.iter().find(is_outside) {
        bail!(
            "`{label}` is at {start_s} to {end_s} s, but the recording ends at {seconds:.1} s: expected seconds"
        );
    }
    let unknown: BTreeSet<&str> =
        spoken.iter().map(|word| word.label.as_str()).filter(|label| !labels.has_keyword(label)).collect();
    if !unknown.is_empty() {
        let unknown = printable(unknown.into_iter().collect::<Vec<_>>().join(", "));
        note!("no keyword of this model, so a detection there is a false alarm: {unknown}");
    }
    Ok(())
}

fn parse_word(line: &str, columns: &[String], fields: &[String], decimal_mark: char) -> Result<Spoken> {
    ensure!(fields.len() == columns.len(), "`{line}`: expected {} fields", columns.len());
    let field = |name: &str| field(columns, fields, name);
    let time = |text: &str| {
        text.replace(decimal_mark, ".").parse::<f64>().with_context(|| format!("`{text}`: expected seconds"))
    };
    let (start_s, end_s) = (time(field("start_s"))?, time(field("end_s"))?);
    let spoken = Spoken { label: normal_form(field("label")), start_s, end_s };
    let is_time = 0.0 <= spoken.start_s && spoken.start_s < spoken.end_s;
    ensure!(is_time, "`{line}`: expected a word that ends after it begins");
    Ok(spoken)
}

/// Returns the field of a line in the column of this name; nothing, if there is none.
fn field<'a>(columns: &[String], fields: &'a [String], name: &str) -> &'a str {
    let mut named = columns.iter().zip(fields);
    named.find(|(column, _)| *column == name).map_or("", |(_, field)| field.as_str())
}

/// Returns the fields of a line of a CSV file (RFC 4180, section 2, but for the separator).
fn fields(line: &str, separator: char) -> impl Iterator<Item = String> {
    let mut is_quoted = false;
    let fields = line.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    });
    fields.map(str::trim).map(|field| match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => field.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_same_word_however_its_accents_are_written() {
        let [composed, apart] = ["caf\u{e9}", "cafe\u{301}"]
            .map(|word| parse_table(&format!("label,start_s,end_s\n{word},1,2")).unwrap());
        assert_eq!(apart[0].label, composed[0].label);
    }

    #[test]
    fn a_label_in_quotes_is_the_same_word() {
        let table = "\"label\",\"start_s\",\"end_s\"\r\n\"go\",0.4,0.8\r\n\"a \"\"b\"\", c\", \"1\",2\r\n";
        let labels: Vec<String> = parse_table(table).unwrap().into_iter().map(|word| word.label).collect();
        assert_eq!(labels, ["go", "a \"b\", c"]);
    }

    #[test]
    fn a_table_with_decimal_commas_has_semicolons_between_its_fields() {
        let spoken =
            parse_table("\u{feff}label;start_s;end_s\r\nyes;0,5;1\r\n\"a;b\";1.5;\"2,25\"\r\n").unwrap();
        let times: Vec<_> =
            spoken.iter().map(|word| (word.label.as_str(), word.start_s, word.end_s)).collect();
        assert_eq!(times, [("yes", 0.5, 1.0), ("a;b", 1.5, 2.25)]);
    }

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
    fn a_table_gives_the_words_and_says_what_is_wrong() {
        let spoken = parse_table("\u{feff}label,start_s,end_s\nyes,0.5,1\n\nother word, 2, 3.25\n").unwrap();
        assert_eq!(spoken[1], Spoken { label: "other word".into(), start_s: 2.0, end_s: 3.25 });
        for (table, expected) in [
            ("", "expected `label,start_s,end_s`"),
            ("label,start_s,end_s\nyes,0.5", "line 2: `yes,0.5`: expected 3 fields"),
            ("label,start_s,end_s\nyes,now,1", "line 2: `now`: expected seconds"),
            ("label,start_s,end_s\nyes,\"1,234\",2", "line 2: `1,234`: expected seconds"),
            ("label,start_s,end_s\nyes,1,NaN", "ends after it begins"),
            ("label,start_s,end_s\nyes,-1,1", "ends after it begins"),
        ] {
            let error = format!("{:#}", parse_table(table).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_words_that_classify_detects_are_a_table_too() {
        let expected = vec![Spoken { label: "yes".into(), start_s: 0.25, end_s: 0.75 }];
        for table in [
            "0.250000\t0.750000\tyes\n\\\t100.0\t3000.0\n",
            "0,250000\t0,750000\tyes\n",
            "path,label,start_s,end_s,confidence\n\"a, b.wav\",yes,0.25,0.75,0.9688\n",
        ] {
            assert_eq!(parse_table(table).unwrap(), expected, "{table}");
        }
    }

    #[test]
    fn a_table_of_several_recordings_is_not_taken_for_one_of_one() {
        let table = |second: &str| format!("path,label,start_s,end_s\na.wav,yes,1,2\n{second},no,1,2\n");
        assert_eq!(parse_table(&table("a.wav")).unwrap().len(), 2);
        let error = parse_table(&table("b.wav")).unwrap_err().to_string();
        assert_eq!(error, "it is of 2 recordings: expected one");
    }

    #[test]
    fn a_table_in_other_units_than_seconds_is_refused() {
        let labels = Labels::of_words(["yes"]).unwrap();
        let at = |start_s, end_s| Spoken { label: "yes".into(), start_s, end_s };
        for word in [at(1500.0, 2000.0), at(1.0, 900.0)] {
            let error = check_table(&[word], 3.0, &labels).unwrap_err().to_string();
            assert!(error.contains("the recording ends at 3.0 s: expected seconds"), "{error}");
        }
        assert!(check_table(&[at(2.5, 3.5)], 3.0, &labels).is_ok());
        assert!(check_table(&[], 3.0, &labels).is_err());
    }

    #[test]
    fn a_word_ends_with_its_last_loud_step() {
        let mut samples = vec![0.001; N_SAMPLES];
        samples[4_000..8_000].fill(0.5);
        assert_eq!(end_of_word(&samples), 8_000);
        assert_eq!(end_of_word(&vec![0.0; N_SAMPLES]), N_SAMPLES);
    }
}
