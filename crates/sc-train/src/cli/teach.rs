//! `sc-train teach`: teaches a model words by a few recordings of each.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use sc_data::{Limits, normal_form, printable};
use sc_model::Record;
use sc_model::words::{Advice, Recording, Taught, check_word, forget, join, teach};
use serde_json::json;

use super::{check_out, load_record, save};
use crate::aside::taught_but;
use crate::audio::{self, Unreadable, files_below};

/// Teach a model a word of your own, by three recordings of it or more: no training, below a second.
#[derive(Clone, Debug, Args)]
pub struct TeachArgs {
    /// A word, and a recording of it or a folder of them. NAME given again adds to the first.
    #[arg(long = "word", value_name = "NAME=PATH", value_parser = parse_word, required_unless_present_any = ["forget", "words_of"])]
    words: Vec<(String, PathBuf)>,
    /// Take a taught word out again.
    #[arg(long, value_name = "NAME")]
    forget: Vec<String>,
    /// Take the words that were taught to another copy of the model, as on another device.
    #[arg(long, value_name = "FILE")]
    words_of: Vec<PathBuf>,
    /// The model file [default: the one built into this program]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The file for the new model; it may be the old one. A file that knows other words or is no model is not replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Forgets, then joins, then teaches, then writes the new model: all of it, or nothing.
pub(super) fn run(args: &TeachArgs) -> Result<()> {
    let mut record = load_record(args.model.as_deref())?;
    let others = args.words_of.iter().map(|path| Record::load(path)).collect::<Result<Vec<_>, _>>()?;
    // Words of the models are forgotten by their names alone, and others are taught anew.
    let models = others.iter().chain([&record]).flat_map(|record| record.header.labels.names());
    let anew = args.words.iter().map(|(name, _)| name);
    let kept: Vec<String> = models.chain(anew).cloned().collect();
    check_out(&args.out, &kept)?;
    for name in &args.forget {
        record = forget(&record, name)?;
    }
    let mut joined = Vec::new();
    for (path, other) in args.words_of.iter().zip(&others) {
        let (with_words, names) = join(&record, other).with_context(|| printable(path.display()))?;
        record = with_words;
        joined.extend(names);
    }
    let mut words = Vec::new();
    for (name, paths) in by_name(&args.words) {
        let files: Vec<_> = paths.iter().flat_map(|root| files_below(root)).collect();
        // Before they are decoded.
        let checked = check_word(record.header.labels.names(), name, files.len());
        let taught = checked.and_then(|_| teach(&record, name, files.into_iter().map(recording).collect()));
        let (taught, report) = taught.with_context(|| format!("cannot teach `{name}`"))?;
        record = taught;
        words.push(report);
    }
    save(&record, &args.out, &kept)?;
    if args.json {
        let all = json!({ "words": words, "joined": joined, "forgotten": args.forget });
        return Ok(writeln!(io::stdout(), "{all}")?);
    }
    words.iter().try_for_each(print)?;
    Ok(writeln!(io::stdout(), "{}: {}", args.out.display(), known(&record))?)
}

/// Gathers the paths of each name, in the order of the names.
fn by_name(words: &[(String, PathBuf)]) -> Vec<(&str, Vec<&Path>)> {
    let mut gathered: Vec<(&str, Vec<&Path>)> = Vec::new();
    for (name, path) in words {
        match gathered.iter_mut().find(|(known, _)| known == name) {
            Some((_, paths)) => paths.push(path),
            None => gathered.push((name, vec![path])),
        }
    }
    gathered
}

/// Reads a recording. A file that cannot be read is one, with its reason.
fn recording(file: Result<PathBuf, Unreadable>) -> Recording {
    match file {
        Ok(file) => {
            let samples = audio::read(&file, &Limits::default()).map_err(|error| format!("{error:#}"));
            Recording::new(printable(file.display()), samples)
        }
        Err(Unreadable { path, error }) => Recording::new(printable(&path), Err(error)),
    }
}

fn print(taught: &Taught) -> Result<()> {
    let mut out = io::stdout().lock();
    let percent = |share: f32| 100.0 * share;
    let Taught { name, used, left_out, recall_leave_one_out, false_accepts, nearest, advice } = taught;
    writeln!(out, "{name}: taught by {} recordings", used.len())?;
    for left_out in left_out {
        writeln!(out, "  left out: {}: {}", left_out.name, left_out.message)?;
    }
    writeln!(out, "  found by the others {:>14.0} %", percent(*recall_leave_one_out))?;
    writeln!(out, "  ordinary speech taken for it {:>5.1} %", percent(*false_accepts))?;
    if let Some(nearest) = nearest {
        writeln!(out, "  nearest known word: {} ({:.0} %)", nearest.label, percent(nearest.probability))?;
    }
    advice.iter().try_for_each(|advice| writeln!(out, "  {}", sentence(*advice)))?;
    Ok(())
}

fn sentence(advice: Advice) -> &'static str {
    match advice {
        Advice::MoreRecordings => "say it a few times more, as you would in daily life",
        Advice::LongerWord => "ordinary speech is often taken for it: a longer word is told apart better",
        Advice::OtherWord => "it is much like a known word: another one is told apart better",
    }
}

/// Names the words that the model has been taught.
fn known(record: &Record) -> String {
    let taught = taught_but(record, &[]);
    if taught.is_empty() { "no word is taught".into() } else { format!("it knows {taught} too") }
}

fn parse_word(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => Ok((normal_form(name), path.into())),
        _ => Err("expected NAME=PATH: a word, and a recording of it or a folder of them".into()),
    }
}
