//! Decoded audio before it is resampled.

use crate::waveform::energy;

/// A mean this many times weaker than the channel that speaks has lost the voice, and a channel this many times weaker than
/// another is dead: 10 dB.
const LOST_RATIO: f32 = 10.0;

/// One channel of samples in [-1, 1], at the sample rate of the file.
pub(super) struct Mono {
    pub samples: Vec<f32>,
    pub rate_hz: u32,
}

/// Mixes the channels of a file to one.
///
/// The mean of all channels counts. In a file from a badly soldered or balanced microphone, one channel is the negative of
/// another, so that the mean cancels. Then the first channel counts, or the strongest where the first is dead. So it
/// does where one channel of four or more speaks alone.
#[derive(Default)]
pub(super) struct Downmix {
    mean: Vec<f32>,
    /// One channel of a file with several.
    one: Vec<f32>,
    /// The number of that channel.
    chosen: usize,
    /// The energy of each channel so far.
    energies: Vec<f32>,
}

impl Downmix {
    /// Appends interleaved samples in [-1, 1].
    pub fn push(&mut self, mut samples: impl ExactSizeIterator<Item = f32> + Clone, channels: usize) {
        if channels == 1 {
            return self.mean.extend(samples);
        }
        self.align();
        if channels > 2 {
            self.choose(samples.clone(), channels); // of two that cancel, none is dead
        }
        let chosen = self.chosen.min(channels - 1);
        for _ in 0..samples.len() / channels {
            let (mut sum, mut one) = (0.0, 0.0);
            for (channel, sample) in samples.by_ref().take(channels).enumerate() {
                sum += sample;
                one = if channel == chosen { sample } else { one };
            }
            self.mean.push(sum / channels as f32);
            self.one.push(one);
        }
    }

    /// Turns from a channel that has been dead so far to the strongest.
    fn choose(&mut self, samples: impl Iterator<Item = f32>, channels: usize) {
        self.energies.resize(channels, 0.0);
        for (sample, channel) in samples.zip((0..channels).cycle()) {
            self.energies[channel] += sample * sample;
        }
        let strongest = self.energies.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1));
        let its = self.energies.get(self.chosen).unwrap_or(&0.0);
        if let Some((strongest, _)) = strongest.filter(|(_, energy)| LOST_RATIO * its < **energy) {
            self.chosen = strongest;
        }
    }

    /// Takes what came in one channel, in a file joined of several, for the chosen one too.
    fn align(&mut self) {
        self.one.extend_from_slice(&self.mean[self.one.len()..]);
    }

    /// Frames so far.
    pub fn len(&self) -> usize {
        self.mean.len()
    }

    /// Returns the one channel.
    pub fn finish(mut self) -> Vec<f32> {
        if !self.one.is_empty() {
            self.align();
        }
        let is_lost = !self.one.is_empty() && LOST_RATIO * energy(&self.mean) < energy(&self.one);
        if is_lost { self.one } else { self.mean }
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
    fn a_dead_channel_is_not_the_one_that_is_left() {
        assert_eq!(mixed(&[0.0, 0.5, -0.5, 0.0, 0.0, -0.25, 0.25, 0.0], 4), [0.5, -0.25]);
        let mut mix = Downmix::default();
        for samples in [[0.01, 0.0, 0.0], [0.0, 0.5, -0.5]] {
            mix.push(samples.into_iter(), 3);
        }
        assert_eq!(mix.finish(), [0.01, 0.5]);
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
