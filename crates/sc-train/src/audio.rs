//! Audio files, found in folders and read.

use std::fmt;
use std::fs::{self, File};
use std::io;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sc_data::{Limits, decode_from, printable};
use serde::Serialize;
use walkdir::{DirEntry, WalkDir};

/// The path of standard input.
pub(crate) const STDIN: &str = "/dev/stdin";

/// A file or folder that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Its path.
    pub path: String,
    /// The reason.
    pub error: String,
}

impl Unreadable {
    /// Keeps `error` with its causes.
    pub(crate) fn new(path: &Path, error: &anyhow::Error) -> Self {
        Self { path: path.display().to_string(), error: format!("{error:#}") }
    }
}

/// For a reader: file names may hold anything.
impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", printable(&self.path), self.error)
    }
}

/// Refuses a path that cannot be opened. A pipe is not tried, as it can be opened only once.
///
/// # Errors
/// If there is nothing at the path, or it may not be read.
pub(crate) fn check_path(path: &Path) -> Result<()> {
    let opened = path.metadata().and_then(|found| {
        if found.is_dir() {
            fs::read_dir(path).map(drop)
        } else if found.is_file() {
            File::open(path).map(drop)
        } else {
            Ok(())
        }
    });
    opened.with_context(|| format!("cannot open {}", printable(path.display())))
}

/// Lists the file `path`, or every file in and below the folder `path`, sorted by name, without hidden ones.
pub(crate) fn files_below(path: &Path) -> impl Iterator<Item = Result<PathBuf, Unreadable>> {
    let walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry)).filter_map(|entry| match entry {
        Ok(entry) if is_audio(&entry) => Some(Ok(entry.into_path())),
        Ok(_) => None,
        Err(error) => Some(Err(unlistable(error))),
    })
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Returns true for a regular file, and for a pipe or the like if the user named it.
fn is_audio(entry: &DirEntry) -> bool {
    entry.file_type().is_file() || entry.depth() == 0 && !entry.file_type().is_dir()
}

fn unlistable(error: walkdir::Error) -> Unreadable {
    let path = error.path().unwrap_or(Path::new("")).to_owned();
    let cause = match error.into_io_error() {
        Some(error) => error.into(),
        None => anyhow::anyhow!("a link that leads back to a folder around it"),
    };
    Unreadable::new(&path, &cause)
}

/// Opens a file. Standard input is taken as it is, since no path opens a socket; a file there begins anew.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    if path == Path::new(STDIN) && !path.is_file() {
        return Ok(io::stdin().as_fd().try_clone_to_owned()?.into());
    }
    File::open(path)
}

/// Reads a file as 16 kHz mono samples.
///
/// # Errors
/// If it cannot be read, is no audio, or exceeds the `limits`.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Vec<f32>> {
    Ok(decode_from(open(path)?, limits)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<String> {
        let relative = |path: PathBuf| path.strip_prefix(root).unwrap().display().to_string();
        files_below(root).map(|file| file.map_or_else(|unreadable| unreadable.error, relative)).collect()
    }

    #[test]
    fn files_come_sorted_from_every_depth_without_hidden_ones() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b/2.wav", "b/1.wav", "a.wav", ".hidden/c.wav", "b/.DS_Store"] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(names(dir.path()), ["a.wav", "b/1.wav", "b/2.wav"]);
    }

    #[test]
    fn a_file_stands_for_itself_and_a_missing_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.wav");
        fs::write(&file, "").unwrap();
        assert_eq!(files_below(&file).collect::<Vec<_>>(), [Ok(file)]);

        let missing = files_below(&dir.path().join("b.wav")).next().unwrap().unwrap_err();
        assert!(missing.path.ends_with("b.wav"), "{missing:?}");
    }

    #[test]
    fn a_name_cannot_change_what_a_terminal_shows() {
        let unreadable = Unreadable { path: "\u{1b}[31mдзвін\n.wav".into(), error: "no audio".into() };
        assert_eq!(unreadable.to_string(), r"\u{1b}[31mдзвін\n.wav: no audio");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_around_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        assert_eq!(names(dir.path()), ["a link that leads back to a folder around it"]);
    }
}
