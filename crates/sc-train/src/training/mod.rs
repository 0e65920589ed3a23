//! The training loop.

mod checkpoint;
mod fit;
mod sampler;
mod schedule;
mod sounds;

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use sc_data::{Half, SampleCache, SpeechCommands, Split};
use sc_model::{
    Backend, Classifier, FORMAT_VERSION, Header, KeywordCnn, KeywordCnnConfig, Record, Training, Weights,
    self_test_waveform,
};

use crate::config::TrainConfig;
use crate::evaluate::split;
use crate::{EpochMetrics, EpochParts, Evaluation, LabelledAnswer, Provenance, Report, progress};
use checkpoint::{Checkpoint, State};
use sampler::{Batch, Sampler};
use schedule::learning_rate;

/// Batches made ahead of the step that needs them.
const BATCHES_AHEAD: usize = 4;

/// Trains on `data` and leaves the record and its report in `out`.
///
/// `init` and `teachers` must be the records whose digests `config` has.
///
/// # Errors
/// If a file cannot be read or written, one of those records has other labels or another front end, `init`
/// another network, or `resume` finds another run's checkpoint.
pub fn train(
    config: &TrainConfig,
    init: Option<&Record>,
    teachers: &[Classifier],
    data: &Path,
    out: &Path,
    backend: Backend,
    resume: bool,
) -> Result<Evaluation> {
    if let Some(record) = init {
        check_fits(config, "--init", &record.header)?;
        ensure!(
            record.header.network == config.network(),
            "--init is another network: give the --width that it was trained with"
        );
    }
    teachers.iter().try_for_each(|teacher| check_fits(config, "--teacher", teacher.header()))?;
    let dataset = SpeechCommands::open(data)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let _lock = lock(out)?;
    if let (false, Some(earlier)) = (resume, checkpoint::all(out)?.last()) {
        bail!("{} is of an earlier run: go on with --resume, or name another --out", earlier.display());
    }
    let left_out = dataset.words_without_label(&config.task.labels());
    if !left_out.is_empty() {
        tracing::warn!("left out, since task {} has no label for them: {}", config.task, left_out.join(", "));
    }
    let bar = progress::bar(dataset.clips().len(), "reading");
    let cache = SampleCache::open(&dataset, &dataset.cache_path(), |done, _| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let sampler = Sampler::new(&dataset, &cache, config, teachers);
    let labels = config.task.labels();
    let is_keyword = |(i, _): &(usize, &String)| labels.is_keyword(*i);
    let keywords: Vec<_> =
        labels.names().iter().enumerate().filter(is_keyword).map(|(_, name)| name.as_str()).collect();
    ensure!(
        sampler.has_keywords(),
        "the training split of {} has no keyword: expected folders named {}",
        data.display(),
        keywords.join(", ")
    );
    for half in Half::ALL {
        split::examples(&dataset, &cache, &labels, Split::Validation, Some(half))?;
    }

    let run = Run { config, dataset: &dataset, cache: &cache, sampler: &sampler, out };
    let checkpoint = if resume { Checkpoint::load(out, config, &run.data_digest())? } else { None };
    let mut trainer = Trainer::new(run, init, backend, checkpoint)?;
    while !trainer.is_done() {
        trainer.epoch()?;
    }
    trainer.finish()
}

/// Refuses a model that tells other labels apart than this training, or hears by another front end.
fn check_fits(config: &TrainConfig, option: &str, header: &Header) -> Result<()> {
    ensure!(
        header.labels == config.task.labels() && header.log_mel == config.log_mel,
        "{option} has other labels or another front end: it must be trained for task {} too",
        config.task
    );
    Ok(())
}

/// Holds a run's folder for as long as the file lives: two trainings in one would spoil each other.
fn lock(out: &Path) -> Result<File> {
    let path = out.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another training works in {}: name another --out", out.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// What a training works on.
#[derive(Clone, Copy)]
struct Run<'a> {
    config: &'a TrainConfig,
    dataset: &'a SpeechCommands,
    cache: &'a SampleCache,
    sampler: &'a Sampler<'a>,
    out: &'a Path,
}

impl Run<'_> {
    fn data_digest(&self) -> String {
        self.cache.digest(self.dataset)
    }

    /// Training clips that are not the published archive's.
    fn n_added(&self) -> usize {
        let labels = self.config.task.labels();
        let indices = self.dataset.clips_in(Split::Train).filter(|clip| self.cache.is_readable(*clip));
        let clips = indices.map(|clip| &self.dataset.clips()[clip]);
        clips.filter(|clip| !clip.is_published() && labels.index_of_word(&clip.word).is_some()).count()
    }

    /// Answers to the validation examples, or to those of one half.
    fn validate(&self, classifier: &Classifier, half: Option<Half>) -> Result<Vec<LabelledAnswer>> {
        let labels = &classifier.header().labels;
        let examples = split::examples(self.dataset, self.cache, labels, Split::Validation, half)?;
        split::answer(classifier, self.dataset, self.cache, &examples)
    }

    /// A record of these weights, as the settings have it.
    fn record(&self, weights: &Weights, network: &KeywordCnnConfig) -> Record {
        let header = Header {
            format_version: FORMAT_VERSION,
            labels: self.config.task.labels(),
            log_mel: self.config.log_mel.clone(),
            network: network.clone(),
            threshold: 0.0,
            temperature: 1.0,
            training: Training::default(),
            self_test: Vec::new(),
        };
        Record { header, weights: weights.clone() }
    }
}

/// A training under way.
struct Trainer<'a> {
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
    /// Where the time of the epoch under way went.
    parts: EpochParts,
}

impl<'a> Trainer<'a> {
    /// Begins, or goes on from a checkpoint.
    fn new(
        run: Run<'a>,
        init: Option<&Record>,
        backend: Backend,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self> {
        let config = run.config;
        let network = config.network();
        let device = backend.device().context("training needs --backend flex, ndarray or wgpu")?.autodiff();
        let optimizer = AdamWConfig::new().with_weight_decay(config.weight_decay).with_epsilon(1e-8).init();
        let trainer = |weights: &Weights, optimizer| Self {
            run,
            model: network.init(weights, &device),
            network: network.clone(),
            device: device.clone(),
            optimizer,
            average: weights.clone(),
            kept: weights.clone(),
            epochs: Vec::new(),
            parts: EpochParts::default(),
        };
        let Some(checkpoint) = checkpoint else {
            let random = || Weights::random(&network, config.seed);
            return Ok(trainer(&init.map_or_else(random, |record| record.weights.clone()), optimizer));
        };
        let optimizer = optimizer
            .from_bytes(Bytes::from_bytes_vec(checkpoint.optimizer))
            .context("cannot read the checkpoint's optimiser")?;
        Ok(Self {
            average: checkpoint.average,
            kept: checkpoint.kept,
            epochs: checkpoint.state.epochs,
            ..trainer(&checkpoint.weights, optimizer)
        })
    }

    fn is_done(&self) -> bool {
        let since_best = EpochMetrics::best(&self.epochs).map_or(0, |best| self.epochs.len() - best.epoch);
        self.epochs.len() >= self.run.config.epochs || since_best >= self.run.config.patience
    }

    /// One pass, its validation and its checkpoint.
    fn epoch(&mut self) -> Result<()> {
        let (epoch, start) = (self.epochs.len() + 1, Instant::now());
        let trained = self.pass(epoch)?;
        let seconds = start.elapsed().as_secs_f64();

        let classifier =
            Classifier::untested(&self.run.record(&self.average, &self.network), Backend::Native);
        let mut clock = Clock::start();
        let answers = self.run.validate(&classifier, Some(Half::Development))?;
        let validation = Evaluation::new(&self.run.config.task.labels(), &answers);
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
        self.report_epoch();
        self.save()
    }

    /// One line an epoch, for people and for logs.
    fn report_epoch(&self) {
        let (Some(last), Some(best)) = (self.epochs.last(), EpochMetrics::best(&self.epochs)) else { return };
        eprintln!(
            "epoch {:>3}/{}  loss {:.4}  accuracy {:.2} %  validation {:.2} % (best {:.2} %, epoch {})  {:.0} clips/s  {:.0} s",
            last.epoch,
            self.run.config.epochs,
            last.train_loss,
            100.0 * last.train_accuracy,
            100.0 * last.validation_accuracy,
            100.0 * best.validation_accuracy,
            best.epoch,
            last.clips_per_s,
            last.seconds,
        );
    }

    /// All steps of an epoch; the next batches are made while a step runs.
    fn pass(&mut self, epoch: usize) -> Result<Totals> {
        let sampler = self.run.sampler;
        let bar = progress::bar(sampler.n_clips(), "training");
        let mut totals = Totals::default();
        std::thread::scope(|scope| -> Result<()> {
            let (sender, batches) = sync_channel(BATCHES_AHEAD);
            scope.spawn(move || {
                // A closed channel means that training has stopped.
                let _ = sampler.batches(epoch).try_for_each(|batch| sender.send(batch));
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

    /// Forward, backward, optimiser, average.
    fn step(&mut self, step: usize, batch: Batch) -> Totals {
        let mut clock = Clock::start();
        let n = batch.labels.len();
        let shape = [n, self.network.n_frames, self.network.n_mels];
        let features = Tensor::<3>::from_data(TensorData::new(batch.features, shape), &self.device);
        let logits = self.model.forward(features);
        let targets =
            Tensor::<2>::from_data(TensorData::new(batch.targets, [n, self.network.n_labels]), &self.device);
        let loss = (log_softmax(logits.clone(), 1) * targets).sum().neg() / n as f32; // cross-entropy
        clock.add_to(&mut self.parts.forward);
        let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
        clock.add_to(&mut self.parts.backward);
        let model = self.model.clone();
        self.model = self.optimizer.step(self.learning_rate(step), model, gradients);
        clock.add_to(&mut self.parts.optimizer);

        // Early averages forget faster, so that they are not held back by random weights.
        let decay = self.run.config.average_decay.min((1 + step) as f32 / (10 + step) as f32);
        self.average.approach(&self.model.weights(), 1.0 - decay);
        clock.add_to(&mut self.parts.average);
        Totals::of(&logits, loss, &batch.labels)
    }

    fn save(&self) -> Result<()> {
        let lines: Vec<String> = self.epochs.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let path = self.run.out.join("metrics.jsonl");
        std::fs::write(&path, lines.join("\n") + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        let optimizer = self.optimizer.into_bytes().context("cannot write the optimiser's state")?;
        let checkpoint = Checkpoint {
            state: State {
                config: self.run.config.clone(),
                data_digest: self.run.data_digest(),
                epochs: self.epochs.clone(),
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
    fn finish(self) -> Result<Evaluation> {
        let labels = self.run.config.task.labels();
        let mut record = self.run.record(&self.kept, &self.network);
        let neutral = Classifier::untested(&record, Backend::Native);
        record.header.self_test = neutral.logits(&self_test_waveform());
        record.header.temperature = fit::temperature(&self.run.validate(&neutral, Some(Half::Development))?);
        let calibrated = Classifier::new(&record, Backend::Native)?;
        let answers = self.run.validate(&calibrated, Some(Half::Development))?;
        record.header.threshold = fit::threshold(&labels, &answers);
        let classifier = calibrated.with_threshold(record.header.threshold);
        let figures =
            |half| Ok::<_, anyhow::Error>(Evaluation::new(&labels, &self.run.validate(&classifier, half)?));
        let evaluation = figures(Some(Half::HeldOut))?;

        record.header.training = Training {
            data_digest: self.run.data_digest(),
            n_clips: self.run.sampler.n_clips(),
            n_added: self.run.n_added(),
            seed: self.run.config.seed,
            epochs: self.epochs.len(),
            kept_epoch: EpochMetrics::kept(&self.epochs).map_or(0, |kept| kept.epoch),
            validation: evaluation.summary(),
            whole_validation: figures(None)?.summary(),
        };
        let report = Report {
            provenance: Provenance::here(),
            training: self.facts(&record.header),
            epochs: self.epochs,
            evaluation,
        };
        report.write(self.run.out, &record.header)?;
        // Last: where there is a record, --if-missing takes all for done.
        record.save(&self.run.out.join("model.safetensors"))?;
        Ok(report.evaluation)
    }

    /// How the record was made, for the report.
    fn facts(&self, header: &Header) -> serde_json::Value {
        serde_json::json!({
            "settings": self.run.config,
            "network": self.network,
            "multiply_adds": self.network.multiply_adds(),
            "weights": self.kept.n_values(),
            "temperature": header.temperature,
            "threshold": header.threshold,
            "training": header.training,
        })
    }
}

/// Time since it was asked last.
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

/// What an epoch's steps add up to.
#[derive(Default)]
struct Totals {
    loss: f64,
    correct: f64,
    examples: f64,
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
