//! One second of audio: the unit that the network classifies.

/// Samples a second in every [`Waveform`].
pub const SAMPLE_RATE_HZ: u32 = 16_000;
/// Samples in a [`Waveform`]: one second.
pub const N_SAMPLES: usize = SAMPLE_RATE_HZ as usize;

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
    /// Samples are clamped to [-1, 1], and NaN becomes 0. If several seconds are equally loud, the earliest
    /// is taken.
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

/// Returns the start of the second with the most energy, the earliest of equals, or 0 for less than a second.
fn loudest_second<T>(samples: &[T], to_f32: impl Fn(&T) -> f32) -> usize {
    // In f64 squares of 16-bit samples add up without rounding, so that equal seconds compare equal.
    let energy = |sample| f64::from(to_f32(sample)).powi(2);
    let mut gain = 0.0; // of the second that begins here over the first one
    let mut loudest = (0, 0.0);
    let entering = samples.iter().skip(N_SAMPLES);
    for (start, (enters, leaves)) in (1..).zip(entering.zip(samples)) {
        gain += energy(enters) - energy(leaves);
        if gain > loudest.1 {
            loudest = (start, gain);
        }
    }
    loudest.0
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
        let mut samples = vec![100; 3 * N_SAMPLES];
        samples[20_000..20_000 + N_SAMPLES].fill(-2_000);
        assert_eq!(Waveform::from_i16(&samples), Waveform::from_i16(&vec![-2_000; N_SAMPLES]));
    }

    #[test]
    fn of_equally_loud_seconds_the_earliest_is_taken() {
        let mut samples = vec![0.0; 3 * N_SAMPLES];
        samples[..N_SAMPLES].fill(0.125);
        samples[2 * N_SAMPLES..].fill(-0.125);
        assert_eq!(Waveform::from_samples(&samples), Waveform::from_samples(&vec![0.125; N_SAMPLES]));
    }

    #[test]
    fn samples_out_of_range_are_clamped() {
        let waveform = Waveform::from_samples(&[f32::NAN, f32::INFINITY, -3.0]);
        assert_eq!(waveform.samples()[..3], [0.0, 1.0, -1.0]);
    }
}
