//! The command `sc-data stats`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::ensure;
use rayon::{iter::Either, prelude::*};
use sc_data::{Clip, Limits, SAMPLE_RATE_HZ, SpeechCommands, Split, decode_file, printable, with_causes};
use serde::Serialize;

/// Arguments of `sc-data stats`.
#[derive(clap::Args)]
pub struct Args {
    /// The unpacked dataset, or any folder with a folder of recordings for each word.
    dir: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Prints the figures of a dataset.
///
/// # Errors
/// If the folder is no dataset, or a file of the published archive is unreadable. All unreadable files are printed
/// first.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let stats = Stats::of(SpeechCommands::open(&args.dir)?);
    if args.json {
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&stats)?)?;
    } else {
        write!(io::stdout(), "{stats}")?;
    }
    let is_published = |path: &&PathBuf| Clip::parse(path).is_some_and(|clip| clip.is_published());
    let n = stats.unreadable.keys().filter(is_published).count();
    ensure!(n == 0, "{n} published files cannot be read; `sc-data fetch` into a new folder restores them");
    Ok(())
}

type BySplit = BTreeMap<Split, usize>;

/// The figures of a dataset.
#[derive(Serialize)]
struct Stats {
    clips: usize,
    clips_by_word: BTreeMap<String, BySplit>,
    speakers: BySplit,
    /// True if the clips are split file by file, as there are too few speakers.
    few_speakers: bool,
    noise_seconds: BTreeMap<PathBuf, f64>,
    /// The reason for each file that cannot be decoded.
    unreadable: BTreeMap<PathBuf, String>,
}

impl Stats {
    /// Tries to decode every file, and counts the clips and speakers of those that can be.
    fn of(dataset: SpeechCommands) -> Self {
        let paths: Vec<_> = dataset.clips().iter().map(|clip| clip.path.clone()).collect();
        let (_, unreadable_clips) = seconds(dataset.root(), &paths);
        let (noise_seconds, unreadable_noise) = seconds(dataset.root(), dataset.noise());
        let is_readable = |path: &Path| !unreadable_clips.contains_key(path);
        let dataset = dataset.split_by(|clip| is_readable(&paths[clip]));
        let mut clips_by_word: BTreeMap<String, BySplit> = BTreeMap::new();
        let mut speakers: BTreeMap<Split, BTreeSet<&str>> = BTreeMap::new();
        let clips = dataset.clips().iter().zip(dataset.splits());
        for (clip, &split) in clips.filter(|(clip, _)| is_readable(&clip.path)) {
            *clips_by_word.entry(clip.word.clone()).or_default().entry(split).or_default() += 1;
            speakers.entry(split).or_default().insert(&clip.speaker);
        }
        Self {
            clips: paths.len() - unreadable_clips.len(),
            clips_by_word,
            speakers: speakers.into_iter().map(|(split, names)| (split, names.len())).collect(),
            few_speakers: dataset.has_few_speakers(),
            noise_seconds,
            unreadable: unreadable_clips.into_iter().chain(unreadable_noise).collect(),
        }
    }
}

/// Returns the length of each file that can be decoded, in seconds, and the reason for each that cannot.
fn seconds(root: &Path, paths: &[PathBuf]) -> (BTreeMap<PathBuf, f64>, BTreeMap<PathBuf, String>) {
    let length = |path: &PathBuf| match decode_file(&root.join(path), &Limits::DATASET) {
        Ok(samples) => Either::Left((path.clone(), samples.len() as f64 / f64::from(SAMPLE_RATE_HZ))),
        Err(error) => Either::Right((path.clone(), with_causes(&error))),
    };
    paths.par_iter().partition_map(length)
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [train, validation, test] = Split::ALL;
        writeln!(f, "{:<16} {train:>10} {validation:>10} {test:>10}", "word")?;
        for (word, counts) in &self.clips_by_word {
            write_row(f, &printable(word), counts)?;
        }
        let total = self.clips_by_word.values().flatten().fold(BySplit::new(), |mut total, (&split, n)| {
            *total.entry(split).or_default() += n;
            total
        });
        write_row(f, "all clips", &total)?;
        if self.few_speakers {
            writeln!(f, "too few speakers: split file by file, so that every split holds the same voices")?;
        } else {
            write_row(f, "speakers", &self.speakers)?;
        }
        let n = self.noise_seconds.len();
        let seconds = self.noise_seconds.values().fold(0.0, |sum, n| sum + n); // `sum` of nothing is -0
        writeln!(f, "\n{seconds:.0} s of background noise in {n} files")?;
        for (path, reason) in &self.unreadable {
            writeln!(f, "left out: {}: {reason}", printable(path.display()))?;
        }
        Ok(())
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, name: &str, counts: &BySplit) -> fmt::Result {
    let [train, validation, test] = Split::ALL.map(|split| counts.get(&split).copied().unwrap_or(0));
    writeln!(f, "{name:<16} {train:>10} {validation:>10} {test:>10}")
}
