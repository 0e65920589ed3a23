//! Made-up noises of many kinds: a network that has heard six recordings of noise takes the next for a command.
//!
//! Every range is a setting. The defaults are those of the shipped model's runs, see `assets/RUNS.md`.

use std::f32::consts::TAU;

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::span::{Probability, Span, choose};
use crate::{N_SAMPLES, SAMPLE_RATE_HZ, Waveform};

/// The kinds of made-up noise, how often each is drawn, and their ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseRecipe {
    /// Weights of the kinds.
    pub weights: NoiseWeights,
    /// A noise is as if from an overdriven input.
    pub overdriven: Probability,
    /// Gain before the input clips.
    pub overdrive: Span<f32>,
    /// Wind, water, hiss.
    pub coloured: Coloured,
    /// Motors and the mains.
    pub hum: Hum,
    /// Knocks, keys and dishes.
    pub clicks: Clicks,
    /// Music.
    pub notes: Notes,
    /// Sirens, birds and whistles.
    pub glides: Glides,
    /// Doors, footsteps and drums.
    pub drums: Drums,
    /// Animals, creaks and gusts.
    pub cries: Cries,
}

/// Weights of the kinds of noise: a kind of weight 2 is drawn twice as often as one of weight 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseWeights {
    /// [`Coloured`].
    pub coloured: u32,
    /// [`Hum`].
    pub hum: u32,
    /// [`Clicks`].
    pub clicks: u32,
    /// [`Notes`].
    pub notes: u32,
    /// [`Glides`]: more often, as the most like speech, whose resonances glide too.
    pub glides: u32,
    /// [`Drums`].
    pub drums: u32,
    /// [`Cries`].
    pub cries: u32,
    /// [`Notes`] and [`Drums`] together.
    pub notes_and_drums: u32,
    /// [`Coloured`] and [`Hum`] together.
    pub coloured_and_hum: u32,
}

/// White noise through first-order filters, swelling slowly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Coloured {
    /// Number of filters.
    pub filters: Span<u32>,
    /// Share of its last output that a filter keeps.
    pub keep: Span<f32>,
    /// A filter lets pass the high sounds rather than the low ones.
    pub high_pass: Probability,
    /// Swells a second.
    pub swell_hz: Span<f32>,
    /// Depth of a swell, 1 down to silence.
    pub swell_depth: Span<f32>,
}

/// A tone with harmonics, a little unsteady.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hum {
    /// Fundamental frequency.
    pub pitch_hz: Span<f32>,
    /// Swings of the pitch a second.
    pub wobble_hz: Span<f32>,
    /// Swing of the pitch, as a share of it.
    pub wobble: Span<f32>,
    /// Number of harmonics.
    pub harmonics: u32,
    /// Loudness of each harmonic, divided by its number.
    pub harmonic: Span<f32>,
}

/// Short decaying tones at random moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clicks {
    /// Number of clicks in a second.
    pub count: Span<u32>,
    /// Frequency of a click's tone.
    pub pitch_hz: Span<f32>,
    /// Time in which a click fades to 1/e.
    pub decay_s: Span<f32>,
    /// Loudness of a click.
    pub loudness: Span<f32>,
    /// Noise in a click.
    pub grain: Span<f32>,
}

/// Notes of a few harmonics, one after another and together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notes {
    /// Number of notes in a second.
    pub count: Span<u32>,
    /// The lowest note.
    pub lowest_hz: f32,
    /// Semitones of a note above the lowest.
    pub semitones: Span<u32>,
    /// Time in which a note rises.
    pub attack_s: Span<f32>,
    /// Time in which a note fades to 1/e.
    pub decay_s: Span<f32>,
    /// Loudness of each harmonic relative to the one below.
    pub brightness: Span<f32>,
}

/// Tones that glide and waver, a long one or many short ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Glides {
    /// Numbers of tones to choose from; a lone one lasts the whole second.
    pub counts: Vec<u32>,
    /// Length of one of several.
    pub length_s: Span<f32>,
    /// Distance that a tone glides.
    pub octaves: Span<f32>,
    /// The lowest beginning.
    pub lowest_hz: f32,
    /// Octaves of a tone's beginning above the lowest.
    pub begin_octaves: Span<f32>,
    /// Swings of the pitch a second.
    pub waver_hz: Span<f32>,
    /// Root of the swing of the pitch, as a share of it.
    pub waver_root: Span<f32>,
    /// Power of a harmonic's number by which it is softer.
    pub fading: Span<f32>,
    /// Number of harmonics.
    pub harmonics: Span<u32>,
    /// Loudness of a tone.
    pub loudness: Span<f32>,
}

/// A falling tone and a burst of filtered noise, in any shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drums {
    /// Number of beats in a second.
    pub count: Span<u32>,
    /// Frequency at which the tone begins.
    pub pitch_hz: Span<f32>,
    /// Frequency to which the tone falls.
    pub lowest_hz: Span<f32>,
    /// Time in which the tone falls.
    pub fall_s: Span<f32>,
    /// Share of its last output that the noise's filter keeps.
    pub keep: Span<f32>,
    /// The filter lets pass the high sounds rather than the low ones.
    pub high_pass: Probability,
    /// Time in which a beat fades to 1/e.
    pub decay_s: Span<f32>,
    /// Loudness of a beat.
    pub loudness: Span<f32>,
    /// Share of the noise in a beat.
    pub hiss: Span<f32>,
}

/// A buzz, a hiss or both through three resonances that move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cries {
    /// Number of cries in a second.
    pub count: Span<u32>,
    /// Length of a cry.
    pub length_s: Span<f32>,
    /// Distance that the pitch glides.
    pub octaves: Span<f32>,
    /// The lowest pitch.
    pub lowest_hz: f32,
    /// Octaves of a cry's pitch above the lowest.
    pub begin_octaves: Span<f32>,
    /// Shares of hiss to choose from.
    pub hiss: Vec<f32>,
    /// Frequencies at which each resonance begins and ends.
    pub resonances_hz: [Span<f32>; 3],
    /// Sharpness of a resonance: the radius of its pole.
    pub radius: Span<f32>,
    /// Loudness of a cry.
    pub loudness: Span<f32>,
}

impl Default for NoiseRecipe {
    fn default() -> Self {
        Self {
            weights: NoiseWeights::default(),
            overdriven: Probability::new(0.1),
            overdrive: Span::new(2.0, 10.0),
            coloured: Coloured::default(),
            hum: Hum::default(),
            clicks: Clicks::default(),
            notes: Notes::default(),
            glides: Glides::default(),
            drums: Drums::default(),
            cries: Cries::default(),
        }
    }
}

impl Default for NoiseWeights {
    fn default() -> Self {
        Self {
            coloured: 1,
            hum: 1,
            clicks: 1,
            notes: 1,
            glides: 2,
            drums: 1,
            cries: 1,
            notes_and_drums: 1,
            coloured_and_hum: 1,
        }
    }
}

impl Default for Coloured {
    fn default() -> Self {
        Self {
            filters: Span::new(0, 3),
            keep: Span::new(0.0, 0.99),
            high_pass: Probability::new(0.3),
            swell_hz: Span::new(0.2, 8.0),
            swell_depth: Span::new(0.0, 0.9),
        }
    }
}

impl Default for Hum {
    fn default() -> Self {
        Self {
            pitch_hz: Span::new(40.0, 500.0),
            wobble_hz: Span::new(0.1, 6.0),
            wobble: Span::new(0.0, 0.05),
            harmonics: 8,
            harmonic: Span::new(0.0, 1.0),
        }
    }
}

impl Default for Clicks {
    fn default() -> Self {
        Self {
            count: Span::new(1, 12),
            pitch_hz: Span::new(100.0, 6_000.0),
            decay_s: Span::new(0.002, 0.06),
            loudness: Span::new(0.1, 1.0),
            grain: Span::new(-0.5, 0.5),
        }
    }
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            count: Span::new(1, 6),
            lowest_hz: 55.0,
            semitones: Span::new(0, 48),
            attack_s: Span::new(0.005, 0.1),
            decay_s: Span::new(0.05, 0.6),
            brightness: Span::new(0.2, 0.8),
        }
    }
}

impl Default for Glides {
    fn default() -> Self {
        Self {
            counts: vec![1, 1, 2, 4, 8, 16],
            length_s: Span::new(0.02, 0.5),
            octaves: Span::new(-2.0, 2.0),
            lowest_hz: 150.0,
            begin_octaves: Span::new(0.0, 5.0),
            waver_hz: Span::new(0.1, 40.0),
            waver_root: Span::new(0.0, 0.6),
            fading: Span::new(0.2, 3.0),
            harmonics: Span::new(1, 8),
            loudness: Span::new(0.2, 1.0),
        }
    }
}

impl Default for Drums {
    fn default() -> Self {
        Self {
            count: Span::new(1, 8),
            pitch_hz: Span::new(60.0, 600.0),
            lowest_hz: Span::new(30.0, 120.0),
            fall_s: Span::new(0.005, 0.1),
            keep: Span::new(0.0, 0.97),
            high_pass: Probability::new(0.4),
            decay_s: Span::new(0.02, 0.25),
            loudness: Span::new(0.1, 1.0),
            hiss: Span::new(0.0, 1.0),
        }
    }
}

impl Default for Cries {
    fn default() -> Self {
        Self {
            count: Span::new(1, 5),
            length_s: Span::new(0.05, 1.0),
            octaves: Span::new(-1.0, 1.0),
            lowest_hz: 50.0,
            begin_octaves: Span::new(0.0, 4.5),
            hiss: vec![0.0, 0.1, 0.5, 1.0],
            resonances_hz: [
                Span::new(200.0, 1_200.0),
                Span::new(600.0, 3_000.0),
                Span::new(1_500.0, 6_000.0),
            ],
            radius: Span::new(0.93, 0.99),
            loudness: Span::new(0.2, 1.0),
        }
    }
}

impl NoiseRecipe {
    /// Makes a second of noise, with its loudest sample at full scale.
    pub fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let NoiseWeights { coloured, hum, clicks, notes, glides, drums, cries, .. } = self.weights;
        let NoiseWeights { notes_and_drums, coloured_and_hum, .. } = self.weights;
        let both = |a: Vec<f32>, b: Vec<f32>| a.iter().zip(b).map(|(a, b)| a + b).collect();
        let weights = [coloured, hum, clicks, notes, glides, drums, cries, notes_and_drums, coloured_and_hum];
        let mut noise = match choose(&weights, rng) {
            0 => self.coloured.make(rng),
            1 => self.hum.make(rng),
            2 => self.clicks.make(rng),
            3 => self.notes.make(rng),
            4 => self.glides.make(rng),
            5 => self.drums.make(rng),
            6 => self.cries.make(rng),
            7 => both(self.notes.make(rng), self.drums.make(rng)),
            _ => both(self.coloured.make(rng), self.hum.make(rng)),
        };
        scale_to_peak(&mut noise, 1.0);
        if self.overdriven.draw(rng) {
            let drive = self.overdrive.draw(rng);
            for x in &mut noise {
                *x = (*x * drive).clamp(-1.0, 1.0);
            }
        }
        noise
    }
}

impl Coloured {
    fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise: Vec<f32> = (0..N_SAMPLES).map(|_| rng.random_range(-1.0..1.0)).collect();
        for _ in 0..self.filters.draw(rng) {
            let (keep, high_pass) = (self.keep.draw(rng), self.high_pass.draw(rng));
            let mut low = 0.0;
            for x in &mut noise {
                low = keep * low + (1.0 - keep) * *x;
                *x = if high_pass { *x - low } else { low };
            }
        }
        let (swell_hz, depth) = (self.swell_hz.draw(rng), self.swell_depth.draw(rng));
        let swell = sine(swell_hz, rng.random_range(0.0..TAU));
        noise.iter_mut().zip(swell).for_each(|(x, swell)| *x *= 1.0 + depth * swell);
        noise
    }
}

impl Hum {
    fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let pitch_hz = self.pitch_hz.draw(rng);
        let (wobble_hz, wobble) = (self.wobble_hz.draw(rng), self.wobble.draw(rng));
        let harmonics: Vec<f32> = (1..=self.harmonics).map(|k| self.harmonic.draw(rng) / k as f32).collect();
        let mut phase = 0.0;
        let sample = |swing: f32| {
            phase = advance(phase, pitch_hz * (1.0 + wobble * swing));
            overtones(phase, &harmonics)
        };
        sine(wobble_hz, 0.0).take(N_SAMPLES).map(sample).collect()
    }
}

impl Clicks {
    fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise = vec![0.0; N_SAMPLES];
        for _ in 0..self.count.draw(rng) {
            let (start, pitch_hz) = (rng.random_range(0..N_SAMPLES), self.pitch_hz.draw(rng));
            let (decay_s, loudness) = (self.decay_s.draw(rng), self.loudness.draw(rng));
            let samples = noise[start..].iter_mut().zip(fade(decay_s)).zip(sine(pitch_hz, 0.0));
            for ((x, envelope), tone) in samples {
                *x += loudness * envelope * (tone + self.grain.draw(rng));
            }
        }
        noise
    }
}

impl Notes {
    fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut music = vec![0.0; N_SAMPLES];
        for _ in 0..self.count.draw(rng) {
            let start = rng.random_range(0..N_SAMPLES * 3 / 4);
            let pitch_hz = self.lowest_hz * 2.0_f32.powf(self.semitones.draw(rng) as f32 / 12.0);
            let (attack_s, decay_s) = (self.attack_s.draw(rng), self.decay_s.draw(rng));
            let brightness = self.brightness.draw(rng);
            let loudness = [1, 2, 3, 4].map(|k| brightness.powi(k));
            let mut phase = 0.0;
            for ((i, x), envelope) in music[start..].iter_mut().enumerate().zip(fade(decay_s)) {
                let rise = (i as f32 / SAMPLE_RATE_HZ as f32 / attack_s).min(1.0);
                *x += rise * envelope * overtones(phase, &loudness);
                phase = advance(phase, pitch_hz);
            }
        }
        music
    }
}

impl Glides {
    fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise = vec![0.0; N_SAMPLES];
        let count = *self.counts.choose(rng).unwrap_or(&1);
        for _ in 0..count {
            let len = if count == 1 { N_SAMPLES } else { draw_len(self.length_s, rng) };
            let start = rng.random_range(0..=N_SAMPLES - len);
            self.add(&mut noise[start..start + len], count == 1, rng);
        }
        noise
    }

    /// Adds one tone; a lone one is as loud throughout, one of several swells and fades.
    fn add(&self, noise: &mut [f32], is_alone: bool, rng: &mut impl Rng) {
        let len = noise.len();
        let octaves = self.octaves.draw(rng);
        let mut pitch_hz = self.lowest_hz * 2.0_f32.powf(self.begin_octaves.draw(rng));
        let rise = 2.0_f32.powf(octaves / len as f32);
        let (waver_hz, waver) = (self.waver_hz.draw(rng), self.waver_root.draw(rng).powi(2));
        let fading = self.fading.draw(rng);
        let n_harmonics = self.harmonics.draw(rng);
        let loudness = self.loudness.draw(rng);
        let harmonics: Vec<f32> = (1..=n_harmonics).map(|k| loudness / (k as f32).powf(fading)).collect();
        let swings = sine(waver_hz, rng.random_range(0.0..TAU));
        let fading_hz = SAMPLE_RATE_HZ as f32 / (2 * len) as f32;
        let envelope = if is_alone { sine(0.0, TAU / 4.0) } else { sine(fading_hz, 0.0) };
        let mut phase = 0.0;
        for ((x, swing), envelope) in noise.iter_mut().zip(swings).zip(envelope) {
            let hz = pitch_hz * (1.0 + waver * swing);
            pitch_hz *= rise;
            phase = advance(phase, hz);
            // Harmonics above half of the sample rate would come back as other tones.
            let n_heard = (7_500.0 / hz) as usize;
            *x += envelope * overtones(phase, &harmonics[..n_heard.min(harmonics.len())]);
        }
    }
}

impl Drums {
    fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise = vec![0.0; N_SAMPLES];
        for _ in 0..self.count.draw(rng) {
            let start = rng.random_range(0..N_SAMPLES);
            let (mut pitch_hz, lowest_hz) = (self.pitch_hz.draw(rng), self.lowest_hz.draw(rng));
            let fall = 1.0 - 1.0 / (self.fall_s.draw(rng) * SAMPLE_RATE_HZ as f32);
            let (keep, high_pass) = (self.keep.draw(rng), self.high_pass.draw(rng));
            let (decay_s, loudness, hiss) =
                (self.decay_s.draw(rng), self.loudness.draw(rng), self.hiss.draw(rng));
            let (mut phase, mut low) = (0.0_f32, 0.0);
            for (x, envelope) in noise[start..].iter_mut().zip(fade(decay_s)) {
                let grain: f32 = rng.random_range(-1.0..1.0);
                low = keep * low + (1.0 - keep) * grain;
                let burst = if high_pass { grain - low } else { low / (1.0 - keep).sqrt() };
                *x += loudness * envelope * (hiss * burst + (1.0 - hiss) * phase.sin());
                pitch_hz = lowest_hz + (pitch_hz - lowest_hz) * fall;
                phase = advance(phase, pitch_hz);
            }
        }
        noise
    }
}

impl Cries {
    fn make(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut noise = vec![0.0; N_SAMPLES];
        for _ in 0..self.count.draw(rng) {
            let len = draw_len(self.length_s, rng);
            let start = rng.random_range(0..=N_SAMPLES - len);
            let mut cry = self.source(len, rng);
            for hz in &self.resonances_hz {
                let (from_hz, to_hz) = (hz.draw(rng), hz.draw(rng));
                resonate(&mut cry, from_hz, to_hz, self.radius.draw(rng));
            }
            scale_to_peak(&mut cry, self.loudness.draw(rng));
            let envelope = sine(SAMPLE_RATE_HZ as f32 / (2 * len) as f32, 0.0);
            for ((x, cry), envelope) in noise[start..start + len].iter_mut().zip(cry).zip(envelope) {
                *x += envelope * cry;
            }
        }
        noise
    }

    /// A buzz and a hiss, before any resonance.
    fn source(&self, len: usize, rng: &mut impl Rng) -> Vec<f32> {
        let octaves = self.octaves.draw(rng);
        let mut pitch_hz = self.lowest_hz * 2.0_f32.powf(self.begin_octaves.draw(rng));
        let rise = 2.0_f32.powf(octaves / len as f32);
        let hiss = *self.hiss.choose(rng).unwrap_or(&0.0);
        let mut phase = 0.0;
        let mut sample = || {
            pitch_hz *= rise;
            phase = advance(phase, pitch_hz);
            hiss * rng.random_range(-1.0..1.0) + (1.0 - hiss) * (phase / TAU - 0.5)
        };
        (0..len).map(|_| sample()).collect()
    }
}

/// A second of pink noise: as much power in every octave, by Paul Kellet's filter (musicdsp.org, 1999).
pub fn pink_noise(rng: &mut impl Rng) -> Waveform {
    let mut sums = [0.0_f32; 3];
    let samples: Vec<f32> = (0..N_SAMPLES)
        .map(|_| {
            let white = rng.random_range(-0.1..0.1_f32);
            for (sum, [keep, gain]) in
                sums.iter_mut().zip([[0.997_65, 0.099_046], [0.963, 0.296_516_4], [0.57, 1.052_691_3]])
            {
                *sum = keep * *sum + gain * white;
            }
            sums.iter().sum::<f32>() + 0.184_8 * white
        })
        .collect();
    Waveform::from_samples(&samples)
}

/// Adds to a sound its resonance, which moves from one frequency to another.
fn resonate(sound: &mut [f32], from_hz: f32, to_hz: f32, radius: f32) {
    /// Samples for which a resonance stays as it is: 5 ms.
    const STEP: usize = SAMPLE_RATE_HZ as usize / 200;
    let len = sound.len() as f32;
    let (mut last, mut before) = (0.0, 0.0);
    for (step, part) in sound.chunks_mut(STEP).enumerate() {
        let share = (step * STEP) as f32 / len;
        let turn = TAU * (from_hz + share * (to_hz - from_hz)) / SAMPLE_RATE_HZ as f32;
        let (feedback, decay) = (2.0 * radius * turn.cos(), radius * radius);
        for x in part {
            let resonant = *x + feedback * last - decay * before;
            (before, last) = (last, resonant);
            *x += (1.0 - radius) * resonant;
        }
    }
}

/// A length in samples, of one to a second's.
fn draw_len(seconds: Span<f32>, rng: &mut impl Rng) -> usize {
    let [low, high] = <[f32; 2]>::from(seconds)
        .map(|seconds| ((seconds * SAMPLE_RATE_HZ as f32).round() as usize).clamp(1, N_SAMPLES));
    if low < high { rng.random_range(low..high) } else { low }
}

fn scale_to_peak(sound: &mut [f32], peak: f32) {
    let loudest = sound.iter().fold(1e-9_f32, |loudest, x| loudest.max(x.abs()));
    for x in sound {
        *x *= peak / loudest;
    }
}

/// The phase of a tone a sample later.
fn advance(phase: f32, hz: f32) -> f32 {
    let phase = phase + TAU * hz / SAMPLE_RATE_HZ as f32;
    if phase < TAU { phase } else { phase - TAU }
}

/// The sum of `loudness[k - 1] sin(k phase)`, by `sin((k + 1) x) = 2 cos(x) sin(k x) - sin((k - 1) x)`: a
/// sine a harmonic would take most of a training step.
fn overtones(phase: f32, loudness: &[f32]) -> f32 {
    let (sin, cos) = phase.sin_cos();
    let (mut before, mut now, mut sum) = (0.0, sin, 0.0);
    for loudness in loudness {
        sum += loudness * now;
        (before, now) = (now, 2.0 * cos * now - before);
    }
    sum
}

/// A sine from sample to sample, as one turned by a little each time.
fn sine(hz: f32, phase: f32) -> impl Iterator<Item = f32> {
    let (turn_sin, turn_cos) = (TAU * hz / SAMPLE_RATE_HZ as f32).sin_cos();
    let turn = move |(sin, cos): &(f32, f32)| {
        Some((sin * turn_cos + cos * turn_sin, cos * turn_cos - sin * turn_sin))
    };
    std::iter::successors(Some(phase.sin_cos()), turn).map(|(sin, _)| sin)
}

/// Loudness from sample to sample of a sound that fades to 1/e within `seconds`, down to -80 dB.
fn fade(seconds: f32) -> impl Iterator<Item = f32> {
    let share = (-1.0 / (seconds * SAMPLE_RATE_HZ as f32)).exp();
    std::iter::successors(Some(1.0), move |loudness| Some(loudness * share))
        .take_while(|loudness| *loudness > 1e-4)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn overtones_are_sines() {
        let loudness = [0.5, 0.0, 1.0, 0.3, 0.2, 0.1, 0.7];
        for phase in (0..100).map(|i| i as f32 * 0.0628) {
            let sines: f32 = loudness.iter().zip(1..).map(|(l, k)| l * (k as f32 * phase).sin()).sum();
            assert!((overtones(phase, &loudness) - sines).abs() < 1e-4, "at {phase}");
        }
    }

    #[test]
    fn pink_noise_has_as_much_power_in_every_octave() {
        let noise = pink_noise(&mut ChaCha8Rng::seed_from_u64(1));
        // The power of a mean over `n` samples is that of the octaves below 8 kHz / n, about.
        let power = |n: usize| -> f32 {
            let means = noise.samples().chunks_exact(n).map(|part| part.iter().sum::<f32>() / n as f32);
            means.map(|mean| mean * mean).sum::<f32>() / (N_SAMPLES / n) as f32
        };
        let octaves = [1, 2, 4, 8, 16, 32].map(power);
        for pair in octaves.windows(2) {
            assert!((1.0..1.6).contains(&(pair[0] / pair[1])), "{octaves:?}");
        }
    }

    #[test]
    fn every_noise_is_a_second_of_numbers_within_full_scale() {
        let recipe = NoiseRecipe::default();
        for seed in 0..200 {
            let noise = recipe.make(&mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!(noise.len(), N_SAMPLES);
            assert!(noise.iter().all(|x| x.abs() <= 1.0 + 1e-6), "seed {seed}");
            assert!(noise.iter().any(|x| x.abs() > 0.9), "seed {seed} is silent");
        }
    }
}
