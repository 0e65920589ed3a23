//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgGroup, Args, Parser, Subcommand};
use sc_data::{Split, Task};
use sc_model::{Backend, Classifier};

use crate::config::TrainConfig;
use crate::shard::Shard;
use crate::{classify, evaluate};

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
}

impl Cli {
    /// Does what the arguments ask for; the exit status says whether every file could be read.
    ///
    /// # Errors
    /// With what went wrong, worded for the user.
    pub fn run(&self) -> Result<ExitCode> {
        match &self.command {
            Command::Train(args) => train(args),
            Command::Evaluate(args) => evaluate::run(args).map(|()| ExitCode::SUCCESS),
            Command::Classify(args) => classify::run(args),
        }
    }
}

#[cfg(not(feature = "flex"))]
fn train(_: &TrainArgs) -> Result<ExitCode> {
    anyhow::bail!("this build cannot train: build it with --features flex")
}

#[cfg(feature = "flex")]
fn train(args: &TrainArgs) -> Result<ExitCode> {
    use std::io::Write;

    let model = args.out.join("model.safetensors");
    if args.if_missing && Classifier::load(&model, Backend::Native).is_ok() {
        writeln!(std::io::stdout(), "{} is there and loads: nothing to train", model.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    let TrainArgs { task, seed, epochs, batch_size, learning_rate, label_smoothing, width, .. } = *args;
    let mut config = TrainConfig {
        task,
        seed,
        epochs,
        batch_size,
        learning_rate,
        width,
        label_smoothing,
        ..TrainConfig::default()
    };
    let digest =
        |path: &PathBuf| std::fs::read(path).map(|bytes| sc_data::Sha256Digest::of(&bytes).to_string());
    let mut init = None;
    if let Some(path) = &args.init {
        init = Some(sc_model::Record::load(path)?);
        config.init = Some(digest(path)?);
    }
    let mut teachers = Vec::new();
    for path in &args.teacher {
        teachers.push(Classifier::load(path, Backend::Native)?);
        config.teachers.push(digest(path)?);
    }
    let evaluation = crate::train::train(
        &config,
        init.as_ref(),
        &teachers,
        &args.data,
        &args.out,
        args.backend.unwrap_or_else(default_backend),
        args.resume,
    )?;
    writeln!(
        std::io::stdout(),
        "{}: {:.2} % of {} validation clips; the report is {}",
        model.display(),
        100.0 * evaluation.accuracy,
        evaluation.n,
        args.out.join("report.html").display()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The first that Burn runs: training needs its gradients.
#[cfg(feature = "flex")]
fn default_backend() -> Backend {
    Backend::available().find(|backend| *backend != Backend::Native).unwrap_or_default()
}

/// Train on a data set, and leave a model and a report.
#[derive(Clone, Debug, Args)]
pub struct TrainArgs {
    /// The data set, as `sc-data fetch` leaves it.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where the run goes: checkpoints, metrics.jsonl, and at the end model.safetensors and the report.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// What to tell apart: ten commands, other words and silence (12), or every word and silence (35).
    #[arg(long, value_name = "12|35", default_value_t)]
    pub task: Task,
    /// Times to go through the training clips.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().epochs, value_parser = parse_count)]
    pub epochs: usize,
    /// Clips a step.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().batch_size, value_parser = parse_count)]
    pub batch_size: usize,
    /// The highest learning rate of the schedule.
    #[arg(long, value_name = "X", default_value_t = TrainConfig::default().learning_rate, value_parser = parse_rate)]
    pub learning_rate: f64,
    /// Share of each target that is spread over all labels.
    #[arg(long, value_name = "0..1", default_value_t = TrainConfig::default().label_smoothing, value_parser = parse_probability)]
    pub label_smoothing: f32,
    /// Times the usual channels everywhere in the network: 2 is four times as slow, and a good teacher.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().width, value_parser = parse_width)]
    pub width: usize,
    /// A model whose weights the training begins with, rather than random ones; a tenth of the usual
    /// --learning-rate keeps what it knows.
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// A model whose answers are learnt along with the labels; of several, their mean.
    #[arg(long, value_name = "FILE")]
    pub teacher: Vec<PathBuf>,
    /// Makes the run repeatable: the same seed gives the same weights.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().seed)]
    pub seed: u64,
    /// What runs the network: flex, ndarray or wgpu, if this program was built with it.
    #[arg(long)]
    pub backend: Option<Backend>,
    /// Go on where an interrupted run in OUT stopped; start anew if there is none.
    #[arg(long)]
    pub resume: bool,
    /// Do nothing if OUT already holds a model that loads.
    #[arg(long)]
    pub if_missing: bool,
}

/// Which model answers, and when it is believed.
#[derive(Clone, Debug, Args)]
pub struct ModelArgs {
    /// The model; without it, the one this program was built with.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// What runs the network: native, flex, ndarray or wgpu, if this program was built with it.
    #[arg(long, default_value_t)]
    backend: Backend,
    /// Accept a keyword from this confidence on, instead of the model's own threshold.
    #[arg(long, value_name = "0..1", value_parser = parse_probability)]
    threshold: Option<f32>,
}

impl ModelArgs {
    /// Loads the model.
    pub(crate) fn load(&self) -> Result<Classifier> {
        let classifier = match &self.model {
            Some(path) => Classifier::load(path, self.backend)?,
            None => Classifier::shipped(self.backend)?,
        };
        Ok(match self.threshold {
            Some(threshold) => classifier.with_threshold(threshold),
            None => classifier,
        })
    }
}

fn parse_count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number from 1".into())
}

fn parse_width(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=4).contains(number));
    number.ok_or_else(|| "expected 1, 2, 3 or 4".into())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| *number > 0.0 && *number <= 1.0);
    number.ok_or_else(|| "expected a number above 0, up to 1".into())
}

fn parse_probability(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 to 1".into())
}

/// Score a model on clips whose label is known, or on sounds that are no keyword.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).args(["data", "clips"]))]
pub struct EvaluateArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// The data set, as `sc-data fetch` leaves it; one of its splits is evaluated.
    #[arg(long, value_name = "DIR", requires = "split")]
    pub(crate) data: Option<PathBuf>,
    /// Which clips of the data set: training, validation or testing.
    #[arg(long, requires = "data", conflicts_with = "clips")]
    pub(crate) split: Option<Split>,
    /// Clips of one's own: one folder of WAV files a label.
    #[arg(long, value_name = "DIR")]
    pub(crate) clips: Option<PathBuf>,
    /// The clips hold no keyword, in any format, length and folders: count those taken for one.
    ///
    /// A recording of up to 6 s counts once, by its loudest second; a longer one by windows of a second, one
    /// every half second.
    #[arg(long, requires = "clips", conflicts_with = "data")]
    pub(crate) open_set: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Name the word in recordings.
#[derive(Clone, Debug, Args)]
pub struct ClassifyArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Print one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Find every keyword, with its place, in recordings of up to ten minutes, rather than name one.
    #[arg(long)]
    pub(crate) detect: bool,
    /// Answer only for part I of N, counted from 0, by the paths below each PATH: on every machine the same.
    #[arg(long, env = "SC_SHARD", value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Write to FILE, which appears when it is whole; if it is there, there is nothing to do.
    #[arg(long, env = "SC_OUTPUT", value_name = "FILE", requires = "json")]
    pub(crate) output: Option<PathBuf>,
    /// Recordings, and folders of recordings.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
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
        for wrong in ["--epochs=0", "--batch-size=0", "--learning-rate=0", "--learning-rate=NaN"] {
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
