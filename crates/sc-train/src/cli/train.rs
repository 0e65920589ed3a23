//! `sc-train train`: trains on a data set, and leaves a record and its report.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use clap::Args;
use sc_data::{Labels, Sha256Digest, Split, Task, Words};
use sc_model::{Backend, Classifier, Record, Weights};

use super::{parse_probability, whole};
use crate::Evaluation;
use crate::config::{MOST_EXAMPLES, TrainConfig};
use crate::evaluate::split;
use crate::progress::note;
use crate::recipe::Recipe;
use crate::training::Job;

/// Most examples of a step: their spectrograms take 160 MB.
const MOST_OF_A_STEP: usize = 10_000;

/// Most epochs: a checkpoint holds the figures of all before it, 6 MB for so many.
const MOST_EPOCHS: usize = 9_999;

/// Train on a data set, and leave a model and a report.
#[derive(Clone, Debug, Args)]
pub struct TrainArgs {
    /// The data set, as `sc-data fetch` leaves it, or any folder with a folder of recordings for each word.
    #[arg(long, value_name = "DIR", required_unless_present = "print_recipe")]
    pub data: Option<PathBuf>,
    /// The folder for checkpoints and metrics.jsonl, and at the end for model.safetensors and the report.
    #[arg(long, value_name = "DIR", required_unless_present = "print_recipe")]
    pub out: Option<PathBuf>,
    /// Which sounds an epoch holds and how each is augmented, as a TOML file; what it leaves out is as usual.
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Print the recipe in full, as such a file, and end.
    #[arg(long)]
    pub print_recipe: bool,
    /// The labels: ten commands, other words and silence (12), or every word and silence (35).
    #[arg(long, value_name = "12|35", default_value_t)]
    pub task: Task,
    /// The labels: your own words, by the names of their folders with commas between them, or `all`. Every other folder
    /// is of other words.
    ///
    /// Files may be of any format, and of at most ten minutes: of a long one, the loudest second counts. A speaker is
    /// what stands before `_nohash_` in a file's name, else a folder within the word's, else the file. Without --init,
    /// the training begins with the model that is built in.
    #[arg(long, value_name = "NAME,NAME…|all", conflicts_with = "task")]
    pub words: Option<Words>,
    /// Number of epochs: passes through the training clips. 0 makes a record of --init as it is: only its temperature,
    /// threshold and space of words are fitted to the data.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().epochs, value_parser = parse_epochs, allow_negative_numbers = true)]
    pub epochs: usize,
    /// Minutes to train, instead of a number of epochs, counted from the start of the program: as many epochs as fit follow
    /// from the speed of the first steps.
    #[arg(long, value_name = "N", conflicts_with = "epochs", value_parser = parse_minutes, allow_negative_numbers = true)]
    pub minutes: Option<u32>,
    /// Clips in one epoch, drawn anew for each [default: as many as there are to train on; 2000 with --words, if
    /// there are fewer]
    #[arg(long, value_name = "N", conflicts_with = "minutes", value_parser = parse_examples, allow_negative_numbers = true)]
    pub epoch_clips: Option<usize>,
    /// Epochs over which the learning rate rises, at most 1.
    #[arg(long, value_name = "X", default_value_t = TrainConfig::default().warmup_epochs, conflicts_with = "minutes", value_parser = parse_rate, allow_negative_numbers = true)]
    pub warmup_epochs: f64,
    /// Clips in one step.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().batch_size, value_parser = parse_batch, allow_negative_numbers = true)]
    pub batch_size: usize,
    /// The highest learning rate of the schedule [default: 0.002; 0.004 with --minutes; 0.001 with
    /// --words]
    #[arg(long, value_name = "X", value_parser = parse_rate, allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,
    /// Share of each target that is spread over all labels.
    #[arg(long, value_name = "0..1", default_value_t = TrainConfig::default().label_smoothing, value_parser = parse_probability, allow_negative_numbers = true)]
    pub label_smoothing: f32,
    /// Factor by which every layer is wider than usual: 2 is four times as slow, and has brought no better model.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().width, value_parser = parse_width, allow_negative_numbers = true)]
    pub width: usize,
    /// A model whose weights the training begins with, instead of random ones. Labels that it does not know begin anew.
    /// Use half of the usual --learning-rate or less, so that it keeps what it knows. Of several models, it is the mean.
    #[arg(long, value_name = "FILE")]
    pub init: Vec<PathBuf>,
    /// A model whose answers are learnt along with the labels. The answers of several are averaged.
    #[arg(long, value_name = "FILE")]
    pub teacher: Vec<PathBuf>,
    /// Makes the run repeatable: the same seed gives the same weights.
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().seed, value_parser = parse_seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// The backend that runs the network: flex, ndarray or wgpu, if built in.
    #[arg(long, default_value_t = TrainConfig::default().backend)]
    pub backend: Backend,
    /// Continue an interrupted run in OUT, or start a new one if there is neither a run nor a model.
    #[arg(long)]
    pub resume: bool,
    /// Do nothing if OUT already holds a model that loads.
    #[arg(long)]
    pub if_missing: bool,
}

/// Trains, or prints the recipe.
pub(super) fn run(args: &TrainArgs) -> Result<()> {
    let recipe = args.recipe.as_deref().map_or_else(|| Ok(Recipe::default()), Recipe::load)?;
    if args.print_recipe {
        return Ok(write!(io::stdout(), "{}", recipe.to_toml()?)?);
    }
    let (Some(data), Some(out)) = (&args.data, &args.out) else { bail!("expected --data and --out") };
    let model = out.join("model.safetensors");
    if args.if_missing && Classifier::load(&model, Backend::Native).is_ok() {
        return Ok(writeln!(io::stdout(), "{} is there and loads: nothing to train", model.display())?);
    }
    let evaluation = train(args, recipe, data, out)?;
    Ok(writeln!(
        io::stdout(),
        "{}: {:.2} % of {} held-out validation clips; the report is {}",
        model.display(),
        100.0 * evaluation.accuracy,
        evaluation.n,
        out.join("report.html").display()
    )?)
}

fn train(args: &TrainArgs, recipe: Recipe, data: &Path, out: &Path) -> Result<Evaluation> {
    let deadline = args.minutes.map(|minutes| Instant::now() + Duration::from_mins(minutes.into()));
    check_earlier(out, args)?;
    ensure!(
        args.epochs > 0 || !args.init.is_empty(),
        "--epochs 0 makes a record without training: name the model to make it of by --init, or several for their mean"
    );
    let (dataset, cache) = split::read(data)?;
    let words = args.words.as_ref().map(|words| dataset.labels(words, &cache)).transpose()?;
    let labels = words.unwrap_or_else(|| args.task.labels());
    let dataset = dataset.split_for(&labels, &cache);
    dataset.warn_of_little_training(&labels, &cache);
    cache.warn_of_short_noise();
    let (init, init_digests) = first_records(args, &labels)?;
    let init = mean(&init)?;
    let (teachers, teacher_digests) = teachers(args)?;
    let config = TrainConfig {
        init: init_digests,
        teachers: teacher_digests,
        ..config(args, recipe, labels, dataset.readable_in(Split::Train, &cache).count())
    };
    let job = Job {
        dataset: &dataset,
        cache: &cache,
        out,
        init: init.as_ref(),
        teachers: &teachers,
        resume: args.resume,
        deadline,
    };
    crate::training::train(&config, &job)
}

/// Refuses to replace the model of an earlier run, unless it is that run that goes on, or a model that does not load; and
/// one to which words were taught since.
fn check_earlier(out: &Path, args: &TrainArgs) -> Result<()> {
    let model = out.join("model.safetensors");
    let goes_on = crate::training::can_resume(out)?;
    let way_out = if goes_on { "go on with --resume, or name another --out" } else { "name another --out" };
    ensure!(
        !model.exists() || args.if_missing || args.resume && goes_on,
        "{} is of an earlier run: {way_out}",
        model.display()
    );
    crate::training::check_untaught(&model)
}

/// The settings that the arguments ask for, for so many clips to train on.
fn config(args: &TrainArgs, recipe: Recipe, labels: Labels, n_clips: usize) -> TrainConfig {
    let usual = match (&args.words, args.minutes) {
        (None, Some(_)) => TrainConfig::of_minutes(labels),
        (words, _) => TrainConfig::usual(labels, words.is_some().then_some(n_clips)),
    };
    let TrainArgs { seed, epochs, warmup_epochs, batch_size, label_smoothing, width, backend, .. } = *args;
    let epoch_examples = args.epoch_clips.or(usual.epoch_examples);
    let learning_rate = args.learning_rate.unwrap_or(usual.learning_rate);
    TrainConfig {
        seed,
        epochs,
        epoch_examples,
        batch_size,
        learning_rate,
        warmup_epochs,
        width,
        label_smoothing,
        recipe,
        backend,
        ..usual
    }
}

/// Records, and the digest of each, as a training's settings name it.
type Named<T> = (Vec<T>, Vec<String>);

/// The records to begin with: those of `--init`, or for words of one's own the one that is built in, if it is as wide.
fn first_records(args: &TrainArgs, labels: &Labels) -> Result<Named<Record>> {
    if !args.init.is_empty() {
        return records(&args.init);
    }
    let usual = TrainConfig::default().width;
    let shipped = Record::shipped_bytes().filter(|_| args.words.is_some() && args.width == usual);
    let Some(bytes) = shipped else { return Ok(Named::default()) };
    note!("begins with the model that is built in, and new labels: {}", labels.names().join(", "));
    Ok((vec![Record::from_bytes(bytes)?], vec![Sha256Digest::of(bytes).to_string()]))
}

/// The classifiers whose answers are learnt.
fn teachers(args: &TrainArgs) -> Result<Named<Classifier>> {
    let (records, digests) = records(&args.teacher)?;
    let teachers = records.iter().map(|record| Classifier::new(record, Backend::Native));
    Ok((teachers.collect::<Result<_, _>>()?, digests))
}

fn records(paths: &[PathBuf]) -> Result<Named<Record>> {
    let load = |path: &PathBuf| -> Result<_> {
        let (record, digest) = Record::load_with_digest(path)?;
        Ok((record, digest.to_string()))
    };
    paths.iter().map(load).collect()
}

/// Returns the first record with the mean of all weights.
fn mean(records: &[Record]) -> Result<Option<Record>> {
    let Some((first, others)) = records.split_first() else { return Ok(None) };
    let header = &first.header;
    let is_alike = |Record { header: other, .. }: &Record| {
        other.network == header.network
            && other.log_mel == header.log_mel
            && other.network_labels() == header.network_labels()
    };
    ensure!(
        others.iter().all(is_alike),
        "the models of --init differ in labels, front end or network: expected the same"
    );
    let others: Vec<_> = others.iter().map(|record| &record.weights).collect();
    let weights = Weights::mean(&first.weights, &others).map_err(|reason| anyhow!("--init: {reason}"))?;
    Ok(Some(Record { weights, ..first.clone() }))
}

fn parse_minutes(text: &str) -> Result<u32, String> {
    whole(text, " of minutes", 1..=10_000)
}

fn parse_examples(text: &str) -> Result<usize, String> {
    whole(text, " of clips", 1..=MOST_EXAMPLES)
}

fn parse_batch(text: &str) -> Result<usize, String> {
    whole(text, " of clips", 1..=MOST_OF_A_STEP)
}

fn parse_epochs(text: &str) -> Result<usize, String> {
    whole(text, "", 0..=MOST_EPOCHS)
}

fn parse_seed(text: &str) -> Result<u64, String> {
    whole(text, "", 0..=u64::MAX)
}

fn parse_width(text: &str) -> Result<usize, String> {
    whole(text, "", 1..=4)
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| *number > 0.0 && *number <= 1.0);
    number.ok_or_else(|| "expected a number above 0, up to 1".into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use sc_data::LogMelConfig;
    use sc_model::{Header, KeywordCnnConfig};

    use super::*;
    use crate::cli::Cli;

    fn record(log_mel: LogMelConfig, task: Task, seed: u64) -> Record {
        let labels = task.labels();
        let network = KeywordCnnConfig::new(log_mel.n_frames(), log_mel.n_mels, labels.names().len());
        let weights = Weights::random(&network, seed);
        Record { header: Header::untrained(labels, log_mel, network), weights, words: None }
    }

    #[test]
    fn a_number_out_of_range_is_refused_for_what_it_is() {
        for wrong in [
            "--epochs=-1",
            "--epochs=10000",
            "--epoch-clips=9999999999999999",
            "--batch-size=0",
            "--batch-size=9999999999999999",
            "--learning-rate=0",
            "--learning-rate=NaN",
            "--seed=-1",
        ] {
            let arguments = ["sc-train", "train", "--data=a", "--out=b"].into_iter().chain(wrong.split('='));
            let parsed = Cli::try_parse_from(arguments);
            assert!(parsed.is_err_and(|error| error.to_string().contains(": expected a")), "{wrong}");
        }
    }

    #[test]
    fn models_that_differ_have_no_mean() {
        let usual = |task, seed| record(LogMelConfig::default(), task, seed);
        let first = usual(Task::Commands, 1);
        let other_offset = LogMelConfig { log_offset: 1e-3, ..LogMelConfig::default() };
        assert_eq!(mean(&[]).unwrap(), None);
        assert_eq!(mean(std::slice::from_ref(&first)).unwrap(), Some(first.clone()));
        assert!(mean(&[first.clone(), usual(Task::Commands, 2)]).unwrap().is_some());
        for other in [usual(Task::Words, 1), record(other_offset, Task::Commands, 1)] {
            let refusal = mean(&[first.clone(), other]).unwrap_err().to_string();
            assert!(refusal.contains("differ in labels, front end or network"), "{refusal}");
        }
    }
}
