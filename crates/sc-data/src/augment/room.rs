//! Rooms: what a sound is like at some distance from its speaker.

use std::sync::{Arc, LazyLock};

use rand::{Rng, RngExt};
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};

use crate::waveform::energy;
use crate::{N_SAMPLES, SAMPLE_RATE_HZ, Waveform};

/// Long enough for a second of sound and a second of echo without wrapping around.
const N_FFT: usize = 2 * N_SAMPLES.next_power_of_two();

/// A room impulse response by Polack's statistical model (La transmission de l'énergie sonore dans les salles, 1988):
/// the direct sound, then Gaussian noise that decays exponentially, by 60 dB in the reverberation time.
pub struct Room {
    /// Of the impulse response, divided by [`N_FFT`] as the transform back is not scaled.
    spectrum: Vec<Complex<f32>>,
}

/// The transforms there and back.
type Transforms = (Arc<dyn RealToComplex<f32>>, Arc<dyn ComplexToReal<f32>>);

static TRANSFORMS: LazyLock<Transforms> = LazyLock::new(|| {
    let mut planner = RealFftPlanner::new();
    (planner.plan_fft_forward(N_FFT), planner.plan_fft_inverse(N_FFT))
});

impl Room {
    /// A room with the reverberation time `rt60_s`, 1 ms or more, whose echoes together have `direct_db` less energy
    /// than the direct sound. A negative `direct_db` is a speaker far away.
    pub fn new(rt60_s: f32, direct_db: f32, rng: &mut impl Rng) -> Self {
        let decay = 1e-3_f32.powf(1.0 / (rt60_s * SAMPLE_RATE_HZ as f32)); // 60 dB is a factor of 1,000
        let mut envelope = 1.0;
        let mut response: Vec<f32> = (0..N_SAMPLES)
            .map(|_| {
                envelope *= decay;
                envelope * gaussian(rng)
            })
            .collect();
        let gain = (10.0_f32.powf(-direct_db / 10.0) / energy(&response)).sqrt();
        for echo in &mut response {
            *echo *= gain / N_FFT as f32;
        }
        response[0] = 1.0 / N_FFT as f32;
        Self { spectrum: spectrum(&response) }
    }

    /// The direct-to-reverberant ratio, in dB, at `distance_m` in a room of `volume_m3`: the critical distance is
    /// 0.057 times the root of volume over reverberation time (Kuttruff, Room Acoustics).
    pub fn direct_db(rt60_s: f32, volume_m3: f32, distance_m: f32) -> f32 {
        20.0 * (0.057 * (volume_m3 / rt60_s).sqrt() / distance_m).log10()
    }

    /// Lets a sound be heard in the room, as loud as before.
    pub fn apply(&self, waveform: &mut Waveform) {
        let before = waveform.energy();
        let mut product = spectrum(waveform.samples());
        product.iter_mut().zip(&self.spectrum).for_each(|(sound, room)| *sound *= room);
        let mut heard = vec![0.0; N_FFT];
        // The lengths fit, and the first and last bins of real sounds are real.
        if TRANSFORMS.1.process(&mut product, &mut heard).is_err() {
            return;
        }
        waveform.samples_mut().copy_from_slice(&heard[..N_SAMPLES]);
        let gain = (before / waveform.energy()).sqrt();
        if gain.is_finite() {
            waveform.scale(gain);
        }
    }
}

/// The spectrum of up to [`N_FFT`] samples, followed by zeros.
fn spectrum(samples: &[f32]) -> Vec<Complex<f32>> {
    let mut padded = vec![0.0; N_FFT];
    padded[..samples.len()].copy_from_slice(samples);
    let mut spectrum = TRANSFORMS.0.make_output_vec();
    let transformed = TRANSFORMS.0.process(&mut padded, &mut spectrum);
    debug_assert!(transformed.is_ok(), "the lengths fit");
    spectrum
}

/// Nearly Gaussian, of variance 1: the sum of four uniform numbers, which is enough for an echo.
fn gaussian(rng: &mut impl Rng) -> f32 {
    let sum: f32 = (0..4).map(|_| rng.random_range(-1.0..1.0_f32)).sum();
    sum * (3.0_f32 / 4.0).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn impulse() -> Waveform {
        let mut waveform = Waveform::silence();
        waveform.samples_mut()[100] = 0.5;
        waveform
    }

    /// Energy of the direct sound, and of the echoes between two times after it.
    fn heard(rt60_s: f32, direct_db: f32) -> (f32, impl Fn(f32, f32) -> f32) {
        let mut waveform = impulse();
        Room::new(rt60_s, direct_db, &mut ChaCha8Rng::seed_from_u64(1)).apply(&mut waveform);
        let direct = waveform.samples()[100].powi(2);
        let energy = move |from_s: f32, to_s: f32| -> f32 {
            let [from, to] = [from_s, to_s].map(|s| 101 + (s * SAMPLE_RATE_HZ as f32) as usize);
            waveform.samples()[from..to.min(N_SAMPLES)].iter().map(|x| x * x).sum()
        };
        (direct, energy)
    }

    #[test]
    fn echoes_have_the_energy_asked_for() {
        for direct_db in [-10.0, 0.0, 10.0] {
            let (direct, after) = heard(0.3, direct_db);
            let ratio = 10.0 * (direct / after(0.0, 0.9)).log10();
            assert!((ratio - direct_db).abs() < 0.5, "{ratio} dB, {direct_db} expected");
        }
    }

    #[test]
    fn echoes_fade_by_60_db_in_the_reverberation_time() {
        for rt60_s in [0.3, 0.6] {
            let (_, after) = heard(rt60_s, 0.0);
            let fall_db = 10.0 * (after(0.0, 0.05) / after(rt60_s / 2.0, rt60_s / 2.0 + 0.05)).log10();
            assert!((fall_db - 30.0).abs() < 2.0, "{fall_db} dB in half of {rt60_s} s");
        }
    }

    #[test]
    fn a_room_leaves_loudness_and_silence_as_they_are() {
        let mut waveform = impulse();
        let room = Room::new(0.5, -3.0, &mut ChaCha8Rng::seed_from_u64(2));
        room.apply(&mut waveform);
        assert!((waveform.energy() - impulse().energy()).abs() < 1e-3);
        let mut silence = Waveform::silence();
        room.apply(&mut silence);
        assert_eq!(silence, Waveform::silence());
    }

    #[test]
    fn near_is_louder_than_its_echoes_and_far_is_not() {
        assert!(Room::direct_db(0.3, 30.0, 0.5) > 0.0);
        assert!(Room::direct_db(0.6, 60.0, 3.0) < -10.0);
    }
}
