//! The recipe: every number by which training chooses and changes a sound.
//!
//! A recipe is a TOML file (`sc-train train --recipe FILE`); what it leaves out is as in the default, which
//! `--print-recipe` shows. Numbers without a source were chosen by the runs in `assets/RUNS.md`.

use anyhow::{Context, Result, ensure};
use rand::Rng;
use sc_data::augment::{NoiseRecipe, Probability, Span, SpecAugment, Splice, times};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::path::Path;

/// Factors of speed that leave something of a word.
const FACTORS: [f32; 2] = [0.25, 4.0];

/// Pitches below half of the sample rate.
const PITCHES_HZ: [f32; 2] = [1.0, 8_000.0];

/// Numbers of tones or of masks that an example has time and memory for.
const COUNTS: [f32; 2] = [0.0, 1_000.0];

/// The examples of an epoch, and the augmentation of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Share of the examples that are `_unknown_`.
    pub unknown_share: Probability,
    /// Share of the examples that are `_silence_`.
    pub silence_share: Probability,
    /// Weight of telling all words apart beside the labels, by a head that the record leaves out; 0 does without it.
    pub word_weight: Probability,
    /// The input of the teachers, if there are any.
    pub teachers_hear: TeachersHear,
    /// Augmentation of every word, keyword or not.
    pub speech: SpeechRecipe,
    /// The examples of `_unknown_`.
    pub unknown: UnknownRecipe,
    /// The examples of `_silence_`.
    pub silence: SilenceRecipe,
    /// The source of noise.
    pub noise: NoiseSource,
    /// Microphones and lines, on the spectrogram.
    pub microphone: MicrophoneRecipe,
    /// Stripes that hide parts of the spectrogram (arXiv:1904.08779).
    pub spec_augment: SpecAugment,
}

/// The input of a teacher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TeachersHear {
    /// The same augmented example that the network gets (Beyer et al., arXiv:2106.05237).
    #[default]
    Augmented,
    /// The example before neighbours, voices, room, noise and telephone (Li et al., arXiv:1708.05466).
    Clean,
}

/// A change that happens with a probability, by an amount from a range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sometimes {
    /// Probability that it happens.
    pub probability: Probability,
    /// The range that its amount is drawn from.
    pub range: Span<f32>,
}

/// Augmentation of a word on its way to the microphone, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechRecipe {
    /// Speed and pitch together, as a factor.
    pub speed: Sometimes,
    /// Tempo without change of pitch, as a factor.
    pub tempo: Sometimes,
    /// Shift in time, either way; the first is TensorFlow's example's (0.8, 100 ms).
    pub shift: Shift,
    /// Gain in dB.
    pub gain_db: Sometimes,
    /// A word just before or after it.
    pub neighbour: Neighbours,
    /// Other people who speak meanwhile.
    pub voices: Voices,
    /// The room.
    pub room: RoomRecipe,
    /// Noise behind the word, by its signal-to-noise ratio in dB (TensorFlow's example: 0.8).
    pub noise_snr_db: Sometimes,
    /// The word comes through a telephone.
    pub telephone: Probability,
}

/// A shift in time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shift {
    /// Probability that it happens.
    pub probability: Probability,
    /// The most, in seconds, earlier or later.
    pub most_s: f32,
}

/// Words that follow each other: see [`sc_data::augment::Neighbour`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Neighbours {
    /// Probability that there is one.
    pub probability: Probability,
    /// The silence between the two, in seconds.
    pub pause_s: Span<f32>,
    /// The other word's energy over the word's, in dB.
    pub level_db: Span<f32>,
}

/// Speech behind speech.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Voices {
    /// Probability that it happens.
    pub probability: Probability,
    /// Number of voices.
    pub count: Span<u32>,
    /// The word's energy over that of all of them together, in dB.
    pub snr_db: Span<f32>,
}

/// Rooms by Polack's model: see [`sc_data::augment::Room`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoomRecipe {
    /// Probability that it happens.
    pub probability: Probability,
    /// Rooms made for a training.
    pub rooms: u32,
    /// Reverberation time in seconds.
    #[serde(deserialize_with = "times")]
    pub rt60_s: Span<f32>,
    /// Direct sound over echoes, in dB.
    pub direct_db: Span<f32>,
}

/// The examples of `_unknown_`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnknownRecipe {
    /// Weights of the kinds.
    pub weights: UnknownWeights,
    /// Of so many other words, the one in which the teachers hear most of a keyword is taken (hard example mining,
    /// arXiv:1604.03540). No word comes more than so many times as often as by chance, so that a keyword among them,
    /// or a bad recording, does little harm.
    pub hardest_of: NonZeroU32,
    /// Speeds of [`UnknownWeights::fast_or_slow`], instead of the range of [`SpeechRecipe::speed`], whose probability is kept.
    pub fast_or_slow: Span<f32>,
    /// Length of [`UnknownWeights::cropped`], as a share of the word.
    pub crop: Span<f32>,
    /// Cuts of [`UnknownWeights::spliced`] words.
    pub splice: Splice,
    /// Number of voices in [`UnknownWeights::voices`].
    pub voices: Span<u32>,
    /// Signal-to-noise ratio of a keyword to the voices of [`UnknownWeights::drowned`], in dB: negative. There are as many
    /// as [`Voices::count`] has.
    pub drowned_snr_db: Span<f32>,
}

/// Weights of the kinds of `_unknown_`: a kind of weight 2 is drawn twice as often as one of weight 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnknownWeights {
    /// Another word.
    pub word: u32,
    /// Another word, much faster or slower; as it was said, where [`SpeechRecipe::speed`] does not happen.
    pub fast_or_slow: u32,
    /// About a syllable of another word.
    pub cropped: u32,
    /// The beginning of one word and the end of another.
    pub spliced: u32,
    /// Another word's thirds in another order.
    pub shuffled: u32,
    /// Another word played backwards.
    pub reversed: u32,
    /// Several people at once: two are what a second of running speech holds, the end of one and the beginning of
    /// the next.
    pub voices: u32,
    /// A keyword below the voices of several people: nobody could hear it.
    pub drowned: u32,
}

/// The examples of `_silence_`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SilenceRecipe {
    /// Weights of the kinds.
    pub weights: SilenceWeights,
    /// Number of voices in [`SilenceWeights::babble`].
    pub babble: Span<u32>,
    /// The gain of the whole.
    pub gain: Span<f32>,
}

/// Weights of the kinds of `_silence_`, likewise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SilenceWeights {
    /// Digital silence.
    pub zeros: u32,
    /// So many people that none is understood.
    pub babble: u32,
    /// Noise.
    pub noise: u32,
}

/// The source of noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseSource {
    /// The noise is a recorded one, if there is any; else it is made up.
    pub recorded: Probability,
    /// Settings of made-up noise.
    pub made_up: NoiseRecipe,
}

/// Microphones and lines, on the spectrogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MicrophoneRecipe {
    /// A tilt of the frequency response: what the highest band gains, in ln of power, and the lowest loses.
    pub tilt: Sometimes,
    /// A low sample rate: the share of the bands, from the lowest, that still holds something.
    pub bandwidth: Sometimes,
}

impl Sometimes {
    const fn new(probability: f64, low: f32, high: f32) -> Self {
        Self { probability: Probability::new(probability), range: Span::new(low, high) }
    }

    /// Draws whether it happens, and by how much.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<f32> {
        self.probability.draw(rng).then(|| self.range.draw(rng))
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            unknown_share: Probability::new(0.22),
            silence_share: Probability::new(0.08),
            word_weight: Probability::NEVER,
            teachers_hear: TeachersHear::default(),
            speech: SpeechRecipe::default(),
            unknown: UnknownRecipe::default(),
            silence: SilenceRecipe::default(),
            noise: NoiseSource::default(),
            microphone: MicrophoneRecipe::default(),
            spec_augment: SpecAugment::default(),
        }
    }
}

impl Default for SpeechRecipe {
    fn default() -> Self {
        Self {
            speed: Sometimes::new(0.6, 0.87, 1.15),
            tempo: Sometimes::new(0.0, 0.8, 1.25),
            shift: Shift::default(),
            gain_db: Sometimes::new(0.5, -15.0, 6.0),
            neighbour: Neighbours::default(),
            voices: Voices::default(),
            room: RoomRecipe::default(),
            noise_snr_db: Sometimes::new(0.8, 0.0, 30.0),
            telephone: Probability::NEVER,
        }
    }
}

impl Default for Shift {
    fn default() -> Self {
        Self { probability: Probability::new(0.8), most_s: 0.1 }
    }
}

impl Default for Neighbours {
    fn default() -> Self {
        let (pause_s, level_db) = (Span::new(0.03, 0.4), Span::new(-6.0, 6.0));
        Self { probability: Probability::NEVER, pause_s, level_db }
    }
}

impl Default for Voices {
    fn default() -> Self {
        Self { probability: Probability::NEVER, count: Span::new(1, 9), snr_db: Span::new(0.0, 20.0) }
    }
}

impl Default for RoomRecipe {
    fn default() -> Self {
        Self {
            probability: Probability::NEVER,
            rooms: 200,
            rt60_s: Span::new(0.1, 1.0),
            direct_db: Span::new(-12.0, 10.0),
        }
    }
}

impl Default for UnknownRecipe {
    fn default() -> Self {
        Self {
            weights: UnknownWeights::default(),
            hardest_of: NonZeroU32::MIN,
            fast_or_slow: Span::new(0.65, 1.5),
            crop: Span::new(0.3, 0.6),
            splice: Splice::default(),
            voices: Span::new(2, 2),
            drowned_snr_db: Span::new(-20.0, -10.0),
        }
    }
}

impl Default for UnknownWeights {
    fn default() -> Self {
        Self {
            word: 42,
            fast_or_slow: 10,
            cropped: 7,
            spliced: 23,
            shuffled: 5,
            reversed: 5,
            voices: 8,
            drowned: 0,
        }
    }
}

impl Default for SilenceRecipe {
    fn default() -> Self {
        Self { weights: SilenceWeights::default(), babble: Span::new(6, 12), gain: Span::new(0.0, 1.0) }
    }
}

impl Default for SilenceWeights {
    fn default() -> Self {
        Self { zeros: 1, babble: 1, noise: 8 }
    }
}

impl Default for NoiseSource {
    fn default() -> Self {
        Self { recorded: Probability::new(0.5), made_up: NoiseRecipe::default() }
    }
}

impl Default for MicrophoneRecipe {
    fn default() -> Self {
        Self {
            tilt: Sometimes::new(0.5, -2.1, 2.1),     // 9 dB a side
            bandwidth: Sometimes::new(0.1, 0.6, 1.0), // from 2.2 kHz
        }
    }
}

impl Recipe {
    /// Reads a recipe from a TOML file.
    ///
    /// # Errors
    /// If the file cannot be read, names a setting that there is not, or gives one a value that it cannot have.
    pub fn load(path: &Path) -> Result<Self> {
        let explain = || format!("cannot use --recipe {}", path.display());
        let text = std::fs::read_to_string(path).with_context(explain)?;
        let recipe: Self = toml::from_str(&text).with_context(explain)?;
        recipe.check().with_context(explain)?;
        Ok(recipe)
    }

    /// Refuses numbers that are no setting of a sound: percents where factors are meant, for example.
    fn check(&self) -> Result<()> {
        let Self { speech, silence, .. } = self;
        let [unknown_share, silence_share] = [self.unknown_share, self.silence_share].map(f64::from);
        ensure!(
            unknown_share + silence_share < 1.0,
            "unknown_share and silence_share are {unknown_share} and {silence_share}: expected less than 1 together, as the \
             rest is keywords"
        );
        let SilenceWeights { zeros, babble, noise } = silence.weights;
        ensure!(
            silence_share <= 0.0 || zeros.max(babble).max(noise) > 0,
            "silence.weights are all 0: expected one above 0, or silence_share = 0"
        );
        ensure!(
            f64::from(speech.room.probability) <= 0.0 || speech.room.rooms > 0,
            "speech.room.rooms is 0: expected 1 or more, or speech.room.probability = 0"
        );
        self.check_ranges()
    }

    /// Refuses numbers that are out of range, or not a number.
    fn check_ranges(&self) -> Result<()> {
        let Self { speech, unknown, spec_augment, .. } = self;
        let NoiseRecipe { hum, notes, glides, cries, .. } = &self.noise.made_up;
        let one = |number: f32| Span::new(number, number);
        let ranges = [
            ("speech.speed.range", speech.speed.range, FACTORS),
            ("speech.tempo.range", speech.tempo.range, FACTORS),
            ("speech.shift.most_s", one(speech.shift.most_s), [0.0, 1.0]),
            ("speech.gain_db.range", speech.gain_db.range, [-100.0, 100.0]),
            ("unknown.fast_or_slow", unknown.fast_or_slow, FACTORS),
            ("unknown.crop", unknown.crop, [0.01, 1.0]),
            ("noise.made_up.hum.harmonics", one(hum.harmonics as f32), COUNTS),
            ("noise.made_up.notes.lowest_hz", one(notes.lowest_hz), PITCHES_HZ),
            ("noise.made_up.glides.lowest_hz", one(glides.lowest_hz), PITCHES_HZ),
            ("noise.made_up.cries.lowest_hz", one(cries.lowest_hz), PITCHES_HZ),
            ("spec_augment.time_masks", one(spec_augment.time_masks as f32), COUNTS),
            ("spec_augment.frequency_masks", one(spec_augment.frequency_masks as f32), COUNTS),
        ];
        let of_glides = |count: &u32| ("noise.made_up.glides.counts", one(*count as f32), COUNTS);
        let of_cries = |hiss: &f32| ("noise.made_up.cries.hiss", one(*hiss), [0.0, 1.0]);
        let ranges = ranges.into_iter().chain(glides.counts.iter().map(of_glides));
        for (name, range, [least, most]) in ranges.chain(cries.hiss.iter().map(of_cries)) {
            let [low, high] = range.into();
            ensure!(least <= low && high <= most, "{name} is {low} to {high}: expected {least} to {most}");
        }
        Ok(())
    }

    /// The recipe as a TOML file.
    ///
    /// # Errors
    /// If it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Recipe> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("recipe.toml");
        std::fs::write(&file, text)?;
        Recipe::load(&file)
    }

    #[test]
    fn what_is_printed_is_read_again_and_what_is_left_out_is_the_default() {
        let printed = Recipe::default().to_toml().unwrap();
        assert_eq!(parse(&printed).unwrap(), Recipe::default());
        let changed = parse("[speech.voices]\nprobability = 0.25").unwrap();
        assert_eq!(f64::from(changed.speech.voices.probability).to_bits(), 0.25_f64.to_bits());
        assert_eq!(changed.unknown, Recipe::default().unknown);
    }

    #[test]
    fn a_wrong_recipe_is_refused_with_the_name_of_the_setting() {
        for (text, expected) in [
            ("unknown_shares = 0.2", "unknown field `unknown_shares`"),
            ("unknown_share = 1.5", "expected a probability from 0 to 1"),
            ("[unknown]\ncrop = [0.6, 0.3]", "the lower one first"),
            ("[speech.voices]\ncount = [1]", "count"),
            ("unknown_share = 0.9\nsilence_share = 0.2", "less than 1 together"),
            ("[speech.speed]\nprobability = 1.0\nrange = [87, 115]", "speech.speed.range is 87 to 115"),
            ("[speech.shift]\nmost_s = nan", "speech.shift.most_s"),
            ("[speech.gain_db]\nprobability = 1.0\nrange = [1000, 1000]", "speech.gain_db.range is 1000"),
            ("[noise.made_up.hum]\nharmonics = 4000000000", "noise.made_up.hum.harmonics"),
            ("[noise.made_up.cries]\nlowest_hz = nan", "noise.made_up.cries.lowest_hz"),
            ("[noise.made_up.cries]\nhiss = [0.5, nan]", "noise.made_up.cries.hiss"),
            ("[noise.made_up.glides]\ncounts = [1, 4000000000]", "noise.made_up.glides.counts"),
            ("[spec_augment]\ntime_masks = 4000000000", "spec_augment.time_masks"),
            ("[silence.weights]\nzeros = 0\nbabble = 0\nnoise = 0", "silence.weights are all 0"),
            ("[speech.room]\nprobability = 0.5\nrooms = 0", "speech.room.rooms is 0"),
            ("[speech.room]\nrt60_s = [0, 0]", "rt60_s = [0, 0]"),
            ("[speech.room]\nrt60_s = [-1, 1]", "numbers from 0.001"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(expected) && error.contains("recipe.toml"), "{text}: {error}");
        }
    }
}
