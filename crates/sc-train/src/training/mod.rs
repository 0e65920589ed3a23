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

use anyhow::{Result, ensure};
use sc_model::{Backend, Classifier, Header, Record};

use crate::Evaluation;
use crate::config::TrainConfig;
use crate::evaluate::split;
use checkpoint::Checkpoint;
use run::Run;
use sampler::Sampler;
use trainer::Trainer;

/// The input of a training, besides its settings.
pub struct Job<'a> {
    /// The data set.
    pub data: &'a Path,
    /// The folder for checkpoints, and at the end for the record and its report.
    pub out: &'a Path,
    /// The record whose weights it begins with: that of [`TrainConfig::init`].
    pub init: Option<&'a Record>,
    /// The records whose answers it learns: those of [`TrainConfig::teachers`].
    pub teachers: &'a [Classifier],
    /// The backend that trains.
    pub backend: Backend,
    /// Go on from a checkpoint in `out`, if there is one.
    pub resume: bool,
    /// The minutes that the training may take: the epochs follow from its speed. Without it, they are the settings'.
    pub minutes: Option<u32>,
}

/// Trains, and leaves the record and its report in the job's folder.
///
/// # Errors
/// If a file cannot be read or written, one of the job's records has other labels or another front end, `init`
/// another network, or `resume` finds another run's checkpoint.
pub fn train(config: &TrainConfig, job: &Job) -> Result<Evaluation> {
    check_records(config, job)?;
    let (dataset, cache) = split::open(job.data)?;
    let _lock = run::claim(job.out, job.resume)?;
    let sampler = Sampler::new(&dataset, &cache, config, job.teachers);
    let run = Run { config, dataset: &dataset, cache: &cache, sampler: &sampler, out: job.out };
    run.check()?;

    let planned = plan::fit(run, job)?;
    let sampler = sampler.with_config(&planned);
    let (config, run) = (&planned, Run { config: &planned, sampler: &sampler, ..run });
    let checkpoint = if job.resume { Checkpoint::load(job.out, config, &run.data_digest())? } else { None };
    let mut trainer = Trainer::new(run, job.init.map(|record| &record.weights), job.backend, checkpoint)?;
    while !trainer.is_done() {
        trainer.epoch()?;
    }
    trainer.finish()
}

/// Refuses records that tell other labels apart than this training, or have another front end or network.
fn check_records(config: &TrainConfig, job: &Job) -> Result<()> {
    let check = |option: &str, header: &Header| {
        ensure!(
            header.labels == config.task.labels() && header.log_mel == config.log_mel,
            "{option} has other labels or another front end: it must be trained for task {} too",
            config.task
        );
        Ok(())
    };
    job.teachers.iter().try_for_each(|teacher| check("--teacher", teacher.header()))?;
    let Some(Record { header, .. }) = job.init else { return Ok(()) };
    check("--init", header)?;
    ensure!(
        header.network == config.network(),
        "--init is another network: give the --width that it was trained with"
    );
    Ok(())
}
