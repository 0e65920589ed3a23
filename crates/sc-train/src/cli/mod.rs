//! The command line: arguments, printing and exit statuses. The rest of the crate knows nothing of it.

mod bank;
mod classify;
mod compact;
mod evaluate;
mod export;
mod format;
mod shard;
mod teach;
#[cfg(feature = "flex")]
mod train;
mod tune;

use std::env;
use std::ffi::OsStr;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, Command as Arguments, CommandFactory, FromArgMatches, Parser, Subcommand};
use sc_data::printable;
use sc_model::words::N_RECORDINGS;
use sc_model::{Backend, Classifier, Record};

use crate::aside::{lock_folder_of, taught_but};
use crate::audio;

use bank::BankArgs;
use classify::ClassifyArgs;
use compact::CompactArgs;
use evaluate::EvaluateArgs;
use export::ExportArgs;
use teach::TeachArgs;
#[cfg(feature = "flex")]
use train::TrainArgs;
use tune::TuneArgs;

/// Names words in recordings, teaches new words, and trains, evaluates and exports models.
#[derive(Debug, Parser)]
#[command(name = "sc-train", version, about)]
#[cfg_attr(
    not(feature = "flex"),
    command(after_help = "This build has no command `train`: cargo install --path crates/sc-train")
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "flex")]
    Train(TrainArgs),
    Evaluate(EvaluateArgs),
    Classify(ClassifyArgs),
    Export(ExportArgs),
    Teach(TeachArgs),
    Tune(TuneArgs),
    Bank(BankArgs),
    Compact(CompactArgs),
}

impl Cli {
    /// Parses the arguments of this program, or ends it. An environment variable that is empty counts as not set.
    pub fn from_arguments() -> Self {
        let matches = without_empty(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Runs the command. The exit status is 0, but `classify` tells by it of a file that could not be read.
    ///
    /// # Errors
    /// What went wrong, worded for the user.
    pub fn run(&self) -> Result<ExitCode> {
        match &self.command {
            #[cfg(feature = "flex")]
            Command::Train(args) => train::run(args),
            Command::Evaluate(args) => evaluate::run(args),
            Command::Classify(args) => return classify::run(args),
            Command::Export(args) => export::run(args),
            Command::Teach(args) => teach::run(args),
            Command::Tune(args) => tune::run(args),
            Command::Bank(args) => bank::run(args),
            Command::Compact(args) => compact::run(args),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Makes the subcommands pass over variables that are empty.
fn without_empty(arguments: Arguments) -> Arguments {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    arguments.mut_subcommands(|command| {
        command.mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg })
    })
}

/// The model that answers, and the confidence from which a keyword is accepted.
#[derive(Clone, Debug, Args)]
pub struct ModelArgs {
    /// The model file [default: the one built into this program]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The backend that runs the network: native, native-int8 (eight bits, where the
    /// processor has instructions for it), or flex, ndarray or wgpu if built in.
    #[arg(long, default_value_t)]
    backend: Backend,
    /// Accept a keyword from this confidence, instead of from the model's own threshold.
    #[arg(long, value_name = "0..1", value_parser = parse_probability, allow_negative_numbers = true)]
    threshold: Option<f32>,
}

impl ModelArgs {
    /// Loads the model's file.
    fn record(&self) -> Result<Record> {
        load_record(self.model.as_deref())
    }

    /// Loads the model.
    fn load(&self) -> Result<Classifier> {
        let classifier = Classifier::new(&self.record()?, self.backend)?;
        Ok(match self.threshold {
            Some(threshold) => classifier.with_threshold(threshold),
            None => classifier,
        })
    }
}

/// Loads the record of a file, or the one built into this program.
fn load_record(model: Option<&Path>) -> Result<Record> {
    Ok(model.map_or_else(Record::shipped, Record::load)?)
}

/// Writes a model to `out`, if [`check_out`] still allows it: another program may have written there meanwhile.
fn save(record: &Record, out: &Path, kept: &[String]) -> Result<()> {
    let _lock = lock_folder_of(out);
    check_out(out, kept)?;
    Ok(record.save(out)?)
}

/// Refuses to write a model to `out` in place of another file, or of a model that knows words which are not `kept`.
fn check_out(out: &Path, kept: &[String]) -> Result<()> {
    if !holds_something(out) {
        return Ok(());
    }
    let name = printable(out.display());
    let record = Record::load(out)
        .with_context(|| format!("{name} is no model that this program reads: name another --out"))?;
    let lost = taught_but(&record, kept);
    ensure!(
        lost.is_empty(),
        "{name} knows {lost}, which this would lose: name another --out, or begin with `--model {name}`"
    );
    Ok(())
}

/// Returns true for a file that is not empty. A pipe is not looked into.
fn holds_something(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.len() > 0)
}

/// Parses the path of an input. A lone hyphen is standard input.
fn path_parser() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|path| if path == Path::new("-") { audio::STDIN.into() } else { path })
}

/// Parses a whole number of `what` in `range`.
fn whole<T: FromStr + PartialOrd + Display>(
    text: &str,
    what: &str,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("expected a whole number{what}, {} to {}", range.start(), range.end()))
}

fn parse_shots(text: &str) -> Result<usize, String> {
    whole(text, " of recordings", N_RECORDINGS)
}

fn parse_probability(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 to 1".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_empty_path_is_no_recording() {
        assert!(Cli::try_parse_from(["sc-train", "classify", ""]).is_err());
    }

    #[test]
    fn a_threshold_is_a_probability() {
        assert_eq!(parse_probability("0.5"), Ok(0.5));
        for text in ["-0.1", "1.1", "NaN", "half"] {
            assert!(parse_probability(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_negative_number_is_refused_for_what_it_is() {
        for (arguments, expected) in [
            (
                "tune --background a --out b --false-alarms -1",
                "expected a number of alarms an hour, 0 or more",
            ),
            ("classify a --threshold -0.5", "expected a number from 0 to 1"),
            ("evaluate --few-shot a --shots -1", "expected a whole number of recordings"),
            ("evaluate --stream --stream-minutes -1", "expected a whole number of minutes"),
        ] {
            let parsed = Cli::try_parse_from(["sc-train"].into_iter().chain(arguments.split(' ')));
            let error = parsed.unwrap_err().to_string();
            assert!(error.contains(expected), "{arguments}: {error}");
        }
    }

    #[test]
    fn evaluation_needs_exactly_one_source_and_takes_no_option_that_it_would_ignore() {
        for (arguments, fits) in [
            ("evaluate --data a --split testing", true),
            ("evaluate --clips a", true),
            ("evaluate --clips a --open-set", true),
            ("evaluate --stream --data a --split testing", true),
            ("evaluate --stream --audio a --truth b", true),
            ("evaluate --stream --audio a", false),
            ("evaluate --audio a --truth b", false),
            ("evaluate --stream --clips a", false),
            ("evaluate", false),
            ("evaluate --data a", false),
            ("evaluate --data a --split testing --clips b", false),
            ("evaluate --data a --split testing --open-set", false),
            ("evaluate --clips a --split testing", false),
            ("evaluate --few-shot a --shots 3", true),
            ("evaluate --few-shot --data a --split testing", true),
            ("evaluate --few-shot a --backend native-int8", false),
            ("evaluate --few-shot a --threshold 0.5", false),
            ("evaluate --clips a --shots 3", false),
            ("evaluate --stream --data a --split testing --stream-minutes 1", true),
            ("evaluate --stream --data a --split testing --stream-minutes 601", false),
            ("evaluate --stream --audio a --truth b --stream-minutes 1", false),
            ("evaluate --data a --split testing --stream-minutes 1", false),
            ("evaluate --data a --split testing --conditions --stream-minutes 1", false),
            ("evaluate --few-shot a --stream-minutes 1", false),
            ("evaluate --few-shot a --open-set", false),
            ("evaluate --data a --clips b", false),
            ("evaluate --clips a --audio b --truth c", false),
            ("evaluate --audio a --truth b --conditions", false),
            ("evaluate --audio a --truth b --open-set", false),
            ("evaluate --truth b --clips a", false),
            ("evaluate --truth b --clips a --open-set", false),
            ("evaluate --truth b --clips a --conditions", false),
            ("evaluate --truth b --few-shot a", false),
            ("evaluate --truth b --stream --data a --split testing", false),
        ] {
            let parsed = Cli::try_parse_from(["sc-train"].into_iter().chain(arguments.split(' ')));
            assert_eq!(parsed.is_ok(), fits, "{arguments}");
        }
    }
}
