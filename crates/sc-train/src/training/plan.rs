//! The number of epochs that fits into a time.

use anyhow::Result;
use sc_model::Weights;

use super::Job;
use super::checkpoint::Checkpoint;
use super::run::Run;
use super::trainer::Trainer;
use crate::config::TrainConfig;
use crate::progress::note;

/// Fewer epochs leave the schedule too coarse, more spend their time on validation.
const EPOCHS: [f64; 2] = [4.0, 40.0];

/// Share of the time that is planned with: other programs run too.
const USED_SHARE: f64 = 0.9;

/// Temperature, threshold and all that the report shows take about as long at the end as so many validations.
const VALIDATIONS_AT_END: f64 = 125.0;

/// The learning rate rises over one of so many epochs, but no longer than usual.
const EPOCHS_A_WARMUP: f64 = 10.0;

/// Sets the epochs so that the training ends within the job's minutes, by the speed of a few steps; without minutes
/// they stay as they are.
///
/// A training that goes on from a checkpoint keeps the plan that it began with.
///
/// # Errors
/// If a file cannot be read, or the backend cannot train.
pub fn fit(run: Run, job: &Job, init: Option<&Weights>) -> Result<TrainConfig> {
    let config = run.config;
    let Some(minutes) = job.minutes else { return Ok(config.clone()) };
    if let (true, Some(begun)) = (job.resume, Checkpoint::config(job.out)?) {
        let TrainConfig { epochs, epoch_examples, warmup_epochs, .. } = begun;
        return Ok(TrainConfig { epochs, epoch_examples, warmup_epochs, ..config.clone() });
    }
    let mut trainer = Trainer::new(run, init, None)?;
    let n_clips = run.sampler.n_clips();
    let [step_s, validation_s] = trainer.measure()?;
    let example_s = step_s / config.batch_size as f64;
    let planned = planned(config, n_clips, f64::from(minutes) * 60.0, example_s, validation_s);
    note!(
        "{:.0} clips/s: {} epochs of {} clips fit into {minutes} min; {} epochs of all {} clips would take {:.0} min",
        1.0 / example_s,
        planned.epochs,
        planned.epoch_examples.unwrap_or_default(),
        config.epochs,
        n_clips,
        config.epochs as f64 * (n_clips as f64 * example_s + validation_s) / 60.0,
    );
    Ok(planned)
}

/// The settings for `seconds`, of which an example and a validation take so many.
fn planned(
    config: &TrainConfig,
    n_clips: usize,
    seconds: f64,
    example_s: f64,
    validation_s: f64,
) -> TrainConfig {
    let usable_s = (USED_SHARE * seconds - VALIDATIONS_AT_END * validation_s).max(0.2 * seconds);
    let [fewest, most] = EPOCHS;
    let epochs = (usable_s / (n_clips as f64 * example_s + validation_s)).floor().clamp(fewest, most);
    let for_steps_s = (usable_s / epochs - validation_s).max(0.0);
    let n_examples = ((for_steps_s / example_s) as usize).max(config.batch_size);
    TrainConfig {
        epochs: epochs as usize,
        epoch_examples: Some(n_examples),
        warmup_epochs: config.warmup_epochs.min(epochs / EPOCHS_A_WARMUP),
        ..config.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs, examples of each, and the seconds they take with their validations.
    fn plan(n_clips: usize, minutes: f64) -> (usize, usize, f64) {
        let (example_s, validation_s) = (1.0 / 500.0, 1.0);
        let config = TrainConfig::default();
        let planned = planned(&config, n_clips, 60.0 * minutes, example_s, validation_s);
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
        assert_eq!(epochs, 7);
        assert!((34_000..45_000).contains(&examples), "{examples}");
    }
}
