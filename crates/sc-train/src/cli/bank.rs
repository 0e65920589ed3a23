//! `sc-train bank`: gives a model what `teach` needs.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use sc_data::{SampleCache, SpeechCommands, Split};
use sc_model::{Backend, Classifier};

use super::{check_out, load_record, save};
use crate::evaluate::split;
use crate::word_space::{self, LEAST_BANK, LEAST_CLIPS};

/// Give an older model what `teach` needs: a bank of ordinary speech, from a data set.
#[derive(Clone, Debug, Args)]
pub struct BankArgs {
    /// The data set, as `sc-data fetch` leaves it, or your own folder with a folder for each word: 60 clips or more to
    /// train on.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The model file [default: the one built into this program]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The file for the model with its bank.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &BankArgs) -> Result<()> {
    let mut record = load_record(args.model.as_deref())?;
    check_out(&args.out, record.header.labels.names())?;
    ensure!(
        record.header.taught.is_empty(),
        "words are taught to this model, by the bank that it has: forget them first (sc-train teach --forget)"
    );
    let classifier = Classifier::new(&record, Backend::Native)?;
    let (dataset, cache) = split::open(&args.data, &classifier.header().labels)?;
    let words = word_space::fit(&classifier, &dataset, &cache)?;
    record.give_words(words.with_context(|| too_few(&dataset, &cache))?);
    save(&record, &args.out, record.header.labels.names())?;
    Ok(writeln!(io::stdout(), "{}: words can be taught to it", args.out.display())?)
}

/// Says how many clips a bank needs, and how many there are.
fn too_few(dataset: &SpeechCommands, cache: &SampleCache) -> String {
    let is_named = |clip: &usize| dataset.clips()[*clip].said().is_some();
    let (named, others): (Vec<usize>, Vec<usize>) =
        dataset.readable_in(Split::Train, cache).partition(is_named);
    let (root, n) = (dataset.root().display(), named.len());
    let others = match others.len() {
        0 => String::new(),
        n => format!(", and {n} whose word is not known, as in a folder `other`"),
    };
    format!(
        "too few clips in {root} for a bank: expected {LEAST_BANK} or more to train on, and {LEAST_CLIPS} of one word; \
         found {n}{others}"
    )
}
