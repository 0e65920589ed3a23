//! `sc-train export`: writes a model for other runtimes.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use sc_data::printable;
use sc_model::words::forget_all;
use sc_model::{Backend, Classifier, Record};

use super::{holds_something, load_record};
use crate::aside::write_aside;
use crate::export::{Input, is_exported, to_onnx};
use crate::progress::note;

/// Write a model as ONNX, for any other runtime.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// The model file [default: the one built into this program]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The ONNX file to write. It replaces an older one, and no other file.
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// The input: a second of 16 kHz samples, or the log-mel features of one.
    #[arg(long, value_enum, default_value = "samples")]
    from: Input,
}

/// Writes the file, and says what is in it.
pub(super) fn run(args: &ExportArgs) -> Result<()> {
    check_onnx(&args.onnx)?;
    let record = load_record(args.model.as_deref())?;
    Classifier::new(&record, Backend::Native)?; // its self-test
    if !record.header.taught.is_empty() {
        note!("left out: the taught words, which other runtimes do not know");
    }
    let record = forget_all(&record);
    let bytes = to_onnx(&record, args.from);
    write_aside(&args.onnx, |out| Ok(out.write_all(&bytes)?))?;
    let (file, n_labels) = (args.onnx.display(), record.header.labels.names().len());
    note!("{file}: {n_labels} labels"); // the output may be a pipe for the model
    Ok(())
}

/// Refuses to replace a recording, a model or another file that is no ONNX file, by its name or its first bytes.
fn check_onnx(file: &Path) -> Result<()> {
    if !holds_something(file) {
        return Ok(());
    }
    let is_named_so = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
    ensure!(
        is_exported(file) || is_named_so && Record::load(file).is_err(),
        "{} is no ONNX file: name another --onnx",
        printable(file.display())
    );
    Ok(())
}
