//! The training loop: steps, epochs, checkpoints, and the record at the end.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use sc_data::{Half, Split};
use sc_model::{
    Backend, Classifier, Header, KeywordCnn, KeywordCnnConfig, Training, Weights, self_test_waveform,
};

use super::checkpoint::{Checkpoint, State};
use super::run::Run;
use super::sampler::Batch;
use super::schedule::learning_rate;
use super::{check_untaught, fit};
use crate::aside::{lock_folder_of, write_aside};
use crate::evaluate::{conditions, few_shot, stream};
use crate::progress::note;
use crate::report::{Facts, as_written};
use crate::{EpochMetrics, EpochParts, Evaluation, Provenance, Report, progress, word_space};

/// Batches made ahead of the step that needs them.
const BATCHES_AHEAD: usize = 4;

/// A training under way.
pub struct Trainer<'a> {
    run: Run<'a>,
    network: KeywordCnnConfig,
    device: Device,
    model: KeywordCnn,
    optimizer: ModuleOptimizer,
    /// Moving average of the weights: what is validated and kept.
    average: Weights,
    /// The average after the epoch that is kept.
    kept: Weights,
    epochs: Vec<EpochMetrics>,
    /// Time that each part of the current epoch took.
    parts: EpochParts,
}

impl<'a> Trainer<'a> {
    /// Begins with `init`, or with random weights without it, or goes on from a checkpoint.
    ///
    /// # Errors
    /// If the settings' backend cannot train, or the checkpoint's optimiser cannot be read.
    pub fn new(run: Run<'a>, init: Option<&Weights>, checkpoint: Option<Checkpoint>) -> Result<Self> {
        let config = run.config;
        let network = config.network();
        let device =
            config.backend.device().context("training needs --backend flex, ndarray or wgpu")?.autodiff();
        let optimizer = AdamWConfig::new().with_weight_decay(config.weight_decay).with_epsilon(1e-8).init();
        let (weights, average, kept, epochs, optimizer) = if let Some(checkpoint) = checkpoint {
            let Checkpoint { state, weights, average, kept, optimizer: bytes } = checkpoint;
            let optimizer = optimizer
                .from_bytes(Bytes::from_bytes_vec(bytes))
                .context("cannot read the checkpoint's optimiser")?;
            (weights, average, kept, state.epochs, optimizer)
        } else {
            let weights = first_weights(run, &network, init);
            (weights.clone(), weights.clone(), weights, Vec::new(), optimizer)
        };
        let model = network.init(&weights, &device);
        Ok(Self {
            run,
            network,
            device,
            model,
            optimizer,
            average,
            kept,
            epochs,
            parts: EpochParts::default(),
        })
    }

    /// True after the last epoch.
    pub fn is_done(&self) -> bool {
        self.epochs.len() >= self.run.config.epochs
    }

    /// Passes through the training split once, validates, and writes a checkpoint.
    ///
    /// # Errors
    /// If a clip cannot be read, a file cannot be written, or the loss is no number.
    pub fn epoch(&mut self) -> Result<()> {
        let (epoch, start) = (self.epochs.len() + 1, Instant::now());
        let trained = self.steps(epoch, self.run.sampler.n_steps())?;
        let seconds = start.elapsed().as_secs_f64();

        let mut clock = Clock::start();
        let validation = self.validate()?;
        clock.add_to(&mut self.parts.validation);
        self.epochs.push(EpochMetrics {
            epoch,
            train_loss: trained.loss / trained.examples,
            train_accuracy: trained.correct / trained.examples,
            validation_loss: validation.loss,
            validation_accuracy: validation.accuracy,
            validation_clips: validation.n,
            learning_rate: self.learning_rate(epoch * self.run.sampler.n_steps() - 1),
            clips_per_s: trained.examples / seconds,
            seconds: start.elapsed().as_secs_f64(),
            parts: std::mem::take(&mut self.parts),
        });
        if EpochMetrics::kept(&self.epochs).is_some_and(|kept| kept.epoch == epoch) {
            self.kept = self.average.clone();
        }
        self.save()?;
        self.report_epoch();
        Ok(())
    }

    /// Prints a line about the epoch, for people and for logs.
    fn report_epoch(&self) {
        let (Some(last), Some(kept)) = (self.epochs.last(), EpochMetrics::kept(&self.epochs)) else { return };
        note!(
            "epoch {:>3}/{}  loss {:.4}  accuracy {:.2} %  validation {:.2} % (kept: epoch {})  {:.0} clips/s  {:.0} s",
            last.epoch,
            self.run.config.epochs,
            last.train_loss,
            100.0 * last.train_accuracy,
            100.0 * last.validation_accuracy,
            kept.epoch,
            last.clips_per_s,
            last.seconds,
        );
    }

    /// Evaluates the average on the development half.
    pub(super) fn validate(&self) -> Result<Evaluation> {
        let classifier = Classifier::untested(&self.run.record(&self.average, &self.network));
        let answers = self.run.validate(&classifier, Some(Half::Development))?;
        Ok(Evaluation::new(&self.run.config.labels, &answers))
    }

    /// Makes `n` steps from the first of `epoch` on. The next batches are made while a step runs.
    pub(super) fn steps(&mut self, epoch: usize, n: usize) -> Result<Totals> {
        let sampler = self.run.sampler;
        let bar = progress::bar(n * self.run.config.batch_size, "training");
        let mut totals = Totals::default();
        std::thread::scope(|scope| -> Result<()> {
            let (sender, batches) = sync_channel(BATCHES_AHEAD);
            scope.spawn(move || {
                // A closed channel means that training has stopped.
                let mut all = (epoch..).flat_map(|epoch| sampler.batches(epoch)).take(n);
                let _ = all.try_for_each(|batch| sender.send(batch));
            });
            let first = (epoch - 1) * sampler.n_steps();
            let mut clock = Clock::start();
            for (step, batch) in batches.iter().enumerate() {
                clock.add_to(&mut self.parts.waiting);
                let batch = batch?;
                bar.inc(batch.labels.len() as u64);
                totals.add(&self.step(first + step, batch));
                ensure!(
                    totals.loss.is_finite(),
                    "the loss is no number at step {step} of epoch {epoch}: try a lower --learning-rate"
                );
                bar.set_message(format!("epoch {epoch} {totals}"));
                clock = Clock::start();
            }
            Ok(())
        })?;
        bar.finish_and_clear();
        Ok(totals)
    }

    fn learning_rate(&self, step: usize) -> f64 {
        let (config, steps) = (self.run.config, self.run.sampler.n_steps());
        let warmup = (config.warmup_epochs * steps as f64) as usize;
        learning_rate(step, warmup, config.epochs * steps, config.learning_rate)
    }

    /// Makes one step: forward, backward, optimiser, average.
    fn step(&mut self, step: usize, batch: Batch) -> Totals {
        let mut clock = Clock::start();
        let Losses { logits, said, labels: loss, all } = self.losses(batch);
        clock.add_to(&mut self.parts.forward);
        let gradients = GradientsParams::from_grads(all.backward(), &self.model);
        clock.add_to(&mut self.parts.backward);
        let model = self.model.clone();
        self.model = self.optimizer.step(self.learning_rate(step), model, gradients);
        clock.add_to(&mut self.parts.optimizer);

        // Early averages forget faster, so that they are not held back by random weights.
        let decay = self.run.config.average_decay.min((1 + step) as f32 / (10 + step) as f32);
        self.average.approach(&self.model.weights(), 1.0 - decay);
        clock.add_to(&mut self.parts.average);
        Totals::of(&logits, loss, &said)
    }

    /// The network's answers to a batch, and their losses.
    fn losses(&self, batch: Batch) -> Losses {
        let Batch { features, labels: said, targets, words: spoken } = batch;
        let n = said.len();
        let shape = [n, self.network.n_frames, self.network.n_mels];
        let features = Tensor::from_data(TensorData::new(features, shape), &self.device);
        let shape = [n, self.network.n_labels];
        let targets = Tensor::from_data(TensorData::new(targets, shape), &self.device);
        let (logits, words) = self.model.forward_with_words(features);
        let labels = cross_entropy(logits.clone(), targets);
        let all = match words {
            Some(words) => {
                let targets = one_hot(&spoken, words.dims(), &self.device);
                let weight = f64::from(self.run.config.recipe.word_weight) as f32;
                labels.clone() + cross_entropy(words, targets) * weight
            }
            None => labels.clone(),
        };
        Losses { logits, said, labels, all }
    }

    /// Writes the metrics and a checkpoint.
    fn save(&self) -> Result<()> {
        let lines: Vec<String> = self.epochs.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let path = self.run.out.join("metrics.jsonl");
        write_aside(&path, |out| Ok(out.write_all((lines.join("\n") + "\n").as_bytes())?))?;
        let optimizer = self.optimizer.into_bytes().context("cannot write the optimiser's state")?;
        let checkpoint = Checkpoint {
            state: State {
                config: self.run.config.clone(),
                data_digest: self.run.data_digest(),
                epochs: self.epochs.clone(),
                digests: BTreeMap::new(), // of what is yet to be written
            },
            weights: self.model.weights(),
            average: self.average.clone(),
            kept: self.kept.clone(),
            optimizer: optimizer.to_vec(),
        };
        checkpoint.save(self.run.out)
    }

    /// Makes the record of the kept epoch, and reports on it.
    ///
    /// The development half chooses temperature and threshold, as it chose the epoch; the figures are of the
    /// held-out half.
    ///
    /// # Errors
    /// If a clip cannot be read, a file cannot be written, or words were meanwhile taught to the model in its place.
    pub fn finish(self) -> Result<Evaluation> {
        let labels = &self.run.config.labels;
        let mut record = self.run.record(&self.kept, &self.network);
        let neutral = Classifier::untested(&record);
        record.header.self_test = neutral.logits(&self_test_waveform());
        record.header.temperature = fit::temperature(&self.run.validate(&neutral, Some(Half::Development))?);
        let calibrated = Classifier::new(&record, Backend::Native)?;
        let answers = self.run.validate(&calibrated, Some(Half::Development))?;
        record.header.threshold = fit::threshold(labels, &answers);
        let classifier = calibrated.with_threshold(record.header.threshold);
        let held_out = Some(Half::HeldOut);
        let evaluation = Evaluation::new(labels, &self.run.validate(&classifier, held_out)?);
        let whole = Evaluation::new(labels, &self.run.validate(&classifier, None)?);

        record.header.training = self.training(&evaluation, &whole);
        let Run { dataset, cache, .. } = self.run;
        if let Some(words) = word_space::fit(&classifier, dataset, cache)? {
            record.give_words(words);
        }
        let report = Report {
            provenance: Provenance::here(),
            training: self.facts(&record.header),
            conditions: conditions::of_half(&classifier, dataset, cache, Split::Validation, held_out)?,
            streams: stream::for_report(classifier, dataset, cache)?,
            few_shot: few_shot::for_report(&record, dataset, cache)?,
            epochs: self.epochs,
            evaluation,
        };
        let model = self.run.out.join("model.safetensors");
        let _lock = lock_folder_of(&model);
        check_untaught(&model)?;
        report.write(self.run.out)?;
        // Last: where there is a record, --if-missing takes all for done.
        record.save(&model)?;
        Ok(report.evaluation)
    }

    /// Describes the training for the record.
    fn training(&self, held_out: &Evaluation, whole: &Evaluation) -> Training {
        Training {
            data_digest: self.run.data_digest(),
            n_clips: self.run.sampler.n_clips(),
            n_added: self.run.n_added(),
            seed: self.run.config.seed,
            epochs: self.epochs.len(),
            kept_epoch: EpochMetrics::kept(&self.epochs).map_or(0, |kept| kept.epoch),
            recipe: Some(as_written(&self.run.config.recipe)),
            validation: held_out.summary(),
            whole_validation: whole.summary(),
        }
    }

    /// Describes the training for the report.
    fn facts(&self, header: &Header) -> Facts {
        Facts {
            settings: self.run.config.clone(),
            few_speakers: self.run.dataset.has_few_speakers(),
            network: self.network.clone(),
            multiply_adds: self.network.multiply_adds(),
            weights: self.kept.without_word_head().n_values(),
            temperature: header.temperature,
            threshold: header.threshold,
            training: header.training.clone(),
        }
    }
}

/// The weights to begin with, and those of a head that tells words apart if the recipe wants one.
fn first_weights(run: Run, network: &KeywordCnnConfig, init: Option<&Weights>) -> Weights {
    let config = run.config;
    let mut weights = init.cloned().unwrap_or_else(|| Weights::random(network, config.seed));
    if f64::from(config.recipe.word_weight) > 0.0 {
        weights.add_word_head(network, run.sampler.n_words(), config.seed);
    }
    weights
}

/// The network's answers to a batch, and their losses.
struct Losses {
    /// `[batch, n_labels]`.
    logits: Tensor<2>,
    /// The index of each example's label.
    said: Vec<usize>,
    /// Of the labels alone.
    labels: Tensor<1>,
    /// Of labels and words.
    all: Tensor<1>,
}

/// The mean over a batch of the cross-entropy: a row without any target adds nothing.
fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let [n, _] = logits.dims();
    (log_softmax(logits, 1) * targets).sum().neg() / n as f32
}

/// A row for each example, with a one at its word; zeros where it has none.
fn one_hot(words: &[Option<usize>], [n, n_words]: [usize; 2], device: &Device) -> Tensor<2> {
    let mut targets = vec![0.0; n * n_words];
    for (row, word) in targets.chunks_exact_mut(n_words).zip(words) {
        if let Some(word) = word {
            row[*word] = 1.0;
        }
    }
    Tensor::from_data(TensorData::new(targets, [n, n_words]), device)
}

/// The time since it was last read.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn add_to(&mut self, part: &mut f64) {
        let now = Instant::now();
        *part += (now - self.0).as_secs_f64();
        self.0 = now;
    }
}

/// Sums over the steps of an epoch.
#[derive(Default)]
pub(super) struct Totals {
    loss: f64,
    correct: f64,
    pub(super) examples: f64,
}

impl Totals {
    fn of(logits: &Tensor<2>, loss: Tensor<1>, labels: &[usize]) -> Self {
        let heard: Vec<i64> =
            logits.clone().argmax(1).into_data().convert::<i64>().try_to_vec().unwrap_or_default();
        let correct = heard.iter().zip(labels).filter(|(heard, label)| **heard == **label as i64).count();
        let examples = labels.len() as f64;
        Self { loss: loss.into_scalar::<f64>() * examples, correct: correct as f64, examples }
    }

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.examples += other.examples;
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { loss, correct, examples } = self;
        write!(f, "loss {:.3} accuracy {:.1} %", loss / examples, 100.0 * correct / examples)
    }
}

#[cfg(test)]
mod tests {
    use sc_data::{SampleCache, SpeechCommands};
    use sc_model::Record;
    use sc_model::words::{Recording, teach};

    use super::*;
    use crate::config::TrainConfig;
    use crate::training::sampler::Sampler;

    /// Calls `check` with a training of a small data set that has not begun.
    fn with_trainer(check: impl FnOnce(Trainer)) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data");
        sc_test::dataset::write(&root);
        let dataset = SpeechCommands::open(&root).unwrap();
        let cache = SampleCache::open(&dataset, &dir.path().join("samples"), |_| ()).unwrap();
        let config = TrainConfig { batch_size: 16, epoch_examples: Some(32), ..TrainConfig::default() };
        let sampler = Sampler::new(&dataset, &cache, &config, &[]);
        let run =
            Run { config: &config, dataset: &dataset, cache: &cache, sampler: &sampler, out: dir.path() };
        check(Trainer::new(run, None, None).unwrap());
    }

    #[test]
    fn more_steps_than_an_epoch_has_go_on_into_the_next() {
        with_trainer(|mut trainer| {
            let totals = trainer.steps(1, 3).unwrap();
            assert!((totals.examples - 48.0).abs() < 1e-9, "{}", totals.examples);
        });
    }

    #[test]
    fn words_that_were_taught_during_the_training_are_not_lost() {
        with_trainer(|trainer| {
            let recordings = [110.0, 130.0, 150.0, 170.0, 190.0].map(|pitch_hz| {
                let samples = sc_test::dataset::spoken("stop", pitch_hz);
                let samples = samples.into_iter().map(|sample| f32::from(sample) / 32_768.0).collect();
                Recording::new(pitch_hz.to_string(), Ok(samples))
            });
            let (taught, _) = teach(&Record::shipped().unwrap(), "lamp", recordings.into()).unwrap();
            let model = trainer.run.out.join("model.safetensors");
            taught.save(&model).unwrap();
            let before = std::fs::read(&model).unwrap();
            let error = trainer.finish().unwrap_err().to_string();
            assert!(error.contains("model.safetensors knows lamp, which this would lose"), "{error}");
            assert!(std::fs::read(&model).unwrap() == before);
            assert!(!model.with_file_name("report.html").exists(), "the card is of the other model");
        });
    }
}
