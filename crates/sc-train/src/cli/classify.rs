//! `sc-train classify`: names the words in audio files, in the order given.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use rayon::prelude::*;
use sc_data::{Limits, SAMPLE_RATE_HZ, Waveform};
use sc_model::{Classifier, Detection, Detector, DetectorConfig, Prediction};
use serde::Serialize;

use super::ModelArgs;
use super::shard::Shard;
use crate::audio::{self, Unreadable};

/// Files that are answered in parallel before they are printed: enough for every core, and few enough that rows
/// appear at once.
const CHUNK: usize = 256;

/// Name the word in each recording.
#[derive(Clone, Debug, Args)]
pub struct ClassifyArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Find every keyword and its time in recordings of up to ten minutes, instead of one word.
    #[arg(long)]
    detect: bool,
    /// Answer only part I of N, counted from 0. The paths below each PATH decide, the same on every machine.
    #[arg(long, env = "SC_SHARD", value_name = "I/N")]
    shard: Option<Shard>,
    /// Write to FILE, which appears when it is complete. If it exists already, do nothing.
    #[arg(long, env = "SC_OUTPUT", value_name = "FILE", requires = "json")]
    output: Option<PathBuf>,
    /// Recordings, and folders of recordings.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// A file and the words in it, as `--json` prints them.
#[derive(Serialize)]
struct Row {
    path: String,
    #[serde(flatten)]
    words: Words,
}

/// The words in a file.
#[derive(Serialize)]
#[serde(untagged)]
enum Words {
    /// The one in its loudest second.
    One(Prediction),
    /// All of them.
    All { duration_s: f32, detections: Vec<Detection> },
}

type Line = Result<Row, Unreadable>;

type File = Result<PathBuf, Unreadable>;

/// The way that files are read and words are found in them.
struct Method {
    limits: Limits,
    /// Finds words in 16 kHz samples.
    find: fn(&Arc<Classifier>, &[f32]) -> Words,
}

/// Prints a line for each file; the exit status is 1 if one could not be read.
///
/// With `--output` the status is 0 even then: those files are lines like the others, and would fail again.
pub(super) fn run(args: &ClassifyArgs) -> Result<ExitCode> {
    if let Some(output) = args.output.as_deref().filter(|output| output.exists()) {
        eprintln!("{} is there: nothing to do", output.display());
        return Ok(ExitCode::SUCCESS);
    }
    let classifier = Arc::new(args.model.load()?);
    let method = if args.detect {
        Method { limits: audio::LONG, find: detect }
    } else {
        Method { limits: Limits::default(), find: classify }
    };
    let files = files(args)?;
    let print = if args.json { print_json } else { print_row };
    match &args.output {
        None => {
            let unreadable = answer_all(&classifier, &files, &method, print, &mut io::stdout().lock())?;
            Ok(if unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Some(output) => {
            let unreadable = write_aside(output, |out| answer_all(&classifier, &files, &method, print, out))?;
            eprintln!("{}: {} recordings, {unreadable} unreadable", output.display(), files.len());
            Ok(ExitCode::SUCCESS)
        }
    }
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
    anyhow::ensure!(n_found > 0, "no file in {}: expected recordings, or folders of them", named());
    Ok(files)
}

/// Writes `output`, which appears only when it is complete: a task that is killed or runs twice leaves no half file.
pub(super) fn write_aside<T>(output: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot_write = || format!("cannot write {}", output.display());
    // Not `NamedTempFile::new_in`: that one only its owner may read.
    let create = |path: &Path| fs::File::create_new(path);
    let mut aside =
        tempfile::Builder::new().prefix(".part-").make_in(folder, create).with_context(cannot_write)?;
    let written = write(aside.as_file_mut())?;
    aside.as_file().sync_all().with_context(cannot_write)?;
    aside.persist(output).map_err(|failed| failed.error).with_context(cannot_write)?;
    Ok(written)
}

/// Prints a line for each of `files`, in their order, and counts those that could not be read.
fn answer_all(
    classifier: &Arc<Classifier>,
    files: &[File],
    method: &Method,
    print: fn(&mut dyn Write, &Line) -> Result<()>,
    out: &mut dyn Write,
) -> Result<usize> {
    let mut out = BufWriter::new(out);
    let mut unreadable = 0;
    for chunk in files.chunks(CHUNK) {
        let lines: Vec<Line> = chunk.par_iter().map(|file| answer(classifier, file, method)).collect();
        for line in &lines {
            unreadable += usize::from(line.is_err());
            print(&mut out, line)?;
        }
        out.flush()?;
    }
    Ok(unreadable)
}

fn answer(classifier: &Arc<Classifier>, file: &File, Method { limits, find }: &Method) -> Line {
    let path = file.as_deref().map_err(Unreadable::clone)?;
    let samples = audio::read(path, limits).map_err(|error| Unreadable::new(path, &error))?;
    Ok(Row { path: path.display().to_string(), words: find(classifier, &samples) })
}

fn classify(classifier: &Arc<Classifier>, samples: &[f32]) -> Words {
    Words::One(classifier.classify(&Waveform::from_samples(samples)))
}

fn detect(classifier: &Arc<Classifier>, samples: &[f32]) -> Words {
    let mut detector = Detector::new(Arc::clone(classifier), &DetectorConfig::default());
    let mut detections = detector.push(samples);
    detections.extend(detector.finish());
    Words::All { duration_s: samples.len() as f32 / SAMPLE_RATE_HZ as f32, detections }
}

fn print_json(out: &mut dyn Write, line: &Line) -> Result<()> {
    let json = match line {
        Ok(row) => serde_json::to_string(row)?,
        Err(unreadable) => serde_json::to_string(unreadable)?,
    };
    Ok(writeln!(out, "{json}")?)
}

/// Prints a row for a reader. The path comes last, since its length has no limit.
fn print_row(out: &mut dyn Write, line: &Line) -> Result<()> {
    match line {
        Ok(Row { path, words: Words::One(Prediction { label, confidence, accepted, .. }) }) => {
            let verdict = if *accepted { "accepted" } else { "-" };
            writeln!(out, "{label:<12} {:>6.1} %  {verdict:<8}  {path}", 100.0 * confidence)?;
        }
        Ok(Row { path, words: Words::All { detections, .. } }) => {
            for Detection { label, start_s, end_s, confidence, .. } in detections {
                let percent = 100.0 * confidence;
                writeln!(out, "{label:<12} {percent:>6.1} %  {start_s:>7.2} to {end_s:>7.2} s  {path}")?;
            }
            if detections.is_empty() {
                writeln!(out, "{:<42}  {path}", "no keyword")?;
            }
        }
        Err(Unreadable { path, error }) => writeln!(out, "{:<31}  {path}: {error}", "unreadable")?,
    }
    Ok(())
}
