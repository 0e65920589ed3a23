//! One second of audio: the unit that the network classifies.

use std::f32::consts::FRAC_1_SQRT_2;

use crate::N_SAMPLES;
use crate::filter::Section;

/// Exactly one second of 16 kHz mono in [-1, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform(Box<[f32]>);

impl Waveform {
    /// One second of digital silence.
    pub fn silence() -> Self {
        Self(vec![0.0; N_SAMPLES].into_boxed_slice())
    }

    /// Cuts 16 kHz mono samples to their loudest second, or pads them with zeros at the end, as training
    /// pads short clips.
    ///
    /// Samples are clamped to [-1, 1], and NaN becomes 0. Which second is loudest is told by what can be heard of speech:
    /// not by what is below 100 Hz.
    pub fn from_samples(samples: &[f32]) -> Self {
        Self::collect(samples, |&sample| if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) })
    }

    /// Does the same with 16-bit samples, divided by their full scale of 32768.
    pub fn from_i16(samples: &[i16]) -> Self {
        Self::collect(samples, |&sample| f32::from(sample) / 32_768.0)
    }

    /// The samples, `[16000]`, in [-1, 1].
    pub fn samples(&self) -> &[f32] {
        &self.0
    }

    /// The samples, `[16000]`, to be changed in place by augmentation.
    pub fn samples_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }

    /// The sum of the samples' squares.
    pub fn energy(&self) -> f32 {
        energy(&self.0)
    }

    /// Multiplies every sample by `gain`.
    pub fn scale(&mut self, gain: f32) {
        self.0.iter_mut().for_each(|sample| *sample *= gain);
    }

    /// Amplifies the sound by `gain_db`; a negative gain makes it softer.
    pub fn amplify(&mut self, gain_db: f32) {
        self.scale(10.0_f32.powf(gain_db / 20.0));
    }

    /// Clips the samples to [-1, 1], as a microphone does.
    pub fn clip(&mut self) {
        self.0.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
    }

    fn collect<T>(samples: &[T], to_f32: impl Fn(&T) -> f32) -> Self {
        let start = loudest_second(samples, &to_f32);
        let mut waveform = Self::silence();
        for (to, from) in waveform.0.iter_mut().zip(&samples[start..]) {
            *to = to_f32(from);
        }
        waveform
    }
}

/// The sum of squares. Eight sums beside each other do not wait for one another.
pub(crate) fn energy(samples: &[f32]) -> f32 {
    let (eights, rest) = samples.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, sample)| *sum += sample * sample);
    }
    sums.into_iter().chain(rest.iter().map(|sample| sample * sample)).sum()
}

/// What is below is no speech: it counts for nothing in how loud a second is.
const LOWEST_HZ: f32 = 100.0;
/// The step in which the loudest second is searched: 10 ms.
const STEP: usize = N_SAMPLES / 100;

/// Returns the start of the loudest second, the earliest of equals, or 0 for less than a step more than a second.
///
/// A second is as loud as the sum of its steps' root mean squares above [`LOWEST_HZ`]. So neither the direct current of a
/// microphone that was just switched on, nor a knock, is louder than a word.
fn loudest_second<T>(samples: &[T], to_f32: impl Fn(&T) -> f32) -> usize {
    let n_starts = samples.len().saturating_sub(N_SAMPLES) / STEP;
    if n_starts == 0 {
        return 0;
    }
    let first = samples.first().map_or(0.0, &to_f32); // so that the filter begins at rest
    let mut high_pass = Section::high_pass(LOWEST_HZ, FRAC_1_SQRT_2);
    let mut level = |step: &[T]| -> f64 {
        let heard = step.iter().map(|sample| high_pass.pass(to_f32(sample) - first));
        f64::from(heard.map(|sample| sample * sample).sum::<f32>().sqrt())
    };
    let levels: Vec<f64> = samples.chunks(STEP).map(&mut level).collect();

    let mut gain = 0.0; // of the second that begins here over the first one
    let mut loudest = (0, 0.0);
    let entering = levels.iter().skip(N_SAMPLES / STEP).take(n_starts);
    for (start, (enters, leaves)) in (1..).zip(entering.zip(&levels)) {
        gain += enters - leaves;
        if gain > loudest.1 {
            loudest = (start, gain);
        }
    }
    loudest.0 * STEP
}

/// One second of a tone.
#[cfg(test)]
pub(crate) fn tone(hz: f32, amplitude: f32) -> Waveform {
    Waveform::from_samples(&samples_of_tone(hz, amplitude, N_SAMPLES).collect::<Vec<_>>())
}

#[cfg(test)]
fn samples_of_tone(hz: f32, amplitude: f32, n: usize) -> impl Iterator<Item = f32> {
    (0..n).map(move |i| amplitude * (std::f32::consts::TAU * hz * i as f32 / N_SAMPLES as f32).sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_recordings_are_padded_at_the_end() {
        let waveform = Waveform::from_i16(&[16_384, -32_768]);
        assert_eq!(waveform.samples()[..3], [0.5, -1.0, 0.0]);
        assert_eq!(waveform.samples().len(), N_SAMPLES);
        assert_eq!(Waveform::from_samples(&[]), Waveform::silence());
    }

    #[test]
    fn long_recordings_are_cut_to_their_loudest_second() {
        let mut samples: Vec<f32> = samples_of_tone(300.0, 0.01, 3 * N_SAMPLES).collect();
        let loud: Vec<f32> = samples_of_tone(500.0, 0.1, N_SAMPLES).collect();
        samples[20_000..20_000 + N_SAMPLES].copy_from_slice(&loud);
        assert_eq!(Waveform::from_samples(&samples), Waveform::from_samples(&loud));
    }

    #[test]
    fn silence_is_cut_at_its_beginning() {
        assert_eq!(loudest_second(&vec![0.25; 3 * N_SAMPLES], |sample| *sample), 0);
    }

    /// Three seconds, with a word of half a second in the middle and something else at the beginning.
    #[track_caller]
    fn assert_word_is_found(beginning: impl Iterator<Item = f32>) {
        let word = 3 * N_SAMPLES / 2..2 * N_SAMPLES;
        let mut samples = vec![0.0; 3 * N_SAMPLES];
        samples.iter_mut().zip(beginning).for_each(|(sample, other)| *sample = other);
        samples[word.clone()]
            .iter_mut()
            .zip(samples_of_tone(500.0, 0.06, word.len()))
            .for_each(|(to, from)| *to += from);
        let start = loudest_second(&samples, |sample| *sample);
        assert!(start <= word.start && start + N_SAMPLES >= word.end, "{start}");
    }

    #[test]
    fn a_microphone_that_settles_is_not_louder_than_a_word() {
        assert_word_is_found((0..3 * N_SAMPLES).map(|i| 0.5 * (-(i as f32) / 3_200.0).exp()));
        assert_word_is_found(samples_of_tone(0.2, 0.3, 3 * N_SAMPLES));
    }

    #[test]
    fn a_knock_is_not_louder_than_a_word() {
        assert_word_is_found(samples_of_tone(500.0, 0.6, 480));
    }

    #[test]
    fn samples_out_of_range_are_clamped() {
        let waveform = Waveform::from_samples(&[f32::NAN, f32::INFINITY, -3.0]);
        assert_eq!(waveform.samples()[..3], [0.0, 1.0, -1.0]);
    }
}
