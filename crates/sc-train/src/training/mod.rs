//! Training: prepare, loop, finish.

mod checkpoint;
mod fit;
mod plan;
mod run;
mod sampler;
mod schedule;
mod sound;
mod trainer;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use sc_data::{SampleCache, SpeechCommands, printable};
use sc_model::{Classifier, KeywordCnnConfig, Record, Weights};

use crate::Evaluation;
use crate::aside::taught_but;
use crate::config::TrainConfig;
use checkpoint::Checkpoint;
use run::Run;
use sampler::Sampler;
use trainer::Trainer;

/// The input of a training, besides its settings.
pub struct Job<'a> {
    /// The data set.
    pub dataset: &'a SpeechCommands,
    /// Its samples.
    pub cache: &'a SampleCache,
    /// The folder for checkpoints, and at the end for the record and its report.
    pub out: &'a Path,
    /// The record whose weights it begins with: that of [`TrainConfig::init`].
    pub init: Option<&'a Record>,
    /// The records whose answers it learns: those of [`TrainConfig::teachers`].
    pub teachers: &'a [Classifier],
    /// Go on from a checkpoint in `out`, if there is one.
    pub resume: bool,
    /// The moment by which the training is to end: the epochs follow from its speed. Without it, they are the settings'.
    pub deadline: Option<Instant>,
}

/// Returns true if an earlier run in `out` left a checkpoint.
///
/// # Errors
/// If the folder cannot be listed.
pub fn can_resume(out: &Path) -> Result<bool> {
    Ok(out.exists() && !checkpoint::all(out)?.is_empty())
}

/// Refuses to replace a model to which words were taught.
///
/// # Errors
/// Names the model and the words.
pub fn check_untaught(model: &Path) -> Result<()> {
    let Ok(record) = Record::load(model) else { return Ok(()) };
    let taught = taught_but(&record, &[]);
    ensure!(
        taught.is_empty(),
        "{} knows {taught}, which this would lose: move it to another folder, then go on with --resume",
        printable(model.display())
    );
    Ok(())
}

/// Trains, and leaves the record and its report in the job's folder.
///
/// # Errors
/// If a file cannot be read or written, a teacher has other labels or another front end, `init` another front end or
/// network, or `resume` finds another run's checkpoint.
pub fn train(config: &TrainConfig, job: &Job) -> Result<Evaluation> {
    check_teachers(config, job)?;
    let init = job.init.map(|record| init_weights(config, record)).transpose()?;
    let _lock = run::claim(job.out, job.resume)?;
    let config = &planned(config, job, init.as_ref())?;
    let &Job { dataset, cache, out, teachers, resume, .. } = job;
    let sampler = Sampler::new(dataset, cache, config, teachers);
    let run = Run { config, dataset, cache, sampler: &sampler, out };
    let checkpoint = if resume { Checkpoint::load(out, config, &run.data_digest())? } else { None };
    let mut trainer = Trainer::new(run, init.as_ref(), checkpoint)?;
    while !trainer.is_done() {
        trainer.epoch()?;
    }
    trainer.finish()
}

/// Checks the data, and returns the settings with the epochs that fit into the job's time.
fn planned(config: &TrainConfig, job: &Job, init: Option<&Weights>) -> Result<TrainConfig> {
    let &Job { dataset, cache, out, teachers, .. } = job;
    let sampler = Sampler::new(dataset, cache, config, teachers);
    let run = Run { config, dataset, cache, sampler: &sampler, out };
    run.check()?;
    plan::fit(run, job, init)
}

/// Refuses teachers that tell other labels apart than this training, or have another front end, and a recipe that needs
/// teachers where there are none.
fn check_teachers(config: &TrainConfig, job: &Job) -> Result<()> {
    let needs_teacher = config.recipe.unknown.hardest_of.get() > 1 && config.epochs > 0;
    ensure!(
        !needs_teacher || !job.teachers.is_empty(),
        "the recipe's unknown.hardest_of needs a --teacher, which says how hard a word is"
    );
    job.teachers.iter().map(Classifier::header).try_for_each(|header| {
        ensure!(
            header.labels == config.labels && header.log_mel == config.log_mel,
            "--teacher has other labels or another front end: it must be trained for {} too",
            config.labels.names().join(", ")
        );
        Ok(())
    })
}

/// The weights of the record that a training begins with. Labels that are new to it begin anew.
fn init_weights(config: &TrainConfig, Record { header, weights, .. }: &Record) -> Result<Weights> {
    let network = config.network();
    ensure!(header.log_mel == config.log_mel, "--init has another front end than this program trains with");
    ensure!(
        KeywordCnnConfig { n_labels: network.n_labels, ..header.network.clone() } == network,
        "--init is another network: give the --width that it was trained with"
    );
    let mut weights = weights.clone();
    let known = header.network_labels();
    if let Some(new) = config.labels.names().iter().find(|label| !known.contains(label)) {
        ensure!(
            config.epochs > 0,
            "--init does not know {new}, and --epochs 0 does not train it: give it some epochs"
        );
    }
    weights.relabel(known, &config.labels, &network, config.seed);
    Ok(weights)
}
