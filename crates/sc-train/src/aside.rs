//! Output files, with errors that name them.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use sc_data::{Aside, printable};
use sc_model::Record;

use crate::progress::note;

/// The lock of a folder is tried so many times, with such pauses: for five seconds.
const LOCK_TRIES: usize = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

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

/// Locks the folder of a file, if it can be locked: those that write at the same moment take turns. Whoever holds it for
/// more than five seconds is not waited for, which is said. A pipe has none, as its reader may wait for another.
pub fn lock_folder_of(out: &Path) -> Option<File> {
    if out.exists() && !out.is_file() {
        return None;
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder).ok()?;
    for _ in 0..LOCK_TRIES {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    note!(
        "another program holds the folder of {}: what both write there may be lost",
        printable(out.display())
    );
    None
}

/// Names the words that were taught to a model, but for those that are `kept`: what is lost in its place.
pub fn taught_but(record: &Record, kept: &[String]) -> String {
    let taught = record.header.taught_words().map(|(word, _)| word);
    taught.filter(|word| !kept.iter().any(|kept| kept == word)).collect::<Vec<_>>().join(", ")
}
