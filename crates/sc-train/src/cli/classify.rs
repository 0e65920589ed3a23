//! `sc-train classify`: names the words in audio files, in the order given.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Error, Result, anyhow, ensure};
use clap::Args;
use indicatif::ProgressBar;
use rayon::prelude::*;
use sc_data::{Limits, SAMPLE_RATE_HZ, Waveform};
use sc_model::Classifier;

use super::format::{Format, Line, Row, Words};
use super::shard::Shard;
use super::{ModelArgs, path_parser};
use crate::aside::write_aside;
use crate::audio::{self, Unreadable};
use crate::listening::{self, Heard, Listening};
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
    /// Find every keyword and its time in recordings of any length, instead of one word. Of a single recording, each is
    /// printed as soon as it is found.
    #[arg(long)]
    detect: bool,
    /// Answer only part I of N, counted from 0. The paths below each PATH decide, the same on every machine.
    #[arg(long, env = "SC_SHARD", value_name = "I/N")]
    shard: Option<Shard>,
    /// Write to FILE, which appears when it is complete. If it exists already, do nothing.
    #[arg(long, env = "SC_OUTPUT", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Recordings, and folders of recordings; `-` is standard input (not on Windows).
    #[arg(required = true, value_name = "PATH", value_parser = path_parser())]
    paths: Vec<PathBuf>,
}

type File = Result<PathBuf, Unreadable>;

/// Finds the words in a file, and counts the seconds that it hears.
type Method = fn(&Arc<Classifier>, &Path, &ProgressBar) -> Result<Words>;

/// Prints a line for each file; the exit status is 1 if one could not be read, or not to its end.
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
            let failed = answer_all(&classifier, &files, args, &mut io::stdout().lock())?;
            Ok(status(failed == Failed::default()))
        }
        Some(output) => {
            let failed = write_aside(output, |out| {
                let failed = answer_all(&classifier, &files, args, out)?;
                let is_good =
                    failed.unreadable < files.len() || files.is_empty() || args.format().has_errors();
                ensure!(is_good, "none of the recordings can be read"); // a second call tries again
                Ok(failed)
            })?;
            note!("{}: {} recordings, {} unreadable", output.display(), files.len(), failed.unreadable);
            Ok(status(failed == Failed::default() || args.format().has_errors()))
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

/// Files that could not be read, and files of which only the beginning could.
#[derive(Default, PartialEq)]
struct Failed {
    unreadable: usize,
    in_part: usize,
}

impl Failed {
    fn count(&mut self, line: &Line) {
        match line {
            Err(_) => self.unreadable += 1,
            Ok(Row { words: Words::All { error: Some(_), .. }, .. }) => self.in_part += 1,
            Ok(_) => {}
        }
    }
}

/// Prints a line for each of `files`, in their order, and counts those that could not be read.
fn answer_all(
    classifier: &Arc<Classifier>,
    files: &[File],
    args: &ClassifyArgs,
    out: &mut dyn Write,
) -> Result<Failed> {
    let find: Method = if args.detect { detect } else { classify };
    let (format, bar) = (args.format(), progress::heard());
    let mut out = BufWriter::new(out);
    let mut failed = Failed::default();
    format.begin(&mut out, args.detect)?;
    out.flush()?;
    if let ([Ok(path)], true) = (files, args.detect && format != Format::Json) {
        failed.count(&answer_live(classifier, path, format, &bar, &mut out)?);
        bar.finish_and_clear();
        return Ok(failed);
    }
    for chunk in files.chunks(CHUNK) {
        let print = |line: Line| {
            failed.count(&line);
            bar.suspend(|| format.print(&mut out, &line))?;
            Ok(out.flush()?)
        };
        in_order(chunk, |file| answer(classifier, file, find, &bar), print)?;
    }
    bar.finish_and_clear();
    Ok(failed)
}

/// Prints each word of one recording as soon as it is found: it may come from a microphone, and have no end.
fn answer_live(
    classifier: &Arc<Classifier>,
    path: &Path,
    format: Format,
    bar: &ProgressBar,
    out: &mut dyn Write,
) -> Result<Line> {
    let name = path.display().to_string();
    let mut detections = Vec::new();
    let words = match Listening::begin(classifier, path, bar) {
        Ok(mut listening) => {
            for detection in listening.by_ref().flatten() {
                bar.suspend(|| format.print_detection(out, &name, detections.len(), &detection))?;
                out.flush()?;
                detections.push(detection);
            }
            listening.end(detections).map(all_words)
        }
        Err(error) => Err(error),
    };
    let line = words.map(|words| Row { path: name, words }).map_err(|error| Unreadable::new(path, &error));
    bar.suspend(|| match &line {
        Ok(row) => format.print_end(out, row),
        Err(_) => format.print(out, &line),
    })?;
    out.flush()?;
    Ok(line)
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
    let samples = audio::read(path, &Limits::default()).map_err(with_way_out)?;
    let waveform = Waveform::from_samples(&samples);
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

/// Detects the keywords in a file of any length.
fn detect(classifier: &Arc<Classifier>, path: &Path, bar: &ProgressBar) -> Result<Words> {
    listening::detect(classifier, path, bar).map(all_words)
}

fn all_words(Heard { detections, n_samples, fault }: Heard) -> Words {
    Words::All { duration_s: n_samples as f32 / SAMPLE_RATE_HZ as f32, detections, error: fault }
}
