//! `sc-train train`: a data set in, a record and its report out.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use sc_data::Task;
use sc_model::Backend;
#[cfg(feature = "flex")]
use sc_model::Classifier;

use super::{parse_count, parse_probability, parse_rate, parse_width};
use crate::config::TrainConfig;

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

#[cfg(not(feature = "flex"))]
pub(super) fn run(_: &TrainArgs) -> Result<ExitCode> {
    anyhow::bail!("this build cannot train: build it with --features flex")
}

#[cfg(feature = "flex")]
pub(super) fn run(args: &TrainArgs) -> Result<ExitCode> {
    use std::io::{self, Write};

    let model = args.out.join("model.safetensors");
    if args.if_missing && Classifier::load(&model, Backend::Native).is_ok() {
        writeln!(io::stdout(), "{} is there and loads: nothing to train", model.display())?;
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
    let evaluation = crate::training::train(
        &config,
        init.as_ref(),
        &teachers,
        &args.data,
        &args.out,
        args.backend.unwrap_or_else(default_backend),
        args.resume,
    )?;
    writeln!(
        io::stdout(),
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
