//! Conditions: the fixed list of what may come between a word and its listener, to be evaluated under.
//!
//! Training draws from the same kinds of [augmentation](crate::augment), with other numbers, seeds and voices.

use std::f32::consts::TAU;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::augment::{self, Room, add, gain, pink_noise, time_shift};
use crate::{N_SAMPLES, SAMPLE_RATE_HZ, Waveform};

/// Everything drawn under a condition follows from it and the clip's index.
const SEED: u64 = 2;

/// Level of the word that a clip without speech is mixed by: the usual one of ITU-T P.56.
const WORD_DBFS: f32 = -26.0;

/// A disturbance that is the same at every call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// Its name, for tables and programs.
    pub name: &'static str,
    /// The change that it makes to a clip.
    pub definition: &'static str,
    change: Change,
}

/// The change that a condition makes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Nothing,
    /// Louder or softer; what is too loud is clipped.
    GainDb(f32),
    /// Other words by other speakers, each at any moment.
    Voices {
        count: usize,
        snr_db: f32,
    },
    /// Recorded noise.
    Noise {
        snr_db: f32,
    },
    /// Pink noise.
    PinkNoise {
        snr_db: f32,
    },
    Room {
        rt60_s: f32,
        volume_m3: f32,
        distance_m: f32,
    },
    Telephone,
    /// Factor of tempo, without change of pitch.
    Tempo(f32),
    /// Semitones of pitch, without change of tempo.
    Pitch(f32),
    /// Seconds; negative is earlier.
    Later(f32),
    /// The mains' 50 Hz, by its amplitude.
    Hum(f32),
    /// A constant.
    Dc(f32),
}

/// The voices and noises of a split, which conditions mix with its clips.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Other words, never a keyword, with their speakers.
    pub voices: Vec<(String, Waveform)>,
    /// Seconds of recorded noise.
    pub noises: Vec<Waveform>,
}

/// A clip that conditions are applied to.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its place in the list of clips: what is drawn follows from it.
    pub index: usize,
    /// Who speaks: no voice of this speaker is mixed with it.
    pub speaker: &'a str,
    /// It holds a word; else it is background noise.
    pub is_speech: bool,
}

/// Declares a condition.
const fn condition(name: &'static str, definition: &'static str, change: Change) -> Condition {
    Condition { name, definition, change }
}

/// A room with a speaker at half a metre or at three.
const fn room(
    name: &'static str,
    definition: &'static str,
    rt60_s: f32,
    volume_m3: f32,
    distance_m: f32,
) -> Condition {
    condition(name, definition, Change::Room { rt60_s, volume_m3, distance_m })
}

const fn voices(name: &'static str, definition: &'static str, count: usize, snr_db: f32) -> Condition {
    condition(name, definition, Change::Voices { count, snr_db })
}

impl Condition {
    /// Every condition, the undisturbed one first.
    pub const ALL: [Self; 31] = [
        condition("clean", "as it is", Change::Nothing),
        condition("soft-20", "20 dB softer", Change::GainDb(-20.0)),
        condition("soft-40", "40 dB softer", Change::GainDb(-40.0)),
        condition("clipped", "20 dB too loud, clipped to full scale", Change::GainDb(20.0)),
        voices("voice-10", "one other voice, 10 dB below the word", 1, 10.0),
        voices("voice-0", "one other voice, as loud as the word", 1, 0.0),
        voices("voices-20", "six other voices, together 20 dB below the word", 6, 20.0),
        voices("voices-10", "six other voices, together 10 dB below the word", 6, 10.0),
        voices("voices-5", "six other voices, together 5 dB below the word", 6, 5.0),
        voices("voices-0", "six other voices, together as loud as the word", 6, 0.0),
        condition("pink-10", "pink noise, 10 dB below the word", Change::PinkNoise { snr_db: 10.0 }),
        condition("pink-0", "pink noise, as loud as the word", Change::PinkNoise { snr_db: 0.0 }),
        condition("noise-10", "recorded noise, 10 dB below the word", Change::Noise { snr_db: 10.0 }),
        condition("noise-0", "recorded noise, as loud as the word", Change::Noise { snr_db: 0.0 }),
        room("room-0.3-near", "a room of RT60 0.3 s and 30 m³, from 0.5 m", 0.3, 30.0, 0.5),
        room("room-0.3-far", "a room of RT60 0.3 s and 30 m³, from 3 m", 0.3, 30.0, 3.0),
        room("room-0.6-near", "a room of RT60 0.6 s and 60 m³, from 0.5 m", 0.6, 60.0, 0.5),
        room("room-0.6-far", "a room of RT60 0.6 s and 60 m³, from 3 m", 0.6, 60.0, 3.0),
        room("room-0.9-near", "a room of RT60 0.9 s and 150 m³, from 0.5 m", 0.9, 150.0, 0.5),
        room("room-0.9-far", "a room of RT60 0.9 s and 150 m³, from 3 m", 0.9, 150.0, 3.0),
        condition("telephone", "300 to 3,400 Hz, mu-law of 8 bits", Change::Telephone),
        condition("slow", "0.8 times the tempo, the same pitch", Change::Tempo(0.8)),
        condition("fast", "1.25 times the tempo, the same pitch", Change::Tempo(1.25)),
        condition("low", "4 semitones lower, the same tempo", Change::Pitch(-4.0)),
        condition("high", "4 semitones higher, the same tempo", Change::Pitch(4.0)),
        condition("early-100", "100 ms earlier within its second", Change::Later(-0.1)),
        condition("early-200", "200 ms earlier within its second", Change::Later(-0.2)),
        condition("late-100", "100 ms later within its second", Change::Later(0.1)),
        condition("late-200", "200 ms later within its second", Change::Later(0.2)),
        condition("hum", "hum of 50 Hz, 20 dB below full scale", Change::Hum(0.1)),
        condition("dc", "a constant of 0.2", Change::Dc(0.2)),
    ];

    /// Says what the condition lacks, if `surroundings` have too little for it.
    pub fn lacks(&self, surroundings: &Surroundings) -> Option<&'static str> {
        match self.change {
            Change::Voices { .. } if !surroundings.has_two_speakers() => {
                Some("other words of two speakers or more")
            }
            Change::Noise { .. } if surroundings.noises.is_empty() => Some("recorded noise"),
            _ => None,
        }
    }

    /// Applies the condition to a clip. The same clip at the same place always becomes the same sound.
    pub fn apply(&self, waveform: &mut Waveform, subject: Subject, surroundings: &Surroundings) {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        rng.set_stream(subject.index as u64);
        let rng = &mut rng;
        match self.change {
            Change::Nothing => {}
            Change::GainDb(db) => waveform.amplify(db),
            Change::Voices { count, snr_db } => {
                mix(waveform, &surroundings.babble(count, subject.speaker, rng), snr_db, subject);
            }
            Change::Noise { snr_db } => {
                if let Some(noise) = surroundings.noises.choose(rng) {
                    mix(waveform, noise, snr_db, subject);
                }
            }
            Change::PinkNoise { snr_db } => mix(waveform, &pink_noise(rng), snr_db, subject),
            Change::Room { rt60_s, volume_m3, distance_m } => {
                Room::new(rt60_s, Room::direct_db(rt60_s, volume_m3, distance_m), rng).apply(waveform);
            }
            Change::Telephone => augment::telephone(waveform),
            Change::Tempo(factor) => {
                *waveform = Waveform::from_samples(&augment::tempo(waveform.samples(), factor));
            }
            Change::Pitch(semitones) => {
                *waveform = Waveform::from_samples(&augment::pitch(waveform.samples(), semitones));
            }
            Change::Later(seconds) => augment::shift(waveform, (seconds * SAMPLE_RATE_HZ as f32) as isize),
            Change::Hum(amplitude) => {
                let turn = TAU * 50.0 / SAMPLE_RATE_HZ as f32;
                let hum = waveform.samples_mut().iter_mut().enumerate();
                hum.for_each(|(i, sample)| *sample += amplitude * (turn * i as f32).sin());
            }
            Change::Dc(level) => waveform.samples_mut().iter_mut().for_each(|sample| *sample += level),
        }
        waveform.clip();
    }
}

/// Adds another sound at a signal-to-noise ratio; to a clip without speech, as if it held a word of usual level.
fn mix(waveform: &mut Waveform, other: &Waveform, snr_db: f32, subject: Subject) {
    let usual = 10.0_f32.powf(WORD_DBFS / 10.0) * N_SAMPLES as f32;
    let energy = if subject.is_speech { waveform.energy() } else { usual };
    add(waveform, other, gain(energy, other, snr_db));
}

impl Surroundings {
    /// True if the voices are of two speakers or more.
    fn has_two_speakers(&self) -> bool {
        self.voices.windows(2).any(|pair| pair[0].0 != pair[1].0)
    }

    /// Several voices at once, none of them `speaker`'s.
    fn babble(&self, count: usize, speaker: &str, rng: &mut impl Rng) -> Waveform {
        let others: Vec<_> = self.voices.iter().filter(|(other, _)| other != speaker).collect();
        let mut babble = Waveform::silence();
        for _ in 0..count {
            let Some((_, voice)) = others.choose(rng) else { break };
            let mut voice = voice.clone();
            time_shift(&mut voice, N_SAMPLES / 4, rng);
            // Each as loud as the others.
            let gain = gain(0.01 * N_SAMPLES as f32, &voice, 0.0);
            add(&mut babble, &voice, gain / count as f32);
        }
        babble
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waveform::tone;

    fn surroundings() -> Surroundings {
        let voices = [("ann", 300.0), ("bob", 500.0)].map(|(name, hz)| (name.to_owned(), tone(hz, 0.3)));
        Surroundings { voices: voices.into(), noises: vec![tone(1_000.0, 0.01)] }
    }

    fn apply(condition: &Condition, subject: Subject) -> Waveform {
        let mut waveform = tone(200.0, 0.2);
        condition.apply(&mut waveform, subject, &surroundings());
        waveform
    }

    fn named(name: &str) -> Condition {
        *Condition::ALL.iter().find(|condition| condition.name == name).unwrap()
    }

    const SUBJECT: Subject = Subject { index: 3, speaker: "ann", is_speech: true };

    #[test]
    fn a_condition_is_the_same_at_every_call_and_differs_from_the_others() {
        let all = Condition::ALL.map(|condition| {
            let heard = apply(&condition, SUBJECT);
            assert_eq!(heard, apply(&condition, SUBJECT), "{}", condition.name);
            assert!(heard.samples().iter().all(|x| x.abs() <= 1.0), "{}", condition.name);
            heard
        });
        for (i, heard) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|other| other != heard), "{}", Condition::ALL[i].name);
        }
        assert_eq!(all[0], tone(200.0, 0.2));
    }

    #[test]
    fn other_voices_lie_as_far_below_as_they_should() {
        for (name, snr_db) in [("voice-10", 10.0), ("voice-0", 0.0), ("voices-5", 5.0), ("noise-10", 10.0)] {
            let mut mixed = apply(&named(name), SUBJECT);
            add(&mut mixed, &tone(200.0, 0.2), -1.0);
            let ratio = 10.0 * (tone(200.0, 0.2).energy() / mixed.energy()).log10();
            assert!((ratio - snr_db).abs() < 0.5, "{name}: {ratio} dB");
        }
    }

    #[test]
    fn voices_are_other_peoples_and_without_any_the_condition_is_lacking() {
        let babble = surroundings().babble(6, "ann", &mut ChaCha8Rng::seed_from_u64(1));
        let crossings = babble.samples().windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!(crossings.abs_diff(500) < 20, "{crossings} periods: not bob's alone");
        assert!(named("voice-0").lacks(&Surroundings::default()).is_some());
        assert_eq!(named("voice-0").lacks(&surroundings()), None);
        assert_eq!(named("pink-0").lacks(&Surroundings::default()), None);
    }

    #[test]
    fn noise_becomes_audible_behind_silence() {
        let mut silence = Waveform::silence();
        named("voices-0").apply(&mut silence, Subject { is_speech: false, ..SUBJECT }, &surroundings());
        let dbfs = 10.0 * (silence.energy() / N_SAMPLES as f32).log10();
        assert!((dbfs - WORD_DBFS).abs() < 0.5, "{dbfs} dBFS");
    }
}
