//! The sounds of a training: clips and noises, augmented as the recipe has it.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_data::augment::{self, Neighbour, Room, Span, choose, mix, time_shift};
use sc_data::{
    DatasetError, Labels, N_SAMPLES, SAMPLE_RATE_HZ, SampleCache, Source, SpeechCommands, Split, Waveform,
};

use crate::recipe::{Neighbours, Recipe, SilenceWeights, UnknownWeights, Voices};

/// Rooms do not change with a run's seed: they are a part of the recipe.
const ROOMS_SEED: u64 = 1;

/// A word that fewer clips say is none that could be told apart.
const MIN_CLIPS: usize = 3;

/// One second, as the network and as its teachers hear it.
pub struct Sound {
    /// With everything that the recipe does to it.
    pub augmented: Waveform,
    /// The same word before neighbours, voices, room, noise and telephone, if the teachers hear that.
    pub clean: Option<Waveform>,
    /// The index of the word that is said, if it is whole and one of [`SoundMaker::n_words`].
    pub word: Option<usize>,
}

/// The kinds of sounds that are no keyword, as [`UnknownWeights`] has them.
#[derive(Clone, Copy, PartialEq)]
enum Unknown {
    Word,
    FastOrSlow,
    Cropped,
    Spliced,
    Shuffled,
    Reversed,
    Voices,
    Drowned,
}

/// The kinds of background, as [`SilenceWeights`] has them.
#[derive(Clone, Copy)]
enum Silence {
    Zeros,
    Babble,
    Noise,
}

/// A sound, unless the sample cache cannot be read.
pub type Made<T = Sound> = Result<T, DatasetError>;

/// Makes the sounds of a training from the clips and noises of its split.
pub struct SoundMaker<'a> {
    recipe: &'a Recipe,
    cache: &'a SampleCache,
    /// For every label, its clips.
    clips: Vec<Vec<usize>>,
    /// The clips of `_unknown_`, by word.
    other_words: Vec<Vec<usize>>,
    /// For every clip of the data set, the index of its word among those with [`MIN_CLIPS`] clips or more.
    words: Vec<Option<usize>>,
    n_words: usize,
    keeps_clean: bool,
    /// The noise files that training may hear, and where a second of each may begin.
    noises: Vec<(usize, Range<usize>)>,
    rooms: Vec<Room>,
}

impl<'a> SoundMaker<'a> {
    /// Sorts the training split by what its clips are good for.
    pub fn new(
        dataset: &SpeechCommands,
        labels: &Labels,
        cache: &'a SampleCache,
        recipe: &'a Recipe,
        keeps_clean: bool,
    ) -> Self {
        let mut clips = vec![Vec::new(); labels.names().len()];
        let mut other_words: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for clip in dataset.readable_in(Split::Train, cache) {
            let word = dataset.clips()[clip].word.as_str();
            match labels.index_of_keyword(word) {
                Some(label) => clips[label].push(clip),
                None => other_words.entry(word).or_default().push(clip),
            }
        }
        let (words, n_words) = words(dataset, cache);
        Self {
            recipe,
            cache,
            words,
            n_words,
            keeps_clean,
            clips,
            other_words: other_words.into_values().collect(),
            noises: cache.noise_starts(Split::Train).collect(),
            rooms: rooms(recipe),
        }
    }

    /// The clips of each label; those of `_unknown_` have no label of their own.
    pub fn clips(&self) -> &[Vec<usize>] {
        &self.clips
    }

    /// Words that are said often enough to be told apart, keywords among them.
    pub fn n_words(&self) -> usize {
        self.n_words
    }

    /// A keyword's clip, augmented.
    pub fn keyword(&self, clip: usize, rng: &mut impl Rng) -> Made {
        self.spoken(self.load(clip)?, self.words[clip], rng)
    }

    /// A word that is no keyword, or speech that is no word, augmented. `likeness` rates words for
    /// [`UnknownRecipe::hardest_of`](crate::recipe::UnknownRecipe::hardest_of).
    pub fn unknown(&self, likeness: impl Fn(&Waveform) -> f32, rng: &mut impl Rng) -> Made {
        let recipe = &self.recipe.unknown;
        let waveform = match choose(&self.unknown_kinds(), rng) {
            kind @ (Unknown::Word | Unknown::FastOrSlow) => {
                let speeds = (kind == Unknown::FastOrSlow).then_some(recipe.fast_or_slow);
                let (said, word) = self.hardest_word(speeds, likeness, rng)?;
                return self.heard(said, word, rng);
            }
            Unknown::Cropped => {
                let (word, _) = self.other_word(rng)?;
                Waveform::from_samples(&augment::crop(word.samples(), recipe.crop, rng))
            }
            Unknown::Spliced => {
                let [first, second] = self.two_words(rng)?;
                Waveform::from_samples(&recipe.splice.make(first.samples(), second.samples(), rng))
            }
            Unknown::Shuffled => {
                let (word, _) = self.other_word(rng)?;
                Waveform::from_samples(&augment::shuffle_thirds(word.samples(), rng))
            }
            Unknown::Reversed => {
                let (mut word, _) = self.other_word(rng)?;
                word.samples_mut().reverse();
                word
            }
            Unknown::Voices => self.voices(recipe.voices.draw(rng), rng)?,
            Unknown::Drowned => self.drowned(rng)?,
        };
        self.spoken(waveform, None, rng)
    }

    /// Returns true if the recipe and the data set have sounds that are no keyword.
    pub fn makes_unknown(&self) -> bool {
        self.unknown_kinds().iter().any(|(weight, _)| *weight > 0)
    }

    /// The kinds of such sounds with their weights.
    fn unknown_kinds(&self) -> [(u32, Unknown); 8] {
        let UnknownWeights { word, fast_or_slow, cropped, spliced, shuffled, reversed, voices, drowned } =
            self.recipe.unknown.weights;
        // Without other words, whole keywords would be heard in their place.
        let whole = |weight| if self.other_words.is_empty() { 0 } else { weight };
        [
            (whole(word), Unknown::Word),
            (whole(fast_or_slow), Unknown::FastOrSlow),
            (cropped, Unknown::Cropped),
            (spliced, Unknown::Spliced),
            (shuffled, Unknown::Shuffled),
            (reversed, Unknown::Reversed),
            (whole(voices), Unknown::Voices),
            (whole(drowned), Unknown::Drowned),
        ]
    }

    /// Background noise at any level. The teachers hear the same.
    pub fn silence(&self, rng: &mut impl Rng) -> Made {
        let recipe = &self.recipe.silence;
        let SilenceWeights { zeros, babble, noise } = recipe.weights;
        let kinds = [(zeros, Silence::Zeros), (babble, Silence::Babble), (noise, Silence::Noise)];
        let mut waveform = match choose(&kinds, rng) {
            Silence::Zeros => Waveform::silence(),
            Silence::Babble => self.voices(recipe.babble.draw(rng), rng)?,
            Silence::Noise => self.noise(rng)?,
        };
        waveform.scale(recipe.gain.draw(rng));
        waveform.clip();
        Ok(Sound { clean: None, augmented: waveform, word: None })
    }

    /// Augments speech: as it is said, then what else is in the room.
    fn spoken(&self, waveform: Waveform, word: Option<usize>, rng: &mut impl Rng) -> Made {
        let said = self.said(waveform, None, rng);
        self.heard(said, word, rng)
    }

    /// Speech at another speed, at another moment, at another distance.
    fn said(&self, mut waveform: Waveform, speeds: Option<Span<f32>>, rng: &mut impl Rng) -> Waveform {
        let recipe = &self.recipe.speech;
        if recipe.speed.probability.draw(rng) {
            let factor = speeds.unwrap_or(recipe.speed.range).draw(rng);
            waveform = Waveform::from_samples(&augment::speed(waveform.samples(), factor));
        }
        if let Some(factor) = recipe.tempo.draw(rng) {
            waveform = Waveform::from_samples(&augment::tempo(waveform.samples(), factor));
        }
        if recipe.shift.probability.draw(rng) {
            time_shift(&mut waveform, (recipe.shift.most_s * SAMPLE_RATE_HZ as f32) as usize, rng);
        }
        if let Some(gain_db) = recipe.gain_db.draw(rng) {
            waveform.amplify(gain_db);
        }
        waveform
    }

    /// Speech with what else is in the room.
    fn heard(&self, mut waveform: Waveform, word: Option<usize>, rng: &mut impl Rng) -> Made {
        let clean = self.keeps_clean.then(|| waveform.clone());
        self.surround(&mut waveform, rng)?;
        waveform.clip();
        Ok(Sound { augmented: waveform, clean, word })
    }

    /// Lets a word before or after it, other voices, a room, noise and a telephone come between a word and its listener.
    fn surround(&self, waveform: &mut Waveform, rng: &mut impl Rng) -> Made<()> {
        let recipe = &self.recipe.speech;
        let has_others = !self.other_words.is_empty(); // a keyword beside another would be neither
        if has_others && recipe.neighbour.probability.draw(rng) {
            let Neighbours { pause_s, level_db, .. } = recipe.neighbour;
            let (other, _) = self.other_word(rng)?;
            let is_before = rng.random();
            let neighbour = Neighbour { is_before, pause_s: pause_s.draw(rng), level_db: level_db.draw(rng) };
            neighbour.apply(waveform, other);
        }
        if has_others && recipe.voices.probability.draw(rng) {
            let Voices { count, snr_db, .. } = recipe.voices;
            mix(waveform, &self.voices(count.draw(rng), rng)?, snr_db.draw(rng));
        }
        if recipe.room.probability.draw(rng)
            && let Some(room) = self.rooms.choose(rng)
        {
            room.apply(waveform);
        }
        if recipe.noise_snr_db.probability.draw(rng) {
            mix(waveform, &self.noise(rng)?, recipe.noise_snr_db.range.draw(rng));
        }
        if recipe.telephone.draw(rng) {
            augment::telephone(waveform);
        }
        Ok(())
    }

    fn load(&self, clip: usize) -> Made<Waveform> {
        self.cache.waveform(Source::Clip(clip))
    }

    /// Any of some clips; silence, if there is none.
    fn load_any(&self, clips: Option<&Vec<usize>>, rng: &mut impl Rng) -> Made<Waveform> {
        let clip = clips.and_then(|clips| clips.choose(rng));
        clip.map_or_else(|| Ok(Waveform::silence()), |clip| self.load(*clip))
    }

    /// A clip of `_unknown_` and its word: words with few clips come more often than their share. A clip of a keyword, in
    /// a data set without other words.
    fn other_word(&self, rng: &mut impl Rng) -> Made<(Waveform, Option<usize>)> {
        let weight = |clips: &Vec<usize>| (clips.len() as f64).sqrt();
        let words = if self.other_words.is_empty() { &self.clips } else { &self.other_words };
        let clips = words.choose_weighted(rng, weight).ok().and_then(|clips| clips.choose(rng));
        match clips {
            Some(clip) => Ok((self.load(*clip)?, self.words[*clip])),
            None => Ok((Waveform::silence(), None)),
        }
    }

    /// Another word as it is said; of several, the one that `likeness` rates highest.
    fn hardest_word(
        &self,
        speeds: Option<Span<f32>>,
        likeness: impl Fn(&Waveform) -> f32,
        rng: &mut impl Rng,
    ) -> Made<(Waveform, Option<usize>)> {
        let mut word = || {
            let (waveform, word) = self.other_word(rng)?;
            Ok((self.said(waveform, speeds, rng), word))
        };
        let mut hardest = word()?;
        let n_others = self.recipe.unknown.hardest_of.get() - 1;
        if n_others == 0 {
            return Ok(hardest);
        }
        let mut highest = likeness(&hardest.0);
        for _ in 0..n_others {
            let other = word()?;
            let rating = likeness(&other.0);
            if rating > highest {
                (hardest, highest) = (other, rating);
            }
        }
        Ok(hardest)
    }

    /// Clips of two different words, keywords or not.
    fn two_words(&self, rng: &mut impl Rng) -> Made<[Waveform; 2]> {
        let words = self.clips.iter().chain(&self.other_words).filter(|clips| !clips.is_empty());
        let words = words.sample(rng, 2);
        let mut load = |i: usize| self.load_any(words.get(i).copied(), rng);
        Ok([load(0)?, load(1)?])
    }

    /// A keyword that several people talk over.
    fn drowned(&self, rng: &mut impl Rng) -> Made<Waveform> {
        let recipe = self.recipe;
        let clips = self.clips.iter().filter(|clips| !clips.is_empty()).choose(rng);
        let mut waveform = self.load_any(clips, rng)?;
        let voices = self.voices(recipe.speech.voices.count.draw(rng), rng)?;
        mix(&mut waveform, &voices, recipe.unknown.drowned_snr_db.draw(rng));
        Ok(waveform)
    }

    /// A second of recorded noise, or of a made-up one.
    fn noise(&self, rng: &mut impl Rng) -> Made<Waveform> {
        let recipe = &self.recipe.noise;
        match self.noises.choose(rng) {
            Some((file, starts)) if recipe.recorded.draw(rng) => {
                let offset = rng.random_range(starts.clone());
                self.cache.waveform(Source::Noise { file: *file, offset, gain: 1.0 })
            }
            _ => Ok(Waveform::from_samples(&recipe.made_up.make(rng))),
        }
    }

    /// Other words by several people, each at any time of the second.
    fn voices(&self, n: u32, rng: &mut impl Rng) -> Made<Waveform> {
        let mut voices = Waveform::silence();
        for _ in 0..n {
            let (mut voice, _) = self.other_word(rng)?;
            time_shift(&mut voice, N_SAMPLES / 2, rng);
            voices.samples_mut().iter_mut().zip(voice.samples()).for_each(|(sum, voice)| *sum += voice);
        }
        Ok(voices)
    }
}

/// The index of each clip's word among those that enough clips of the training split say, and how many those are.
fn words(dataset: &SpeechCommands, cache: &SampleCache) -> (Vec<Option<usize>>, usize) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for clip in dataset.readable_in(Split::Train, cache) {
        if let Some(word) = dataset.clips()[clip].said() {
            *counts.entry(word).or_default() += 1;
        }
    }
    counts.retain(|_, count| *count >= MIN_CLIPS);
    let indices: BTreeMap<&str, usize> = counts.into_keys().zip(0..).collect();
    let of_clips = dataset.clips().iter().map(|clip| indices.get(clip.said()?).copied());
    (of_clips.collect(), indices.len())
}

/// The rooms of a training: none if no word is heard in one.
fn rooms(recipe: &Recipe) -> Vec<Room> {
    let recipe = &recipe.speech.room;
    let n = if f64::from(recipe.probability) > 0.0 { recipe.rooms } else { 0 };
    let mut rng = ChaCha8Rng::seed_from_u64(ROOMS_SEED);
    let rooms = (0..n).map(|_| {
        let rt60_s = recipe.rt60_s.draw(&mut rng);
        Room::new(rt60_s, recipe.direct_db.draw(&mut rng), &mut rng)
    });
    rooms.collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;
    use std::num::NonZeroU32;

    use sc_data::Task;
    use tempfile::TempDir;

    use super::*;

    /// A small data set and its samples, in a folder that is removed when the first is dropped.
    fn data() -> (TempDir, SpeechCommands, SampleCache) {
        let dir = tempfile::tempdir().unwrap();
        sc_test::dataset::write(&dir.path().join("data"));
        let (dataset, cache) = read(&dir);
        (dir, dataset, cache)
    }

    fn read(dir: &TempDir) -> (SpeechCommands, SampleCache) {
        let dataset = SpeechCommands::open(dir.path().join("data")).unwrap();
        let cache = SampleCache::open(&dataset, &dir.path().join("samples"), |_| ()).unwrap();
        (dataset, cache)
    }

    #[test]
    fn clips_that_cannot_be_read_say_no_word_that_could_be_told_apart() {
        let (dir, dataset, cache) = data();
        let (_, n_words) = words(&dataset, &cache);
        let folder = dir.path().join("data/lamp");
        fs::create_dir(&folder).unwrap();
        for take in 0..MIN_CLIPS {
            fs::write(folder.join(format!("ann_nohash_{take}.wav")), "no sound").unwrap();
        }
        let (dataset, cache) = read(&dir);
        assert_eq!(words(&dataset, &cache).1, n_words);
    }

    #[test]
    fn another_word_in_folders_of_two_normal_forms_is_one() {
        let (dir, ..) = data();
        for word in ["cafe\u{301}", "cafz", "caf\u{E9}"] {
            sc_test::wav::write(&dir.path().join(format!("data/{word}/ann.wav")), &[1; 100]);
        }
        let (dataset, cache) = read(&dir);
        let recipe = Recipe::default();
        let sounds = SoundMaker::new(&dataset, &Task::Commands.labels(), &cache, &recipe, false);
        assert_eq!(sounds.other_words.len(), 3, "bed, cafz and caf\u{E9}");
    }

    #[test]
    fn without_other_words_no_keyword_is_said_whole_in_an_unknown_sound() {
        let (_dir, dataset, cache) = data();
        let mut recipe = Recipe::default();
        recipe.unknown.weights = UnknownWeights { cropped: 1, drowned: 1000, ..weights_of_nothing() };
        recipe.unknown.crop = Span::new(0.3, 0.3);
        recipe.speech = crate::recipe::SpeechRecipe {
            speed: recipe.speech.tempo, // never
            noise_snr_db: recipe.speech.tempo,
            ..recipe.speech
        };
        let labels = Labels::of_words(["yes", "no", "stop", "bed"]).unwrap();
        let sounds = SoundMaker::new(&dataset, &labels, &cache, &recipe, false);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..20 {
            let sound = sounds.unknown(|_| 0.0, &mut rng).unwrap();
            let n_silent = sound.augmented.samples().iter().filter(|sample| **sample == 0.0).count();
            assert!(n_silent > N_SAMPLES / 2, "{n_silent} silent samples: more than a piece of a word");
        }

        recipe.unknown.weights = UnknownWeights { drowned: 1, ..weights_of_nothing() };
        assert!(!SoundMaker::new(&dataset, &labels, &cache, &recipe, false).makes_unknown());
    }

    fn weights_of_nothing() -> UnknownWeights {
        UnknownWeights {
            word: 0,
            fast_or_slow: 0,
            cropped: 0,
            spliced: 0,
            shuffled: 0,
            reversed: 0,
            voices: 0,
            drowned: 0,
        }
    }

    #[test]
    fn of_several_other_words_the_one_that_is_rated_highest_is_taken() {
        let (_dir, dataset, cache) = data();
        let mut recipe = Recipe::default();
        recipe.unknown.hardest_of = NonZeroU32::new(5).unwrap();
        let UnknownWeights { word, fast_or_slow, .. } = recipe.unknown.weights;
        recipe.unknown.weights = UnknownWeights { word, fast_or_slow, ..weights_of_nothing() };
        let sounds = SoundMaker::new(&dataset, &Task::Commands.labels(), &cache, &recipe, true);
        let loudness = |waveform: &Waveform| waveform.samples().iter().map(|x| x.abs()).sum::<f32>();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..10 {
            let ratings = RefCell::new(Vec::new());
            let rate = |waveform: &Waveform| {
                ratings.borrow_mut().push(loudness(waveform));
                loudness(waveform)
            };
            let sound = sounds.unknown(rate, &mut rng).unwrap();
            let ratings = ratings.into_inner();
            let highest = ratings.iter().copied().fold(0.0, f32::max);
            assert_eq!(ratings.len(), 5);
            assert_eq!(loudness(&sound.clean.unwrap()).to_bits(), highest.to_bits(), "{ratings:?}");
        }
    }
}
