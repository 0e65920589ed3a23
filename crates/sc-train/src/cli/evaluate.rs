//! `sc-train evaluate`: a model's answers to clips whose label is known.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{ArgGroup, Args};
use sc_data::Split;

use super::ModelArgs;
use crate::OpenSet;
use crate::audio::Unreadable;
use crate::evaluate::{self, Scored, open_set};

/// Score a model on clips whose label is known, or on sounds that are no keyword.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).args(["data", "clips"]))]
pub struct EvaluateArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The data set, as `sc-data fetch` leaves it; one of its splits is evaluated.
    #[arg(long, value_name = "DIR", requires = "split")]
    data: Option<PathBuf>,
    /// Which clips of the data set: training, validation or testing.
    #[arg(long, requires = "data", conflicts_with = "clips")]
    split: Option<Split>,
    /// Clips of one's own: one folder of WAV files a label.
    #[arg(long, value_name = "DIR")]
    clips: Option<PathBuf>,
    /// The clips hold no keyword, in any format, length and folders: count those taken for one.
    ///
    /// A recording of up to 6 s counts once, by its loudest second; a longer one by windows of a second, one
    /// every half second.
    #[arg(long, requires = "clips", conflicts_with = "data")]
    open_set: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Prints the figures of the source that `args` name.
pub(super) fn run(args: &EvaluateArgs) -> Result<()> {
    let classifier = args.model.load()?;
    match (&args.data, args.split, &args.clips) {
        (Some(data), Some(split), _) => print_scored(args, &evaluate::data_set(&classifier, data, split)?),
        (_, _, Some(clips)) if args.open_set => print_open_set(args, &open_set::listen(&classifier, clips)?),
        (_, _, Some(clips)) => print_scored(args, &evaluate::own_clips(&classifier, clips)?),
        _ => bail!("expected --data with --split, or --clips"),
    }
}

fn print_scored(args: &EvaluateArgs, scored: &Scored) -> Result<()> {
    if args.json {
        return print(&serde_json::to_string(scored)?);
    }
    warn_unreadable(&scored.unreadable);
    print(&scored.evaluation.to_string())
}

fn print_open_set(args: &EvaluateArgs, open_set: &OpenSet) -> Result<()> {
    if args.json {
        return print(&serde_json::to_string(open_set)?);
    }
    warn_unreadable(&open_set.unreadable);
    print(&open_set.to_string())
}

fn warn_unreadable(files: &[Unreadable]) {
    for Unreadable { path, error } in files {
        eprintln!("left out: {path}: {error}");
    }
}

fn print(text: &str) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", text.trim_end())?)
}
