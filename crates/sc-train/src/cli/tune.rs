//! `sc-train tune`: makes a model stricter, for the room in which it listens.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use sc_data::printable;

use super::{check_out, load_record, save};
use crate::audio::check_path;
use crate::evaluate::tune::{MOST_ROUNDS, Place, Tuned, Word, tune};
use crate::progress::note;

/// Make a model stricter until it is quiet enough in your room, by recordings in which no keyword is said.
#[derive(Clone, Debug, Args)]
pub struct TuneArgs {
    /// A recording of any length without a keyword, or a folder of them: radio, talk, dishes.
    #[arg(long, value_name = "PATH", required = true)]
    background: Vec<PathBuf>,
    /// False alarms an hour that each word may have.
    #[arg(long, value_name = "N", default_value_t = 0.5, value_parser = parse_alarms, allow_negative_numbers = true)]
    false_alarms: f64,
    /// The model file [default: the one built into this program]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The file for the stricter model; it may be the old one.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Writes the stricter model, and prints what it hears.
pub(super) fn run(args: &TuneArgs) -> Result<()> {
    args.background.iter().try_for_each(|path| check_background(path))?;
    let mut record = load_record(args.model.as_deref())?;
    check_out(&args.out, record.header.labels.names())?;
    let tuned = tune(&mut record, &args.background, args.false_alarms)?;
    save(&record, &args.out, record.header.labels.names())?;
    let loud = tuned.still_too_many();
    if !loud.is_empty() {
        note!("after {MOST_ROUNDS} rounds there are still too many alarms of {}", loud.join(", "));
    }
    let strict = tuned.too_strict();
    if !strict.is_empty() {
        note!(
            "hardly heard any more: {}; a keyword may be said in these recordings: `sc-train classify --detect` with \
             the model as it was finds the places",
            strict.join(", ")
        );
    }
    if args.json {
        return Ok(writeln!(io::stdout(), "{}", serde_json::to_string(&tuned)?)?);
    }
    for unreadable in &tuned.unreadable {
        note!("left out: {unreadable}");
    }
    for recording in &tuned.heard_in_part {
        note!("{recording}");
    }
    print(&args.out, &tuned)
}

/// Refuses a path that cannot be opened, or not again.
fn check_background(path: &Path) -> Result<()> {
    check_path(path)?;
    let is_lasting = path.is_file() || path.is_dir();
    ensure!(is_lasting, "{} is heard several times: expected a file or a folder", printable(path.display()));
    Ok(())
}

fn print(file: &Path, tuned: &Tuned) -> Result<()> {
    let mut out = io::stdout().lock();
    if !tuned.words.is_empty() {
        writeln!(out, "{:<12} {:>7} {:>7}", "alarms of", "before", "after")?;
    }
    for Word { name, before, after, places, .. } in &tuned.words {
        writeln!(out, "{name:<12} {before:>7} {after:>7}")?;
        for Place { path, start_s, end_s, confidence } in places {
            let (percent, path) = (100.0 * confidence, printable(path));
            writeln!(out, "{:<12} {percent:>6.1} %  {start_s:>7.2} to {end_s:>7.2} s  {path}", "")?;
        }
    }
    let minutes = 60.0 * tuned.hours;
    let most = 3.0 / tuned.hours; // the rule of three (Hanley and Lippman-Hand 1983)
    writeln!(
        out,
        "{minutes:.1} min heard: a word without an alarm has at most {most:.2} an hour (95 %); more minutes tell more"
    )?;
    let file = file.display();
    if !tuned.is_changed() {
        return Ok(writeln!(out, "{file}: nothing to change")?);
    }
    let Tuned { threshold_before, threshold_after, .. } = tuned;
    if threshold_after > threshold_before {
        writeln!(out, "{file}: threshold {threshold_after:.4}, before {threshold_before:.4}")?;
    } else {
        writeln!(out, "{file}: taught words made stricter; the threshold stays {threshold_after:.4}")?;
    }
    Ok(writeln!(out, "what it misses now is told by: sc-train evaluate --model {file} --clips DIR")?)
}

fn parse_alarms(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a number of alarms an hour, 0 or more".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_alarms_an_hour_are_a_finite_number() {
        assert_eq!(parse_alarms("0.5"), Ok(0.5));
        for text in ["-1", "NaN", "inf", "few"] {
            assert!(parse_alarms(text).is_err(), "{text}");
        }
    }
}
