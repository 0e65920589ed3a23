//! Figures of each epoch of training: in `metrics.jsonl`, one JSON object a line.

use serde::{Deserialize, Serialize};

/// One epoch's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Mean loss over the epoch's batches, with augmentation, while the weights moved.
    pub train_loss: f64,
    /// Share of these clips that got their label.
    pub train_accuracy: f64,
    /// Mean loss over the clips of the development half of the validation split, after the epoch.
    pub validation_loss: f64,
    /// Share of these clips that got their label, after the epoch.
    pub validation_accuracy: f64,
    /// Number of these clips.
    pub validation_clips: usize,
    /// The epoch's last learning rate.
    pub learning_rate: f64,
    /// Clips trained on a second.
    pub clips_per_s: f64,
    /// Duration of the epoch, validation included.
    pub seconds: f64,
    /// The same by part.
    pub parts: EpochParts,
}

/// Seconds that an epoch spent in each of its parts. The rest of its duration went to figures and progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochParts {
    /// Waiting for examples, which are made while a step runs.
    pub waiting: f64,
    /// From features to the loss.
    pub forward: f64,
    /// From the loss to the gradients.
    pub backward: f64,
    /// From the gradients to new weights.
    pub optimizer: f64,
    /// Updating the moving average of the weights.
    pub average: f64,
    /// Answering the validation clips.
    pub validation: f64,
}

impl EpochParts {
    /// Returns every part with its name.
    pub fn named(&self) -> [(&'static str, f64); 6] {
        let Self { waiting, forward, backward, optimizer, average, validation } = *self;
        [
            ("waiting for examples", waiting),
            ("forward", forward),
            ("backward", backward),
            ("optimiser", optimizer),
            ("average of the weights", average),
            ("validation", validation),
        ]
    }
}

impl EpochMetrics {
    /// Returns the epoch whose weights are kept: the last whose validation accuracy is within a standard error
    /// of the highest.
    ///
    /// Accuracy does not tell such epochs apart, and the later one has learnt longer what validation does not
    /// measure: noises, and words that nobody recorded. (By the same rule Breiman et al. 1984 choose the simplest
    /// of several models.)
    pub fn kept(epochs: &[Self]) -> Option<&Self> {
        let best = Self::best(epochs)?;
        let lowest = best.validation_accuracy - best.standard_error();
        epochs.iter().rfind(|epoch| epoch.validation_accuracy >= lowest)
    }

    /// The standard error of the validation accuracy, a share of independent clips.
    pub fn standard_error(&self) -> f64 {
        let accuracy = self.validation_accuracy;
        (accuracy * (1.0 - accuracy) / self.validation_clips.max(1) as f64).sqrt()
    }

    /// Returns the first epoch of the highest validation accuracy.
    pub fn best(epochs: &[Self]) -> Option<&Self> {
        epochs.iter().reduce(
            |best, next| if next.validation_accuracy > best.validation_accuracy { next } else { best },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize) -> EpochMetrics {
        EpochMetrics {
            epoch,
            train_loss: 0.5,
            train_accuracy: 0.8,
            validation_loss: 0.4,
            validation_accuracy: 0.9,
            validation_clips: 400,
            learning_rate: 0.001,
            clips_per_s: 1000.0,
            seconds: 20.0,
            parts: EpochParts { forward: 8.0, backward: 10.0, ..EpochParts::default() },
        }
    }

    #[test]
    fn the_best_epoch_is_the_first_of_the_highest_accuracy() {
        let with = |accuracy, number| EpochMetrics { validation_accuracy: accuracy, ..epoch(number) };
        let epochs = [with(0.6, 1), with(0.8, 2), with(0.8, 3)];
        assert_eq!(EpochMetrics::best(&epochs).unwrap().epoch, 2);
        assert_eq!(EpochMetrics::best(&[]), None);
    }

    #[test]
    fn the_last_epoch_within_a_standard_error_of_the_best_is_kept() {
        let with = |accuracy, number| EpochMetrics { validation_accuracy: accuracy, ..epoch(number) };
        // Of 400 clips, 0.9 has a standard error of 0.015.
        let epochs = [with(0.8, 1), with(0.9, 2), with(0.886, 3), with(0.884, 4)];
        assert_eq!(EpochMetrics::kept(&epochs).unwrap().epoch, 3);
        assert_eq!(EpochMetrics::kept(&[]), None);
    }
}
