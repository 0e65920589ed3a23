//! `sc-train classify`: names the words in audio files, in the order given.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Error, Result, anyhow, ensure};
use clap::Args;
use indicatif::ProgressBar;
use rayon::prelude::*;
use sc_data::{Blocks, Limits, SAMPLE_RATE_HZ, Waveform};
use sc_model::{Classifier, Detector, DetectorConfig};

use super::ModelArgs;
use super::format::{Format, Line, Row, Words};
use super::shard::Shard;
use crate::aside::write_aside;
use crate::audio::{self, Unreadable};
use crate::progress::{self, note};

/// Files that are answered at a time. So many rows wait in memory at most for one before them.
const CHUNK: usize = 256;

/// Name the word in each recording.
#[derive(Clone, Debug, Args)]
pub struct ClassifyArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Print one JSON object a line: the same as --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// The format to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Find every keyword and its time in recordings of any length, instead of one word.
    #[arg(long)]
    detect: bool,
    /// Answer only part I of N, counted from 0. The paths below each PATH decide, the same on every machine.
    #[arg(long, env = "SC_SHARD", value_name = "I/N")]
    shard: Option<Shard>,
    /// Write to FILE, which appears when it is complete. If it exists already, do nothing.
    #[arg(long, env = "SC_OUTPUT", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Recordings, and folders of recordings.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

type File = Result<PathBuf, Unreadable>;

/// Finds the words in a file, and counts the seconds that it hears.
type Method = fn(&Arc<Classifier>, &Path, &ProgressBar) -> Result<Words>;

/// Prints a line for each file; the exit status is 1 if one could not be read.
///
/// With `--output` the status is 0 even then, if the format has lines for such files: they would fail again.
pub(super) fn run(args: &ClassifyArgs) -> Result<ExitCode> {
    if let Some(output) = args.output.as_deref().filter(|output| output.exists()) {
        ensure!(output.is_file(), "{} is no file: name one for --output", output.display());
        note!("{} is there: nothing to do", output.display());
        return Ok(ExitCode::SUCCESS);
    }
    // A job that answers for a part of the files would not miss the others.
    args.paths.iter().try_for_each(|path| audio::check_path(path))?;
    let classifier = Arc::new(args.model.load()?);
    let files = files(args)?;
    check_format(args, &files)?;
    match &args.output {
        None => {
            let unreadable = answer_all(&classifier, &files, args, &mut io::stdout().lock())?;
            Ok(status(unreadable == 0))
        }
        Some(output) => {
            let unreadable = write_aside(output, |out| {
                let unreadable = answer_all(&classifier, &files, args, out)?;
                let is_good = unreadable < files.len() || files.is_empty() || args.format().has_errors();
                ensure!(is_good, "none of the recordings can be read"); // a second call tries again
                Ok(unreadable)
            })?;
            note!("{}: {} recordings, {unreadable} unreadable", output.display(), files.len());
            Ok(status(unreadable == 0 || args.format().has_errors()))
        }
    }
}

fn status(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl ClassifyArgs {
    fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// Refuses what a format cannot say.
fn check_format(args: &ClassifyArgs, files: &[File]) -> Result<()> {
    if args.format().is_of_one_file() {
        ensure!(args.detect, "this format needs --detect: it says when each word is heard");
        ensure!(
            files.len() == 1,
            "{} recordings: this format is for one, as it has no place for their names",
            files.len()
        );
    }
    Ok(())
}

/// Lists the files to answer for.
fn files(args: &ClassifyArgs) -> Result<Vec<File>> {
    let mut n_found = 0;
    let mut files = Vec::new();
    for root in &args.paths {
        for file in audio::files_below(root) {
            n_found += 1;
            let path = file.as_deref().unwrap_or_else(|unreadable| Path::new(&unreadable.path));
            if args.shard.is_none_or(|shard| shard.holds(root, path)) {
                files.push(file);
            }
        }
    }
    let named = || args.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    ensure!(n_found > 0, "no file in {}: expected recordings, or folders of them", named());
    Ok(files)
}

/// Prints a line for each of `files`, in their order, and counts those that could not be read.
fn answer_all(
    classifier: &Arc<Classifier>,
    files: &[File],
    args: &ClassifyArgs,
    out: &mut dyn Write,
) -> Result<usize> {
    let find: Method = if args.detect { detect } else { classify };
    let (format, bar) = (args.format(), progress::heard());
    let mut out = BufWriter::new(out);
    let mut unreadable = 0;
    format.begin(&mut out, args.detect)?;
    out.flush()?;
    for chunk in files.chunks(CHUNK) {
        let print = |line: Line| {
            unreadable += usize::from(line.is_err());
            bar.suspend(|| format.print(&mut out, &line))?;
            Ok(out.flush()?)
        };
        in_order(chunk, |file| answer(classifier, file, find, &bar), print)?;
    }
    bar.finish_and_clear();
    Ok(unreadable)
}

/// Answers `files` in parallel, and hands each answer to `print` as soon as it and those before it are there.
fn in_order(
    files: &[File],
    answer: impl Fn(&File) -> Line + Sync,
    mut print: impl FnMut(Line) -> Result<()>,
) -> Result<()> {
    let (sender, answers) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let numbered = files.iter().enumerate().par_bridge(); // which takes the files in their order
            // A closed channel means that printing has failed.
            let _ = numbered.try_for_each_with(sender, |sender, (i, file)| sender.send((i, answer(file))));
        });
        let (mut waiting, mut next) = (BTreeMap::new(), 0);
        for (i, line) in answers {
            waiting.insert(i, line);
            while let Some(line) = waiting.remove(&next) {
                print(line)?;
                next += 1;
            }
        }
        Ok(())
    })
}

fn answer(classifier: &Arc<Classifier>, file: &File, find: Method, bar: &ProgressBar) -> Line {
    let path = file.as_deref().map_err(Unreadable::clone)?;
    let words = find(classifier, path, bar).map_err(|error| Unreadable::new(path, &error))?;
    Ok(Row { path: path.display().to_string(), words })
}

fn classify(classifier: &Arc<Classifier>, path: &Path, bar: &ProgressBar) -> Result<Words> {
    let samples = audio::read(path, &Limits::default());
    let waveform = Waveform::from_samples(&samples.map_err(with_way_out)?);
    bar.inc(1);
    Ok(Words::One(classifier.classify(&waveform)))
}

/// Names what hears a recording that is too long to have one word.
fn with_way_out(error: Error) -> Error {
    match error.downcast_ref() {
        Some(sc_data::Error::TooLong { .. }) => anyhow!("{error}: --detect finds the words in it"),
        _ => error,
    }
}

/// Detects the keywords in a file of any length, block by block.
fn detect(classifier: &Arc<Classifier>, path: &Path, bar: &ProgressBar) -> Result<Words> {
    let mut detector = Detector::new(Arc::clone(classifier), &DetectorConfig::default());
    let (mut detections, mut n_samples) = (Vec::new(), 0);
    let mut blocks = Blocks::open(fs::File::open(path)?)?;
    while let Some(samples) = blocks.next_block()? {
        detections.extend(detector.push(&samples));
        n_samples += samples.len();
        bar.inc((samples.len() / SAMPLE_RATE_HZ as usize) as u64);
    }
    detections.extend(detector.finish());
    Ok(Words::All { duration_s: n_samples as f32 / SAMPLE_RATE_HZ as f32, detections })
}
