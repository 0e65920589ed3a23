//! `sc-train train`: trains on a data set, and leaves a record and its report.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use sc_data::Task;
use sc_model::Backend;

use super::{parse_count, parse_probability, parse_rate, parse_width};
use crate::config::TrainConfig;

/// Train on a data set, and leave a model and a report.
#[derive(Clone, Debug, Args)]
pub struct TrainArgs {
    /// The data set, as `sc-data fetch` leaves it.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The folder for checkpoints and metrics.jsonl, and at the end for model.safetensors and the report.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The labels: ten commands, other words and silence (12), or every word and silence (35).
    #[arg(long, value_name = "12|35", default_value_t)]
    pub task: Task,
    /// Number of epochs: passes through the training clips.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().epochs, value_parser = parse_count)]
    pub epochs: usize,
    /// Clips in one step.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().batch_size, value_parser = parse_count)]
    pub batch_size: usize,
    /// The highest learning rate of the schedule.
    #[arg(long, value_name = "X", default_value_t = TrainConfig::default().learning_rate, value_parser = parse_rate)]
    pub learning_rate: f64,
    /// Share of each target that is spread over all labels.
    #[arg(long, value_name = "0..1", default_value_t = TrainConfig::default().label_smoothing, value_parser = parse_probability)]
    pub label_smoothing: f32,
    /// Factor by which every layer is wider than usual: 2 is four times as slow, and a good teacher.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().width, value_parser = parse_width)]
    pub width: usize,
    /// A model whose weights the training begins with, instead of random ones. Use a tenth of the usual
    /// --learning-rate, so that it keeps what it knows.
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// A model whose answers are learnt along with the labels. The answers of several are averaged.
    #[arg(long, value_name = "FILE")]
    pub teacher: Vec<PathBuf>,
    /// Makes the run repeatable: the same seed gives the same weights.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().seed)]
    pub seed: u64,
    /// The backend that runs the network: flex, ndarray or wgpu, if built in.
    #[arg(long)]
    pub backend: Option<Backend>,
    /// Continue an interrupted run in OUT, or start a new one if there is none.
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

    use sc_model::{Classifier, Record};

    // Training needs the gradients of a backend that Burn runs.
    let first_trainable = || Backend::available().find(|backend| *backend != Backend::Native);
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
    let mut init = None;
    if let Some(path) = &args.init {
        let (record, digest) = Record::load_with_digest(path)?;
        init = Some(record);
        config.init = Some(digest.to_string());
    }
    let mut teachers = Vec::new();
    for path in &args.teacher {
        let (record, digest) = Record::load_with_digest(path)?;
        teachers.push(Classifier::new(&record, Backend::Native)?);
        config.teachers.push(digest.to_string());
    }
    let evaluation = crate::training::train(
        &config,
        init.as_ref(),
        &teachers,
        &args.data,
        &args.out,
        args.backend.or_else(first_trainable).unwrap_or_default(),
        args.resume,
    )?;
    writeln!(
        io::stdout(),
        "{}: {:.2} % of {} held-out validation clips; the report is {}",
        model.display(),
        100.0 * evaluation.accuracy,
        evaluation.n,
        args.out.join("report.html").display()
    )?;
    Ok(ExitCode::SUCCESS)
}
