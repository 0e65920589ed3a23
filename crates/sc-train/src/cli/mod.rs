//! The command line: arguments, printing and exit statuses. The rest of the crate knows nothing of it.

mod bank;
mod classify;
mod compact;
mod evaluate;
mod export;
mod format;
mod shard;
mod teach;
mod train;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use sc_model::words::N_RECORDINGS;
use sc_model::{Backend, Classifier, Record};

use bank::BankArgs;
use classify::ClassifyArgs;
use compact::CompactArgs;
use evaluate::EvaluateArgs;
use export::ExportArgs;
use teach::TeachArgs;
use train::TrainArgs;

/// Trains, evaluates and tries a keyword recogniser.
#[derive(Debug, Parser)]
#[command(name = "sc-train", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(TrainArgs),
    Evaluate(EvaluateArgs),
    Classify(ClassifyArgs),
    Export(ExportArgs),
    Teach(TeachArgs),
    Bank(BankArgs),
    Compact(CompactArgs),
}

impl Cli {
    /// Runs the command. The exit status is 1 if a file could not be read.
    ///
    /// # Errors
    /// What went wrong, worded for the user.
    pub fn run(&self) -> Result<ExitCode> {
        match &self.command {
            Command::Train(args) => train::run(args),
            Command::Evaluate(args) => evaluate::run(args),
            Command::Classify(args) => return classify::run(args),
            Command::Export(args) => export::run(args),
            Command::Teach(args) => teach::run(args),
            Command::Bank(args) => bank::run(args),
            Command::Compact(args) => compact::run(args),
        }?;
        Ok(ExitCode::SUCCESS)
    }
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
    #[arg(long, value_name = "0..1", value_parser = parse_probability)]
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

fn parse_count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number from 1".into())
}

fn parse_epochs(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number".into())
}

fn parse_minutes(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| "expected a whole number of minutes, 1 to 10000".into())
}

fn parse_width(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=4).contains(number));
    number.ok_or_else(|| "expected 1, 2, 3 or 4".into())
}

fn parse_shots(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| N_RECORDINGS.contains(number));
    let (least, most) = N_RECORDINGS.into_inner();
    number.ok_or_else(|| format!("expected a number of recordings, {least} to {most}"))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| *number > 0.0 && *number <= 1.0);
    number.ok_or_else(|| "expected a number above 0, up to 1".into())
}

fn parse_probability(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 to 1".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_threshold_is_a_probability() {
        assert_eq!(parse_probability("0.5"), Ok(0.5));
        for text in ["-0.1", "1.1", "NaN", "half"] {
            assert!(parse_probability(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_training_that_could_not_learn_is_refused() {
        for wrong in ["--epochs=-1", "--batch-size=0", "--learning-rate=0", "--learning-rate=NaN"] {
            let parsed = Cli::try_parse_from(["sc-train", "train", "--data=a", "--out=b", wrong]);
            assert!(parsed.is_err_and(|error| error.to_string().contains("expected a")), "{wrong}");
        }
    }

    #[test]
    fn evaluation_needs_exactly_one_source() {
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
        ] {
            let parsed = Cli::try_parse_from(["sc-train"].into_iter().chain(arguments.split(' ')));
            assert_eq!(parsed.is_ok(), fits, "{arguments}");
        }
    }
}
