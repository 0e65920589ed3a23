//! The number of epochs that fits into a time.

use std::time::Instant;

use anyhow::{Result, ensure};
use sc_model::Weights;

use super::Job;
use super::checkpoint::Checkpoint;
use super::run::Run;
use super::trainer::Trainer;
use crate::config::{MOST_EXAMPLES, TrainConfig};
use crate::progress::note;

/// Fewer epochs leave the schedule too coarse, more spend their time on validation.
const EPOCHS: [f64; 2] = [4.0, 40.0];

/// Share of the time that is planned with: runs were as slow as 0.83 of the speed that their first steps had
/// (`assets/RUNS.md`), and other programs run too.
const USED_SHARE: f64 = 0.8;

/// Temperature, threshold and all that the report shows take about as long at the end as so many validations.
const VALIDATIONS_AT_END: f64 = 125.0;

/// The learning rate rises over one of so many epochs, but no longer than usual.
const EPOCHS_A_WARMUP: f64 = 10.0;

/// Steps before those that are timed: they read clips from the disk, and compile programs on a GPU.
const WARM_UP: usize = 6;

/// Steps that are timed.
const TIMED: usize = 30;

/// The seconds that the parts of a training take.
#[derive(Clone, Copy, Debug)]
struct Speed {
    /// An example in a step.
    example_s: f64,
    /// A validation.
    validation_s: f64,
}

/// Sets the epochs so that the training ends by the job's deadline, by the speed of a few steps; without a deadline they
/// stay as they are.
///
/// A training that goes on from a checkpoint keeps the plan that it began with.
///
/// # Errors
/// If a file cannot be read, the backend cannot train, no speed was measured, or too little time is left.
pub fn fit(run: Run, job: &Job, init: Option<&Weights>) -> Result<TrainConfig> {
    let config = run.config;
    let Some(deadline) = job.deadline else { return Ok(config.clone()) };
    if let (true, Some(begun)) = (job.resume, Checkpoint::config(job.out)?) {
        let TrainConfig { epochs, epoch_examples, warmup_epochs, .. } = begun;
        return Ok(TrainConfig { epochs, epoch_examples, warmup_epochs, ..config.clone() });
    }
    let speed = measure(Trainer::new(run, init, None)?)?;
    let n_clips = run.sampler.n_clips();
    let left_s = deadline.saturating_duration_since(Instant::now()).as_secs_f64();
    let planned = planned(config, n_clips, left_s, speed)?;
    note!(
        "{:.0} clips/s: {} epochs of {} clips fit into the {:.1} min that are left; {} epochs of all {} clips would take {:.0} min",
        1.0 / speed.example_s,
        planned.epochs,
        planned.epoch_examples.unwrap_or_default(),
        left_s / 60.0,
        config.epochs,
        n_clips,
        config.epochs as f64 * (n_clips as f64 * speed.example_s + speed.validation_s) / 60.0,
    );
    Ok(planned)
}

/// Measures the speed of a training, which is not gone on with.
fn measure(mut trainer: Trainer) -> Result<Speed> {
    trainer.steps(1, WARM_UP)?;
    let start = Instant::now();
    let n_examples = trainer.steps(1, TIMED)?.examples; // a step at the end of an epoch has fewer
    let example_s = start.elapsed().as_secs_f64() / n_examples;
    let start = Instant::now();
    trainer.validate()?;
    Ok(Speed { example_s, validation_s: start.elapsed().as_secs_f64() })
}

/// The settings for the `seconds` that are left.
fn planned(config: &TrainConfig, n_clips: usize, seconds: f64, speed: Speed) -> Result<TrainConfig> {
    let Speed { example_s, validation_s } = speed;
    ensure!(
        example_s > 0.0 && example_s.is_finite() && validation_s.is_finite(),
        "the speed of the first steps could not be measured: give --epochs instead of --minutes"
    );
    let usable_s = (USED_SHARE * seconds - VALIDATIONS_AT_END * validation_s).max(0.2 * seconds);
    let [fewest, most] = EPOCHS;
    let epochs = (usable_s / (n_clips as f64 * example_s + validation_s)).floor().clamp(fewest, most);
    let for_steps_s = (usable_s / epochs - validation_s).max(0.0);
    let n_examples = (for_steps_s / example_s) as usize;
    ensure!(
        n_examples >= config.batch_size,
        "{:.1} min are left, too few for {fewest} epochs of a step each: give more --minutes; from now on the data set is read \
         faster",
        seconds / 60.0
    );
    let n_examples = n_examples.min(MOST_EXAMPLES);
    Ok(TrainConfig {
        epochs: epochs as usize,
        epoch_examples: Some(n_examples),
        warmup_epochs: config.warmup_epochs.min(epochs / EPOCHS_A_WARMUP),
        ..config.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs, examples of each, and the seconds they take with their validations.
    fn plan(n_clips: usize, minutes: f64) -> (usize, usize, f64) {
        let (example_s, validation_s) = (1.0 / 500.0, 1.0);
        let config = TrainConfig::default();
        let speed = Speed { example_s, validation_s };
        let planned = planned(&config, n_clips, 60.0 * minutes, speed).unwrap();
        let n_examples = planned.epoch_examples.unwrap();
        (planned.epochs, n_examples, planned.epochs as f64 * (n_examples as f64 * example_s + validation_s))
    }

    #[test]
    fn the_plan_fits_into_the_time_whatever_the_number_of_clips() {
        for n_clips in [100, 5_000, 34_000, 85_000, 1_000_000] {
            for minutes in [3.0, 12.0, 120.0] {
                let (epochs, examples, seconds) = plan(n_clips, minutes);
                assert!((4..=40).contains(&epochs), "{n_clips} clips, {minutes} min: {epochs} epochs");
                assert!(
                    seconds <= USED_SHARE * 60.0 * minutes,
                    "{n_clips} clips, {minutes} min: {seconds} s"
                );
                assert!(seconds > 0.15 * 60.0 * minutes, "{n_clips} clips, {minutes} min: {seconds} s");
                assert!(examples > 0);
            }
        }
    }

    #[test]
    fn more_time_is_more_epochs_of_all_clips_before_it_is_longer_ones() {
        let (epochs, examples, _) = plan(34_000, 12.0);
        assert_eq!(epochs, 6);
        assert!((34_000..45_000).contains(&examples), "{examples}");
    }

    #[test]
    fn what_makes_no_plan_is_refused_and_no_plan_is_without_end() {
        let plan = |example_s, seconds| {
            planned(&TrainConfig::default(), 100, seconds, Speed { example_s, validation_s: 0.0 })
        };
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(plan(wrong, 720.0).is_err(), "{wrong}");
        }
        assert_eq!(plan(1e-9, 600_000.0).unwrap().epoch_examples, Some(MOST_EXAMPLES));
        let late = plan(0.002, 0.3).unwrap_err().to_string();
        assert!(late.starts_with("0.0 min are left, too few for 4 epochs"), "{late}");
    }
}
