//! The examples of an epoch: which sounds it holds, and what is to be learnt of each.
//!
//! Every example follows from the run's seed, the epoch and its place in it, so it is the same on
//! any number of threads and after any interruption.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sc_data::{
    DatasetError, LogMel, LogMelConfig, SILENCE, SampleCache, SpeechCommands, Split, UNKNOWN, Waveform,
};

use sc_model::{Classifier, softmax};

use super::sound::{Made, SoundMaker};
use crate::config::TrainConfig;
use crate::recipe::TeachersHear;

/// Examples of a step, one after another.
pub struct Batch {
    /// `[batch, n_frames, n_mels]`.
    pub features: Vec<f32>,
    /// `[batch]`, indices of labels.
    pub labels: Vec<usize>,
    /// `[batch, n_labels]`: the probabilities to be learnt.
    pub targets: Vec<f32>,
    /// `[batch]`: the index of each example's word, if it is whole and one that is told apart.
    pub words: Vec<Option<usize>>,
}

/// Draws training examples.
pub struct Sampler<'a> {
    config: &'a TrainConfig,
    log_mel: LogMel,
    teachers: &'a [Classifier],
    sounds: SoundMaker<'a>,
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
        let labels = &config.labels;
        let keeps_clean = !teachers.is_empty() && config.recipe.teachers_hear == TeachersHear::Clean;
        let has_label = |clip: &usize| labels.index_of_word(&dataset.clips()[*clip].word).is_some();
        let clips = dataset.readable_in(Split::Train, cache);
        Self {
            config,
            log_mel: config.log_mel.init(),
            teachers,
            n_clips: clips.filter(has_label).count(),
            sounds: SoundMaker::new(dataset, labels, cache, &config.recipe, keeps_clean),
        }
    }

    /// True if there is a clip of a keyword.
    pub fn has_keywords(&self) -> bool {
        self.sounds.clips().iter().any(|clips| !clips.is_empty())
    }

    /// Clips of the training split of a keyword, by its label.
    pub fn n_clips_of(&self, label: usize) -> usize {
        self.sounds.clips().get(label).map_or(0, Vec::len)
    }

    /// Returns true if there are the sounds that are no keyword, if the recipe asks for a share of them and the model has
    /// a label for them.
    pub fn makes_unknown(&self) -> bool {
        self.config.labels.index(UNKNOWN).is_none()
            || f64::from(self.config.recipe.unknown_share) <= 0.0
            || self.sounds.makes_unknown()
    }

    /// Clips of the training split that have a label.
    pub fn n_clips(&self) -> usize {
        self.n_clips
    }

    /// Words that are told apart beside the labels.
    pub fn n_words(&self) -> usize {
        self.sounds.n_words()
    }

    /// Examples in an epoch.
    pub fn n_examples(&self) -> usize {
        self.config.epoch_examples.unwrap_or(self.n_clips)
    }

    /// Steps in an epoch.
    pub fn n_steps(&self) -> usize {
        self.n_examples().div_ceil(self.config.batch_size)
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
        let n_labels = self.config.labels.names().len();
        let mut targets = vec![0.0; draws.len() * n_labels];
        let mut words = vec![None; draws.len()];
        let examples = (
            features.par_chunks_exact_mut(n_values),
            targets.par_chunks_exact_mut(n_labels),
            words.par_iter_mut(),
            draws,
        );
        examples.into_par_iter().enumerate().try_for_each_init(
            || (self.log_mel.scratch(), vec![0.0; n_values]),
            |(scratch, clean_features), (i, (features, target, word, draw))| {
                let mut rng = self.rng(epoch, first + i + 1);
                let sound = self.sound(*draw, &mut rng)?;
                self.log_mel.compute_into(&sound.augmented, scratch, features);
                self.augment(features, &mut rng);
                *word = sound.word;
                if let Some(clean) = &sound.clean {
                    self.log_mel.compute_into(clean, scratch, clean_features);
                    self.target(draw.label, clean_features, target);
                } else {
                    self.target(draw.label, features, target);
                }
                Ok(())
            },
        )?;
        Ok(Batch { features, labels: draws.iter().map(|draw| draw.label).collect(), targets, words })
    }

    /// Writes the probabilities to be learnt: the label, a little of it spread over all, and the mean of what the
    /// teachers answer to `features` (Hinton et al., arXiv:1503.02531). Teachers that name another label are not
    /// believed: their pupil would miss, or take for a keyword, what they do.
    fn target(&self, label: usize, features: &[f32], target: &mut [f32]) {
        let smoothing = self.config.label_smoothing;
        target.fill(smoothing / target.len() as f32);
        target[label] += 1.0 - smoothing;
        if !self.teachers.is_empty() {
            let share = self.config.teacher_share;
            let heard = self.heard(features);
            if heard.iter().all(|p| *p <= heard[label]) {
                target.iter_mut().zip(heard).for_each(|(target, heard)| *target += share * (heard - *target));
            }
        }
    }

    /// The random numbers of an epoch: stream 0 chooses its examples, stream `i + 1` makes example `i`.
    fn rng(&self, epoch: usize, stream: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed ^ ((epoch as u64 + 1) << 32));
        rng.set_stream(stream as u64);
        rng
    }

    /// Each keyword as often as any other, however many clips it has, and the shares that the
    /// settings give to unknown words and silence; in random order.
    fn draws(&self, epoch: usize) -> Vec<Draw> {
        let mut rng = self.rng(epoch, 0);
        let n_examples = self.n_examples();
        let mut draws = Vec::with_capacity(n_examples);
        let recipe = &self.config.recipe;
        let share = |share| (f64::from(share) * n_examples as f64) as usize;
        let others = [(UNKNOWN, share(recipe.unknown_share)), (SILENCE, share(recipe.silence_share))];
        for (name, n) in others {
            if let Some(label) = self.config.labels.index(name) {
                draws.extend(std::iter::repeat_n(Draw { label, clip: None }, n));
            }
        }
        let clips = self.sounds.clips();
        let keywords: Vec<usize> = (0..clips.len()).filter(|label| !clips[*label].is_empty()).collect();
        let n_left = n_examples.saturating_sub(draws.len());
        for (i, label) in keywords.iter().enumerate() {
            let n = n_left * (i + 1) / keywords.len() - n_left * i / keywords.len();
            let mut clips = clips[*label].clone();
            clips.shuffle(&mut rng);
            let clips = clips.iter().cycle().take(n);
            draws.extend(clips.map(|clip| Draw { label: *label, clip: Some(*clip) }));
        }
        draws.shuffle(&mut rng);
        draws
    }

    /// The sound of an example.
    fn sound(&self, draw: Draw, rng: &mut impl Rng) -> Made {
        match draw.clip {
            Some(clip) => self.sounds.keyword(clip, rng),
            None if self.config.labels.names()[draw.label] == SILENCE => self.sounds.silence(rng),
            None => self.sounds.unknown(|waveform| self.likeness(waveform), rng),
        }
    }

    /// The probability that a sound is a keyword, by the teachers.
    fn likeness(&self, waveform: &Waveform) -> f32 {
        let heard = self.heard(self.log_mel.compute(waveform).values());
        let keywords = heard.iter().enumerate().filter(|(label, _)| self.config.labels.is_keyword(*label));
        keywords.map(|(_, p)| p).sum()
    }

    /// The mean of the teachers' answers.
    fn heard(&self, features: &[f32]) -> Vec<f32> {
        let weight = 1.0 / self.teachers.len() as f32;
        let mut heard = vec![0.0; self.config.labels.names().len()];
        for teacher in self.teachers {
            let answer = softmax(&teacher.logits_of(features), 1.0);
            heard.iter_mut().zip(answer).for_each(|(heard, p)| *heard += weight * p);
        }
        heard
    }

    /// Changes a spectrogram as other microphones and lines do, and hides parts of it.
    fn augment(&self, features: &mut [f32], rng: &mut impl Rng) {
        let LogMelConfig { n_mels, log_offset, .. } = self.config.log_mel;
        let recipe = &self.config.recipe;
        let floor = log_offset.ln();
        if let Some(tilt) = recipe.microphone.tilt.draw(rng) {
            let response = |band: usize| tilt * (2.0 * band as f32 / n_mels as f32 - 1.0);
            for frame in features.chunks_exact_mut(n_mels) {
                frame.iter_mut().enumerate().for_each(|(band, x)| *x = (*x + response(band)).max(floor));
            }
        }
        if recipe.microphone.bandwidth.probability.draw(rng) {
            let [low, high] = <[f32; 2]>::from(recipe.microphone.bandwidth.range)
                .map(|share| ((share * n_mels as f32) as usize).min(n_mels));
            let cut = if low < high { rng.random_range(low..high) } else { low };
            features.chunks_exact_mut(n_mels).for_each(|frame| frame[cut..].fill(floor));
        }
        recipe.spec_augment.apply(features, n_mels, rng);
    }
}

#[cfg(test)]
mod tests {
    use sc_data::Labels;
    use sc_model::{Header, KeywordCnnConfig, Record, Weights};

    use super::*;

    /// Calls `check` with a sampler over a small data set.
    fn with_sampler(check: impl FnOnce(Sampler)) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data");
        sc_test::dataset::write(&root);
        let dataset = SpeechCommands::open(&root).unwrap();
        let cache = SampleCache::open(&dataset, &dir.path().join("samples"), |_| ()).unwrap();
        let config = TrainConfig { batch_size: 16, ..TrainConfig::default() };
        check(Sampler::new(&dataset, &cache, &config, &[]));
    }

    #[test]
    fn an_epoch_shows_every_keyword_as_often_and_others_by_their_share() {
        with_sampler(|sampler| {
            let mut counts = [0; 12];
            sampler.draws(1).iter().for_each(|draw| counts[draw.label] += 1);
            // 96 clips; 22 % unknown, 8 % silence; yes, no and stop are the keywords there are.
            let label = |name: &str| sampler.config.labels.index(name).unwrap();
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
            let teachers = [1, 2]
                .map(|seed| Classifier::untested(&untaught(&log_mel, sampler.config.labels.clone(), seed)));
            let features = vec![-3.0; log_mel.n_frames() * log_mel.n_mels];
            let [first, second] = teachers.each_ref().map(|one| softmax(&one.logits_of(&features), 1.0));
            let heard: Vec<f32> = first.iter().zip(&second).map(|(a, b)| f32::midpoint(*a, *b)).collect();
            assert!(first.iter().zip(&heard).any(|(a, b)| (a - b).abs() > 1e-3), "{first:?} {second:?}");
            let targets = |sampler: &Sampler| -> [[f32; 12]; 12] {
                let mut targets = [[0.0; 12]; 12];
                for (label, target) in targets.iter_mut().enumerate() {
                    sampler.target(label, &features, target);
                }
                targets
            };
            let alone = targets(&sampler);
            let taught = targets(&Sampler { teachers: &teachers, ..sampler });
            let named = (0..12).max_by(|a, b| heard[*a].total_cmp(&heard[*b])).unwrap();
            let (of_label, of_both) = (alone[named], taught[named]);
            for label in 0..12 {
                let smoothed = if label == named { 0.9 + 0.1 / 12.0 } else { 0.1 / 12.0 };
                assert!((of_label[label] - smoothed).abs() < 1e-6, "{of_label:?}");
                let expected = 0.2 * smoothed + 0.8 * heard[label];
                assert!((of_both[label] - expected).abs() < 1e-6, "{of_both:?}");
            }
            for label in (0..12).filter(|label| *label != named) {
                let differs = alone[label].iter().zip(&taught[label]).any(|(a, b)| (a - b).abs() > 1e-6);
                assert!(!differs, "teachers that name another label are not believed: {taught:?}");
            }
        });
    }

    /// A record of random weights.
    fn untaught(log_mel: &LogMelConfig, labels: Labels, seed: u64) -> Record {
        let network = KeywordCnnConfig::new(log_mel.n_frames(), log_mel.n_mels, labels.names().len());
        let weights = Weights::random(&network, seed);
        Record { header: Header::untrained(labels, log_mel.clone(), network), weights, words: None }
    }

    /// The means of the spectrograms of an epoch's first 32 examples, as the default recipe made them before it was a
    /// setting. Another number drawn, or drawn in another order, changes all that follow.
    #[rustfmt::skip]
    const MEANS: [f32; 32] = [
        -11.9858, 0.6681, -8.4149, -7.6247, -1.7545, -3.5577, -5.7068, -8.2769, -3.8491, -10.5415, -10.0375,
        -1.0787, -0.3588, -10.0020, 0.9359, -7.7300, -8.8120, -5.7114, -4.6022, -0.7031, -12.2088, -6.3657,
        0.0292, -6.1293, -9.2516, 0.9657, -10.9285, -7.3308, -8.4430, -5.1213, 0.4418, -6.6354,
    ];

    #[test]
    fn a_recipe_makes_the_same_examples_in_every_release() {
        with_sampler(|sampler| {
            let batches: Vec<Batch> = sampler.batches(1).take(2).map(Result::unwrap).collect();
            let examples =
                batches.iter().flat_map(|batch| batch.features.chunks_exact(batch.features.len() / 16));
            for (i, (features, expected)) in examples.zip(MEANS).enumerate() {
                let mean = features.iter().sum::<f32>() / features.len() as f32;
                assert!((mean - expected).abs() < 1e-3, "example {i}: {mean} instead of {expected}");
            }
        });
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
