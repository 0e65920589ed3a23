//! Files that are whole whenever they are there.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes `output`, which appears only when it is complete: a program that is killed, runs twice or fills the disk leaves
/// no half file, and an older one stays.
///
/// # Errors
/// If it cannot be written.
pub fn write_aside<T>(output: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot_write = || format!("cannot write {}", output.display());
    // Not `NamedTempFile::new_in`: that one only its owner may read.
    let create = |path: &Path| File::create_new(path);
    let mut aside =
        tempfile::Builder::new().prefix(".part-").make_in(folder, create).with_context(cannot_write)?;
    let written = write(aside.as_file_mut()).with_context(cannot_write)?;
    aside.as_file().sync_all().with_context(cannot_write)?;
    aside.persist(output).map_err(|failed| failed.error).with_context(cannot_write)?;
    Ok(written)
}
