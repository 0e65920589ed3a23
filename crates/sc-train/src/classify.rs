//! `sc-train classify`: recordings in, words out, in the order given.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use rayon::prelude::*;
use sc_data::{Limits, Waveform};
use sc_model::{Classifier, Prediction};
use serde::Serialize;

use crate::cli::ClassifyArgs;
use crate::recording::{self, Unreadable};

/// Answered in parallel, then printed: enough for every core, few enough that answers appear at once.
const CHUNK: usize = 256;

/// A line of `--json`.
#[derive(Serialize)]
struct Answered {
    path: String,
    #[serde(flatten)]
    prediction: Prediction,
}

type Line = Result<Answered, Unreadable>;

/// Prints a line for each recording; the exit status is 1 if any could not be read.
pub(crate) fn run(args: &ClassifyArgs) -> Result<ExitCode> {
    let classifier = args.model.load()?;
    let files: Vec<_> = args.paths.iter().flat_map(|path| recording::files_below(path)).collect();
    anyhow::ensure!(!files.is_empty(), "no files there");
    let print = if args.json { print_json } else { print_row };

    let mut out = BufWriter::new(io::stdout().lock());
    let mut all_read = true;
    for chunk in files.chunks(CHUNK) {
        let lines: Vec<Line> = chunk.par_iter().map(|file| answer(&classifier, file)).collect();
        for line in &lines {
            all_read &= line.is_ok();
            print(&mut out, line)?;
        }
        out.flush()?;
    }
    Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn answer(classifier: &Classifier, file: &Result<PathBuf, Unreadable>) -> Line {
    let path = file.as_deref().map_err(Unreadable::clone)?;
    let waveform = read_waveform(path).map_err(|error| Unreadable::new(path, &error))?;
    Ok(Answered { path: path.display().to_string(), prediction: classifier.classify(&waveform) })
}

fn read_waveform(path: &Path) -> Result<Waveform> {
    Ok(Waveform::from_samples(&recording::read(path, &Limits::default())?))
}

fn print_json(out: &mut dyn Write, line: &Line) -> Result<()> {
    let json = match line {
        Ok(answered) => serde_json::to_string(answered)?,
        Err(unreadable) => serde_json::to_string(unreadable)?,
    };
    Ok(writeln!(out, "{json}")?)
}

/// The path comes last, since its length has no limit.
fn print_row(out: &mut dyn Write, line: &Line) -> Result<()> {
    match line {
        Ok(Answered { path, prediction: Prediction { label, confidence, accepted, .. } }) => {
            let verdict = if *accepted { "accepted" } else { "-" };
            writeln!(out, "{label:<12} {:>6.1} %  {verdict:<8}  {path}", 100.0 * confidence)?;
        }
        Err(Unreadable { path, error }) => writeln!(out, "{:<31}  {path}: {error}", "unreadable")?,
    }
    Ok(())
}
