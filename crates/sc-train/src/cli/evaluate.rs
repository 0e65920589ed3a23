//! `sc-train evaluate`: prints how good a model is.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::{ArgGroup, Args};
use sc_data::Split;
use sc_model::Classifier;
use sc_model::words::forget_all;
use serde::Serialize;

use super::{ModelArgs, parse_shots, path_parser, whole};
use crate::audio::{STDIN, Unreadable, check_path};
use crate::evaluate::{clips, conditions, few_shot, open_set, split, stream};
use crate::progress::note;

/// Most minutes of a kind of stream: their samples take 2.3 GB.
const MOST_STREAM_MINUTES: u32 = 600;

// An option that requires one which conflicts with a third is no error beside the third, so it names the third too.
/// Score a model on clips whose label is known, or on sounds that are no keyword.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).multiple(true).args(["data", "clips", "audio", "few_shot"]))]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct EvaluateArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The data set, as `sc-data fetch` leaves it, or your own folder with a folder for each word.
    #[arg(long, value_name = "DIR", requires = "split", conflicts_with_all = ["clips", "audio"])]
    data: Option<PathBuf>,
    /// The split to evaluate, whole: training, validation or testing.
    #[arg(long, requires = "data", conflicts_with_all = ["clips", "audio"])]
    split: Option<Split>,
    /// Your own clips: a folder of recordings for each label, in any format, of at most ten minutes each.
    #[arg(long, value_name = "DIR")]
    clips: Option<PathBuf>,
    /// Count how often a keyword is accepted in --clips that hold none, of any format and length.
    ///
    /// A clip of up to 6 s counts once, by its loudest second. A longer one counts by windows of a second, one
    /// every half second.
    #[arg(long, requires = "clips", conflicts_with_all = ["audio", "data", "few_shot", "stream"])]
    open_set: bool,
    /// Teach each word of DIR, which has a folder for each with recordings of up to a minute, and search its other
    /// recordings among all others. Without DIR, the words are those of --split that are no keyword.
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with_all = ["clips", "conditions", "stream", "audio", "backend", "threshold"])]
    #[expect(clippy::option_option, reason = "clap's type of an option whose value may be left out")]
    few_shot: Option<Option<PathBuf>>,
    /// Recordings that teach a word of --few-shot.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = parse_shots, allow_negative_numbers = true, requires = "few_shot", conflicts_with_all = ["clips", "conditions", "stream"])]
    shots: usize,
    /// Evaluate the same clips under every condition: softer, clipped, behind other voices and noise, in rooms, by
    /// telephone, faster and slower, higher and lower, earlier and later.
    #[arg(long, conflicts_with = "open_set")]
    conditions: bool,
    /// Find the keywords in streams: of the split's clips, at several pauses and levels of noise, or in --audio.
    #[arg(long, conflicts_with_all = ["clips", "conditions"])]
    stream: bool,
    /// Minutes of each kind of stream.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = parse_stream_minutes, allow_negative_numbers = true, requires = "stream", conflicts_with_all = ["audio", "clips", "conditions", "few_shot"])]
    stream_minutes: u32,
    /// A recording of words, for --stream; `-` is standard input (not on Windows).
    ///
    /// Each word that is not found, and each false alarm, is printed with its time.
    #[arg(long, value_name = "FILE", value_parser = path_parser(), requires_all = ["stream", "truth"], conflicts_with_all = ["clips", "conditions"])]
    audio: Option<PathBuf>,
    /// The words in --audio: a table with the heading `label,start_s,end_s`, a label track of Audacity, or what
    /// `classify --detect` prints of one recording with --format csv; `-` is standard input (not on Windows).
    ///
    /// Semicolons or tabs may stand for the commas, and numbers may then have decimal commas. A label whose start is
    /// its end is a point: its word is found by a detection less than 0.5 s away, half of the second that the network
    /// hears at once.
    #[arg(long, value_name = "FILE", value_parser = path_parser(), requires = "audio", conflicts_with_all = ["clips", "data", "few_shot", "conditions", "open_set"])]
    truth: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Prints the figures of the source that `args` name.
pub(super) fn run(args: &EvaluateArgs) -> Result<()> {
    let mut paths = [&args.clips, &args.audio]
        .into_iter()
        .flatten()
        .chain(args.few_shot.iter().flatten())
        .map(PathBuf::as_path);
    paths.try_for_each(check_path)?;
    let is_stdin = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new(STDIN));
    ensure!(
        !(is_stdin(&args.audio) && is_stdin(&args.truth)),
        "standard input is the recording or the table, not both: name a file for --audio or --truth"
    );
    if let Some(dir) = &args.few_shot {
        return run_few_shot(args, dir.as_deref());
    }
    let classifier = args.model.load()?;
    match (&args.data, args.split, &args.clips, &args.audio, &args.truth) {
        (Some(data), Some(split), ..) => run_split(args, classifier, data, split),
        (_, _, Some(dir), ..) => run_clips(args, &classifier, dir),
        (_, _, _, Some(audio), Some(truth)) => {
            print_figures(args, &stream::of_recording(classifier, audio, truth)?, &[])
        }
        _ => bail!("expected --data with --split, --clips, or --stream with --audio and --truth"),
    }
}

fn run_split(args: &EvaluateArgs, classifier: Classifier, data: &Path, split: Split) -> Result<()> {
    if args.conditions {
        return print_figures(args, &conditions::of_split(&classifier, data, split)?, &[]);
    }
    if args.stream {
        return print_figures(args, &stream::of_split(classifier, data, split, args.stream_minutes)?, &[]);
    }
    let evaluated = split::evaluate(&classifier, data, split)?;
    if split == Split::Validation {
        note!(
            "the whole validation split: if this model was trained on these recordings, clips of it chose its epoch, \
             temperature and threshold"
        );
    }
    print_figures(args, &evaluated, &[]) // what is left out was said when it was read
}

fn run_clips(args: &EvaluateArgs, classifier: &Classifier, dir: &Path) -> Result<()> {
    if args.conditions {
        let table = conditions::of_clips(classifier, dir)?;
        return print_figures(args, &table, &table.unreadable);
    }
    if args.open_set {
        let open_set = open_set::evaluate(classifier, dir)?;
        return print_figures(args, &open_set, &open_set.unreadable);
    }
    let evaluated = clips::evaluate(classifier, dir)?;
    print_figures(args, &evaluated, &evaluated.unreadable)
}

fn run_few_shot(args: &EvaluateArgs, dir: Option<&Path>) -> Result<()> {
    let record = forget_all(&args.model.record()?); // a word that is known cannot be taught
    let figures = match (dir, &args.data, args.split) {
        (Some(dir), None, _) => few_shot::of_folder(&record, dir, args.shots)?,
        (None, Some(data), Some(split)) => few_shot::of_split(&record, data, split, args.shots)?,
        _ => bail!("expected --few-shot DIR, or --few-shot with --data and --split"),
    };
    print_figures(args, &figures, &figures.unreadable)
}

/// Prints figures as JSON, which names what could not be read; or as a table, and the rest as warnings.
fn print_figures(
    args: &EvaluateArgs,
    figures: &(impl Serialize + Display),
    unreadable: &[Unreadable],
) -> Result<()> {
    if args.json {
        return print(&serde_json::to_string(figures)?);
    }
    for unreadable in unreadable {
        note!("left out: {unreadable}");
    }
    print(&figures.to_string())
}

fn print(text: &str) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", text.trim_end())?)
}

fn parse_stream_minutes(text: &str) -> Result<u32, String> {
    whole(text, " of minutes", 1..=MOST_STREAM_MINUTES)
}
