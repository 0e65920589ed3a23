//! Output files, with errors that name them.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use sc_data::Aside;

/// Writes `output`, which appears only when it is complete: see [`Aside`].
///
/// # Errors
/// If it cannot be written.
pub fn write_aside<T>(output: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let written = || -> Result<T> {
        let mut aside = Aside::create(output)?;
        let written = write(&mut aside)?;
        aside.finish()?;
        Ok(written)
    };
    written().with_context(|| format!("cannot write {}", output.display()))
}
