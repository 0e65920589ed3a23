//! `sc-train compact`: writes a model in a quarter of its size.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use sc_model::{Backend, Classifier, compact};

use super::{check_out, load_record, save};
use crate::progress::note;

/// Write a model with weights of eight bits: a quarter of the size, for a page or a device.
#[derive(Clone, Debug, Args)]
pub struct CompactArgs {
    /// The model file [default: the one built into this program]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The file for the smaller model.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &CompactArgs) -> Result<()> {
    let record = load_record(args.model.as_deref())?;
    check_out(&args.out, record.header.labels.names())?;
    Classifier::new(&record, Backend::Native)?; // its self-test
    let compact = compact(&record)?;
    save(&compact, &args.out, compact.header.labels.names())?;
    let [before, after] = [record.to_bytes()?, compact.to_bytes()?].map(|bytes| bytes.len() as f64 / 1e6);
    note!("{}: {after:.2} MB instead of {before:.2} MB", args.out.display()); // the output may be a pipe for the model
    Ok(())
}
