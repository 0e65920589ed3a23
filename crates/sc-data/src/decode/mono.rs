//! Decoded audio before it is resampled.

use crate::waveform::energy;

/// A mean this many times weaker than the first channel has lost the voice: 10 dB.
const LOST_RATIO: f32 = 10.0;

/// One channel of samples in [-1, 1], at the sample rate of the file.
pub(super) struct Mono {
    pub samples: Vec<f32>,
    pub rate_hz: u32,
}

/// Mixes the channels of a file to one.
///
/// The mean of all channels counts. In a file from a badly soldered or balanced microphone, one channel is the negative of
/// another, so that the mean cancels. Then the first channel counts.
#[derive(Default)]
pub(super) struct Downmix {
    mean: Vec<f32>,
    /// Of a file with several channels.
    first: Vec<f32>,
}

impl Downmix {
    /// Appends interleaved samples in [-1, 1].
    pub fn push(&mut self, samples: impl ExactSizeIterator<Item = f32>, channels: usize) {
        if channels == 1 {
            return self.mean.extend(samples);
        }
        self.align();
        let mut samples = samples;
        for _ in 0..samples.len() / channels {
            let first = samples.next().unwrap_or_default();
            let rest: f32 = samples.by_ref().take(channels - 1).sum();
            self.mean.push((first + rest) / channels as f32);
            self.first.push(first);
        }
    }

    /// Takes what came in one channel, in a file joined of several, for the first channel too.
    fn align(&mut self) {
        self.first.extend_from_slice(&self.mean[self.first.len()..]);
    }

    /// Frames so far.
    pub fn len(&self) -> usize {
        self.mean.len()
    }

    /// Returns the one channel.
    pub fn finish(mut self) -> Vec<f32> {
        if !self.first.is_empty() {
            self.align();
        }
        let is_lost = !self.first.is_empty() && LOST_RATIO * energy(&self.mean) < energy(&self.first);
        if is_lost { self.first } else { self.mean }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "samples are moved and added, not rounded")]
mod tests {
    use super::*;

    fn mixed(samples: &[f32], channels: usize) -> Vec<f32> {
        let mut mix = Downmix::default();
        mix.push(samples.iter().copied(), channels);
        mix.finish()
    }

    #[test]
    fn channels_that_cancel_leave_the_first() {
        assert_eq!(mixed(&[0.5, -0.5, -0.25, 0.25], 2), [0.5, -0.25]);
        assert_eq!(mixed(&[0.5, -0.4, -0.5, 0.4], 2), [0.5, -0.5]);
    }

    #[test]
    fn parts_in_one_channel_stay_beside_channels_that_cancel() {
        let mut mix = Downmix::default();
        for (samples, channels) in [([0.01, 0.02], 1), ([0.5, -0.5], 2), ([0.03, 0.04], 1)] {
            mix.push(samples.into_iter(), channels);
        }
        assert_eq!(mix.finish(), [0.01, 0.02, 0.5, 0.03, 0.04]);
    }

    #[test]
    fn channels_that_agree_and_a_dead_one_are_averaged() {
        assert_eq!(mixed(&[0.5, 0.25, -0.5, -0.25], 2), [0.375, -0.375]);
        assert_eq!(mixed(&[0.5, 0.0], 2), [0.25]);
        assert_eq!(mixed(&[0.0, 0.5], 2), [0.25]);
        assert_eq!(mixed(&[0.5, 0.25], 1), [0.5, 0.25]);
        assert_eq!(mixed(&[0.3, 0.3, 0.3, 0.9], 3), [0.3]);
        assert_eq!(mixed(&[], 2), Vec::<f32>::new());
    }
}
