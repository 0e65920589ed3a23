//! Words taught by a few recordings: how well the rest of the recordings are found among all others.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sc_data::{Limits, Waveform};
use sc_model::words::{Recording, teach};
use sc_model::{Backend, Classifier, Output, Record};
use serde::Serialize;

use crate::audio::{self, Unreadable};
use crate::{progress, wilson_interval};

/// Draws of the recordings that teach a word.
const N_DRAWS: u64 = 10;

/// Shares of false accepts at which words are searched.
const FALSE_ACCEPTS: [f64; 2] = [0.01, 0.002];

/// Recordings of words, by folder.
struct Heard {
    words: BTreeMap<String, Vec<usize>>,
    recordings: Vec<(Vec<f32>, Output)>,
}

/// Trials of one word, added up over its draws.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WordTrials {
    /// The word.
    pub name: String,
    /// Recordings searched for, over all draws.
    pub n: usize,
    /// Other recordings searched through, over all draws.
    pub n_others: usize,
    /// Recordings found where 1 % of the others are taken for the word.
    pub found_at_1_percent: usize,
    /// Recordings found where 0.2 % of the others are taken for the word.
    pub found_at_0_2_percent: usize,
    /// Recordings accepted as the word, as the product would.
    pub accepted: usize,
    /// Other recordings accepted as the word, as the product would.
    pub falsely_accepted: usize,
    /// Draws in which the word was refused.
    pub refused: usize,
}

/// How well words are found that a few recordings taught.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FewShot {
    /// Recordings that taught a word.
    pub shots: usize,
    /// Draws of a word's recordings.
    pub draws: u64,
    /// Share found at 1 % false accepts.
    pub recall_at_1_percent: f64,
    /// Its 95 % interval, by Wilson's score; draws share recordings, so it is narrow.
    pub recall_at_1_percent_interval: [f64; 2],
    /// Share found at 0.2 % false accepts.
    pub recall_at_0_2_percent: f64,
    /// Its interval, likewise.
    pub recall_at_0_2_percent_interval: [f64; 2],
    /// Share found at the threshold that the product chooses.
    pub recall: f64,
    /// Its interval, likewise.
    pub recall_interval: [f64; 2],
    /// Share of the other recordings that the product takes for the word.
    pub false_accepts: f64,
    /// Its interval, likewise.
    pub false_accepts_interval: [f64; 2],
    /// The trials of each word.
    pub words: Vec<WordTrials>,
    /// Files that could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// Teaches each word of `dir`, a folder a word, by `shots` of its recordings at a time, and searches the rest.
///
/// A folder with no more recordings than that, or whose name begins with `_`, holds others only.
///
/// # Errors
/// If no folder has enough recordings, or the record has no word space.
pub(crate) fn evaluate(record: &Record, dir: &Path, shots: usize) -> Result<FewShot> {
    ensure!(record.words.is_some(), "the model has no bank of ordinary speech: `sc-train bank` makes one");
    let classifier = Classifier::new(record, Backend::Native)?;
    let (heard, unreadable) = listen(&classifier, dir);
    let words: Vec<_> = heard
        .words
        .iter()
        .filter(|(name, recordings)| recordings.len() > shots && !name.starts_with('_'))
        .collect();
    ensure!(
        !words.is_empty(),
        "no folder in {} has more than {shots} recordings: expected one for each word",
        dir.display()
    );
    let bar = progress::bar(words.len(), "teaching");
    let trials = words.par_iter().map(|(name, own)| {
        bar.inc(1);
        trials(record, &heard, name, own, shots)
    });
    let trials = trials.collect::<Result<_>>();
    bar.finish_and_clear();
    Ok(FewShot::new(shots, trials?, unreadable))
}

fn listen(classifier: &Classifier, dir: &Path) -> (Heard, Vec<Unreadable>) {
    let files: Vec<_> = audio::files_below(dir).collect();
    let (files, mut unreadable) = super::partition(files);
    let bar = progress::bar(files.len(), "listening");
    let recordings: Vec<_> = files
        .par_iter()
        .map(|file| {
            bar.inc(1);
            let samples = audio::read(file, &Limits::default()).map_err(|e| Unreadable::new(file, &e))?;
            let output = classifier.listen(&Waveform::from_samples(&samples));
            let folder = file.strip_prefix(dir).ok().and_then(|path| path.iter().next());
            Ok((folder.unwrap_or_default().to_string_lossy().into_owned(), (samples, output)))
        })
        .collect();
    bar.finish_and_clear();
    let (recordings, failed) = super::partition(recordings);
    unreadable.extend(failed);
    let (folders, recordings): (Vec<_>, Vec<_>) = recordings.into_iter().unzip();
    let mut words: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, folder) in folders.into_iter().enumerate() {
        words.entry(folder).or_default().push(i);
    }
    (Heard { words, recordings }, unreadable)
}

fn trials(record: &Record, heard: &Heard, name: &str, own: &[usize], shots: usize) -> Result<WordTrials> {
    let mut trials = WordTrials { name: name.into(), ..WordTrials::default() };
    let others: Vec<&Output> = (0..heard.recordings.len())
        .filter(|recording| own.binary_search(recording).is_err())
        .map(|recording| &heard.recordings[recording].1)
        .collect();
    for draw in 0..N_DRAWS {
        let mut own = own.to_vec();
        own.shuffle(&mut ChaCha8Rng::seed_from_u64(draw));
        let (teaching, searched) = own.split_at(shots);
        let recordings = teaching.iter().map(|recording| Recording {
            name: recording.to_string(),
            samples: Ok(heard.recordings[*recording].0.clone()),
        });
        // The label only tells the taught word from all known ones.
        if let Ok((taught, _)) = teach(record, "taught word", recordings.collect()) {
            let searched: Vec<&Output> = searched.iter().map(|i| &heard.recordings[*i].1).collect();
            trials.add(&Classifier::new(&taught, Backend::Native)?, &searched, &others);
        } else {
            trials.refused += 1;
            trials.n += searched.len();
            trials.n_others += others.len();
        }
    }
    Ok(trials)
}

impl WordTrials {
    /// Adds a draw: searches `own` recordings among `others`.
    fn add(&mut self, classifier: &Classifier, own: &[&Output], others: &[&Output]) {
        let score = |output: &&Output| classifier.word_scores(output).pop().unwrap_or(f32::NEG_INFINITY);
        let mut negatives: Vec<f32> = others.iter().map(score).collect();
        negatives.sort_by(|a, b| b.total_cmp(a));
        let positives: Vec<f32> = own.iter().map(score).collect();
        let found = |share: f64| {
            let least = negatives.get((share * negatives.len() as f64) as usize);
            positives.iter().filter(|score| least.is_none_or(|least| *score > least)).count()
        };
        let taken = |outputs: &[&Output]| {
            let answers = outputs.iter().map(|output| classifier.answer(output));
            answers.filter(|answer| answer.accepted && answer.label == "taught word").count()
        };
        self.n += own.len();
        self.n_others += others.len();
        self.found_at_1_percent += found(FALSE_ACCEPTS[0]);
        self.found_at_0_2_percent += found(FALSE_ACCEPTS[1]);
        self.accepted += taken(own);
        self.falsely_accepted += taken(others);
    }
}

impl FewShot {
    fn new(shots: usize, words: Vec<WordTrials>, unreadable: Vec<Unreadable>) -> Self {
        let sum = |figure: fn(&WordTrials) -> usize| words.iter().map(figure).sum::<usize>();
        let (n, n_others) = (sum(|word| word.n), sum(|word| word.n_others));
        let share = |k: usize, n: usize| if n == 0 { 0.0 } else { k as f64 / n as f64 };
        let at_1 = sum(|word| word.found_at_1_percent);
        let at_0_2 = sum(|word| word.found_at_0_2_percent);
        let (accepted, falsely) = (sum(|word| word.accepted), sum(|word| word.falsely_accepted));
        Self {
            shots,
            draws: N_DRAWS,
            recall_at_1_percent: share(at_1, n),
            recall_at_1_percent_interval: wilson_interval(at_1, n),
            recall_at_0_2_percent: share(at_0_2, n),
            recall_at_0_2_percent_interval: wilson_interval(at_0_2, n),
            recall: share(accepted, n),
            recall_interval: wilson_interval(accepted, n),
            false_accepts: share(falsely, n_others),
            false_accepts_interval: wilson_interval(falsely, n_others),
            words,
            unreadable,
        }
    }
}

impl fmt::Display for FewShot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |k: usize, n: usize| 100.0 * k as f64 / n.max(1) as f64;
        writeln!(
            f,
            "{:<16} {:>9} {:>9} {:>9} {:>9} {:>8}",
            "", "found at", "found at", "found", "falsely", ""
        )?;
        writeln!(
            f,
            "{:<16} {:>9} {:>9} {:>9} {:>9} {:>8}",
            "word", "1 %", "0.2 %", "at all", "accepted", "refused"
        )?;
        for word in &self.words {
            writeln!(
                f,
                "{:<16} {:>7.1} % {:>7.1} % {:>7.1} % {:>7.2} % {:>8}",
                word.name,
                percent(word.found_at_1_percent, word.n),
                percent(word.found_at_0_2_percent, word.n),
                percent(word.accepted, word.n),
                percent(word.falsely_accepted, word.n_others),
                word.refused
            )?;
        }
        writeln!(
            f,
            "{:<16} {:>7.1} % {:>7.1} % {:>7.1} % {:>7.2} %",
            "all",
            100.0 * self.recall_at_1_percent,
            100.0 * self.recall_at_0_2_percent,
            100.0 * self.recall,
            100.0 * self.false_accepts
        )?;
        write!(f, "{} recordings teach a word, in {} draws", self.shots, self.draws)
    }
}
