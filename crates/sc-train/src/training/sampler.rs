//! What the network is shown: which sounds an epoch holds, and how each is disturbed.
//!
//! Every example follows from the run's seed, the epoch and its place in it, so it is the same on
//! any number of threads and after any interruption.

use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sc_data::{
    DatasetError, Labels, LogMel, LogMelConfig, N_SAMPLES, SILENCE, SampleCache, Source, SpecAugment,
    SpeechCommands, Split, UNKNOWN, Waveform, add_noise, time_shift,
};

use sc_model::{Classifier, softmax};

use super::sounds;
use crate::config::TrainConfig;

/// A second of sound, unless the cache could not be read.
type Sound = Result<Waveform, DatasetError>;

/// Examples of a step, one after another.
pub struct Batch {
    /// `[batch, n_frames, n_mels]`.
    pub features: Vec<f32>,
    /// `[batch]`, indices of labels.
    pub labels: Vec<usize>,
    /// `[batch, n_labels]`: the probabilities to be learnt.
    pub targets: Vec<f32>,
}

/// Draws training examples.
#[derive(Clone)]
pub struct Sampler<'a> {
    config: &'a TrainConfig,
    labels: Labels,
    log_mel: LogMel,
    cache: &'a SampleCache,
    teachers: &'a [Classifier],
    /// For every label, its clips.
    clips: Vec<Vec<usize>>,
    /// The clips of `_unknown_`, by word.
    other_words: Vec<Vec<usize>>,
    /// The parts of noise recordings that training may hear: recording, first offset, last offset.
    noises: Vec<(usize, usize, usize)>,
    n_clips: usize,
}

/// An example before it is made.
#[derive(Clone, Copy)]
struct Draw {
    label: usize,
    /// The clip of a keyword; other labels choose when they are made.
    clip: Option<usize>,
}

impl<'a> Sampler<'a> {
    /// Sorts the training split by what its clips are good for.
    pub fn new(
        dataset: &SpeechCommands,
        cache: &'a SampleCache,
        config: &'a TrainConfig,
        teachers: &'a [Classifier],
    ) -> Self {
        let labels = config.task.labels();
        let mut clips = vec![Vec::new(); labels.names().len()];
        let mut other_words: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut n_clips = 0;
        for clip in dataset.clips_in(Split::Train).filter(|clip| cache.is_readable(*clip)) {
            let word = dataset.clips()[clip].word.as_str();
            n_clips += usize::from(labels.index_of_word(word).is_some());
            match labels.index(word) {
                Some(label) => clips[label].push(clip),
                None => match other_words.last_mut() {
                    Some((last, clips)) if *last == word => clips.push(clip), // clips are sorted by word
                    _ => other_words.push((word, vec![clip])),
                },
            }
        }
        let noises = (0..cache.n_noise()).filter_map(|recording| {
            let range = Split::Train.noise_range(cache.noise_len(recording));
            (range.len() > N_SAMPLES).then(|| (recording, range.start, range.end - N_SAMPLES))
        });
        Self {
            config,
            log_mel: config.log_mel.init(),
            cache,
            teachers,
            clips,
            other_words: other_words.into_iter().map(|(_, clips)| clips).collect(),
            noises: noises.collect(),
            n_clips,
            labels,
        }
    }

    /// Whether there is a clip of a keyword.
    pub fn has_keywords(&self) -> bool {
        self.clips.iter().any(|clips| !clips.is_empty())
    }

    /// Clips of the training split that have a label.
    pub fn n_clips(&self) -> usize {
        self.n_clips
    }

    /// Steps in an epoch of as many examples as there are clips.
    pub fn n_steps(&self) -> usize {
        self.n_clips.div_ceil(self.config.batch_size)
    }

    /// An epoch's batches in order, each made on all threads when it is asked for.
    ///
    /// # Errors
    /// If the sample cache cannot be read.
    pub fn batches(&self, epoch: usize) -> impl Iterator<Item = Result<Batch, DatasetError>> {
        let draws = self.draws(epoch);
        let size = self.config.batch_size;
        (0..self.n_steps()).map(move |step| {
            let first = step * size;
            self.batch(epoch, first, &draws[first..draws.len().min(first + size)])
        })
    }

    fn batch(&self, epoch: usize, first: usize, draws: &[Draw]) -> Result<Batch, DatasetError> {
        let n_values = self.config.log_mel.n_frames() * self.config.log_mel.n_mels;
        let mut features = vec![0.0; draws.len() * n_values];
        let n_labels = self.labels.names().len();
        let mut targets = vec![0.0; draws.len() * n_labels];
        let examples = features.par_chunks_exact_mut(n_values).zip(targets.par_chunks_exact_mut(n_labels));
        examples.zip(draws).enumerate().try_for_each_init(
            || self.log_mel.scratch(),
            |scratch, (i, ((features, target), draw))| {
                let mut rng = self.rng(epoch, first + i + 1);
                let waveform = self.sound(*draw, &mut rng)?;
                self.log_mel.compute_into(&waveform, scratch, features);
                self.disturb(features, &mut rng);
                self.target(draw.label, features, target);
                Ok(())
            },
        )?;
        Ok(Batch { features, labels: draws.iter().map(|draw| draw.label).collect(), targets })
    }

    /// What is to be learnt of an example: its label, a little of it spread over all, and what the
    /// teachers hear in the same disturbed sound (Beyer et al., arXiv:2106.05237), on average (Hinton et
    /// al., arXiv:1503.02531). If they take another sound for a keyword, they are not believed.
    fn target(&self, label: usize, features: &[f32], target: &mut [f32]) {
        let smoothing = self.config.label_smoothing;
        target.fill(smoothing / target.len() as f32);
        target[label] += 1.0 - smoothing;
        if !self.teachers.is_empty() {
            let share = self.config.teacher_share;
            let weight = 1.0 / self.teachers.len() as f32;
            let mut heard = vec![0.0; target.len()];
            for teacher in self.teachers {
                let answer = softmax(&teacher.logits_of(features), 1.0);
                heard.iter_mut().zip(answer).for_each(|(heard, p)| *heard += weight * p);
            }
            let is_fooled = !self.labels.is_keyword(label)
                && (0..heard.len()).any(|i| self.labels.is_keyword(i) && heard[i] > heard[label]);
            if !is_fooled {
                target.iter_mut().zip(heard).for_each(|(target, heard)| *target += share * (heard - *target));
            }
        }
    }

    /// Stream 0 of an epoch draws its examples, every other one disturbs one of them.
    fn rng(&self, epoch: usize, stream: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed ^ ((epoch as u64 + 1) << 32));
        rng.set_stream(stream as u64);
        rng
    }

    /// Each keyword as often as any other, however many clips it has, and the shares that the
    /// settings give to unknown words and silence; in random order.
    fn draws(&self, epoch: usize) -> Vec<Draw> {
        let mut rng = self.rng(epoch, 0);
        let mut draws = Vec::with_capacity(self.n_clips);
        let share = |share: f64| (share * self.n_clips as f64) as usize;
        let others =
            [(UNKNOWN, share(self.config.unknown_share)), (SILENCE, share(self.config.silence_share))];
        for (name, n) in others {
            if let Some(label) = self.labels.index(name) {
                draws.extend(std::iter::repeat_n(Draw { label, clip: None }, n));
            }
        }
        let keywords: Vec<usize> =
            (0..self.clips.len()).filter(|label| !self.clips[*label].is_empty()).collect();
        let n_left = self.n_clips - draws.len();
        for (i, label) in keywords.iter().enumerate() {
            let n = n_left * (i + 1) / keywords.len() - n_left * i / keywords.len();
            let mut clips = self.clips[*label].clone();
            clips.shuffle(&mut rng);
            let clips = clips.iter().cycle().take(n);
            draws.extend(clips.map(|clip| Draw { label: *label, clip: Some(*clip) }));
        }
        draws.shuffle(&mut rng);
        draws
    }

    /// What is heard of an example: a microphone clips what is too loud for it.
    fn sound(&self, draw: Draw, rng: &mut impl Rng) -> Sound {
        let mut sound = match draw.clip {
            Some(clip) => self.spoken(self.load(clip)?, 0.87..1.15, rng),
            None if self.labels.names()[draw.label] == SILENCE => self.silence(rng),
            None => self.unknown(rng),
        }?;
        sound.samples_mut().iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
        Ok(sound)
    }

    fn load(&self, clip: usize) -> Sound {
        self.cache.waveform(Source::Clip(clip))
    }

    /// Speech as another speaker, at another distance, in another room would have said it.
    fn spoken(&self, mut waveform: Waveform, speeds: std::ops::Range<f32>, rng: &mut impl Rng) -> Sound {
        if rng.random_bool(0.6) {
            waveform =
                Waveform::from_samples(&sounds::change_speed(waveform.samples(), rng.random_range(speeds)));
        }
        if rng.random_bool(0.8) {
            time_shift(&mut waveform, 1600, rng); // 100 ms, as in TensorFlow's example
        }
        if rng.random_bool(0.5) {
            let gain_db: f32 = rng.random_range(-15.0..6.0);
            scale(&mut waveform, 10.0_f32.powf(gain_db / 20.0));
        }
        if rng.random_bool(0.8) {
            add_noise(&mut waveform, &self.noise(rng)?, rng.random_range(0.0..30.0));
        }
        Ok(waveform)
    }

    /// A word that is not a keyword, or speech that is no word.
    fn unknown(&self, rng: &mut impl Rng) -> Sound {
        let (waveform, speeds) = match rng.random_range(0..100) {
            0..42 => (self.other_word(rng)?, 0.87..1.15),
            42..52 => (self.other_word(rng)?, 0.65..1.5),
            52..59 => {
                let piece = sounds::piece(self.other_word(rng)?.samples(), rng);
                (Waveform::from_samples(&piece), 0.87..1.15)
            }
            59..82 => {
                let [first, second] = self.two_words(rng)?;
                let spliced = sounds::splice(first.samples(), second.samples(), rng);
                (Waveform::from_samples(&spliced), 0.87..1.15)
            }
            82..87 => {
                let shuffled = sounds::shuffle_thirds(self.other_word(rng)?.samples(), rng);
                (Waveform::from_samples(&shuffled), 0.87..1.15)
            }
            87..92 => {
                let mut waveform = self.other_word(rng)?;
                waveform.samples_mut().reverse();
                (waveform, 0.87..1.15)
            }
            _ => (self.voices(2, rng)?, 0.87..1.15),
        };
        self.spoken(waveform, speeds, rng)
    }

    /// A clip of `_unknown_`: words with few clips come more often than their share.
    fn other_word(&self, rng: &mut impl Rng) -> Sound {
        let weight = |clips: &Vec<usize>| (clips.len() as f64).sqrt();
        let clips = self.other_words.choose_weighted(rng, weight).ok().and_then(|clips| clips.choose(rng));
        clips.map_or_else(|| Ok(Waveform::silence()), |clip| self.load(*clip))
    }

    /// Clips of two different words, keywords or not.
    fn two_words(&self, rng: &mut impl Rng) -> Result<[Waveform; 2], DatasetError> {
        let words = self.clips.iter().chain(&self.other_words).filter(|clips| !clips.is_empty());
        let words = words.sample(rng, 2);
        let mut load = |i: usize| {
            let clip = words.get(i).and_then(|clips| clips.choose(rng));
            clip.map_or_else(|| Ok(Waveform::silence()), |clip| self.load(*clip))
        };
        Ok([load(0)?, load(1)?])
    }

    /// Background noise, at any level from none to full.
    fn silence(&self, rng: &mut impl Rng) -> Sound {
        let mut waveform = match rng.random_range(0..10) {
            0 => Waveform::silence(),
            1 => self.voices(rng.random_range(6..12), rng)?,
            _ => self.noise(rng)?,
        };
        scale(&mut waveform, rng.random_range(0.0..1.0));
        Ok(waveform)
    }

    /// A second of recorded noise, or of a noise that was never recorded.
    fn noise(&self, rng: &mut impl Rng) -> Sound {
        match self.noises.choose(rng) {
            Some((recording, first, last)) if rng.random_bool(0.5) => {
                let offset = rng.random_range(*first..=*last);
                self.cache.waveform(Source::Noise { file: *recording, offset, gain: 1.0 })
            }
            _ => Ok(Waveform::from_samples(&sounds::noise(rng))),
        }
    }

    /// Words of several people at any time: two are what a second of running speech holds, the end of
    /// one and the beginning of the next; many are babble, and none is to be understood.
    fn voices(&self, n: usize, rng: &mut impl Rng) -> Sound {
        let mut voices = Waveform::silence();
        for _ in 0..n {
            let mut voice = self.other_word(rng)?;
            time_shift(&mut voice, N_SAMPLES / 2, rng);
            voices.samples_mut().iter_mut().zip(voice.samples()).for_each(|(sum, voice)| *sum += voice);
        }
        Ok(voices)
    }

    /// Other microphones and gaps, on the spectrogram.
    fn disturb(&self, features: &mut [f32], rng: &mut impl Rng) {
        let LogMelConfig { n_mels, log_offset, .. } = self.config.log_mel;
        if rng.random_bool(0.5) {
            // A microphone's frequency response, as a tilt of up to 9 dB (2.1 in ln of power) a side.
            let tilt = rng.random_range(-2.1..2.1);
            let response = |band: usize| tilt * (2.0 * band as f32 / n_mels as f32 - 1.0);
            let floor = log_offset.ln();
            for frame in features.chunks_exact_mut(n_mels) {
                frame.iter_mut().enumerate().for_each(|(band, x)| *x = (*x + response(band)).max(floor));
            }
        }
        if rng.random_bool(0.1) {
            // A telephone or a low sample rate: nothing above 2.2 to 7 kHz.
            let cut = rng.random_range(n_mels * 6 / 10..n_mels);
            features.chunks_exact_mut(n_mels).for_each(|frame| frame[cut..].fill(log_offset.ln()));
        }
        SpecAugment::default().apply(features, n_mels, rng);
    }
}

fn scale(waveform: &mut Waveform, gain: f32) {
    waveform.samples_mut().iter_mut().for_each(|sample| *sample *= gain);
}

#[cfg(test)]
mod tests {
    use sc_model::{Backend, Header, KeywordCnnConfig, Record, Weights};

    use super::*;

    /// Calls `check` with a sampler over a small data set.
    fn with_sampler(check: impl Fn(&Sampler)) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data");
        sc_test::dataset::write(&root);
        let dataset = SpeechCommands::open(&root).unwrap();
        let cache = SampleCache::open(&dataset, &dir.path().join("samples"), |_, _| ()).unwrap();
        let config = TrainConfig { batch_size: 16, ..TrainConfig::default() };
        check(&Sampler::new(&dataset, &cache, &config, &[]));
    }

    #[test]
    fn an_epoch_shows_every_keyword_as_often_and_others_by_their_share() {
        with_sampler(|sampler| {
            let mut counts = [0; 12];
            sampler.draws(1).iter().for_each(|draw| counts[draw.label] += 1);
            // 96 clips; 22 % unknown, 8 % silence; yes, no and stop are the keywords there are.
            let label = |name: &str| sampler.labels.index(name).unwrap();
            let of = |name: &str| counts[label(name)];
            assert_eq!(counts.iter().sum::<usize>(), 96);
            assert_eq!((of(UNKNOWN), of(SILENCE), of("up")), (21, 7, 0));
            assert!([of("yes"), of("no"), of("stop")].iter().all(|n| (22..=23).contains(n)), "{counts:?}");
        });
    }

    #[test]
    fn a_target_is_the_label_and_the_teachers_mean_answer_in_their_shares() {
        with_sampler(|sampler| {
            let log_mel = LogMelConfig::default();
            let teachers = [1, 2].map(|seed| {
                let record = untaught(&log_mel, sampler.labels.clone(), seed);
                Classifier::untested(&record, Backend::Native)
            });
            let features = vec![-3.0; log_mel.n_frames() * log_mel.n_mels];
            let [first, second] = teachers.each_ref().map(|one| softmax(&one.logits_of(&features), 1.0));
            let heard: Vec<f32> = first.iter().zip(&second).map(|(a, b)| f32::midpoint(*a, *b)).collect();
            assert!(first.iter().zip(&heard).any(|(a, b)| (a - b).abs() > 1e-3), "{first:?} {second:?}");
            let taught_by = |teachers| Sampler { teachers, ..sampler.clone() };
            let (mut alone, mut taught) = ([0.0; 12], [0.0; 12]);
            sampler.target(2, &features, &mut alone);
            taught_by(&teachers).target(2, &features, &mut taught);
            for label in 0..12 {
                let smoothed = if label == 2 { 0.9 + 0.1 / 12.0 } else { 0.1 / 12.0 };
                assert!((alone[label] - smoothed).abs() < 1e-6, "{alone:?}");
                let expected = 0.2 * smoothed + 0.8 * heard[label];
                assert!((taught[label] - expected).abs() < 1e-6, "{taught:?}");
            }
            let [unknown, silence] = [UNKNOWN, SILENCE].map(|name| sampler.labels.index(name).unwrap());
            let is_heard_as_keyword = |label: usize| heard[..10].iter().any(|p| *p > heard[label]);
            assert!(is_heard_as_keyword(unknown) || is_heard_as_keyword(silence), "{heard:?}");
            for label in [unknown, silence] {
                sampler.target(label, &features, &mut alone);
                taught_by(&teachers).target(label, &features, &mut taught);
                let differs = alone.iter().zip(&taught).any(|(a, b)| (a - b).abs() > 1e-6);
                assert_eq!(differs, !is_heard_as_keyword(label), "{taught:?}");
            }
        });
    }

    /// A record of random weights.
    fn untaught(log_mel: &LogMelConfig, labels: Labels, seed: u64) -> Record {
        let network = KeywordCnnConfig::new(log_mel.n_frames(), log_mel.n_mels, labels.names().len());
        let weights = Weights::random(&network, seed);
        Record { header: Header::untrained(labels, log_mel.clone(), network), weights }
    }

    #[test]
    fn an_example_follows_from_seed_epoch_and_place_alone() {
        with_sampler(|sampler| {
            let epoch = |epoch| -> Vec<Batch> { sampler.batches(epoch).map(Result::unwrap).collect() };
            let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let (first, again) = (epoch(1), one_thread.install(|| epoch(1)));
            assert_eq!(first.len(), 6);
            for (a, b) in first.iter().zip(&again) {
                assert!(a.features == b.features && a.labels == b.labels && a.targets == b.targets);
            }
            assert!(epoch(2)[0].features != first[0].features);
        });
    }
}
