//! Files that are whole whenever they are there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file that is written beside its place, and appears there when it is complete.
///
/// A program that is killed, runs twice or fills the disk leaves no half file, and an older one stays. What killed
/// programs have left beside is removed by the next one.
#[derive(Debug)]
pub struct Aside {
    file: File,
    /// Where it is written, until it is finished.
    part: Option<PathBuf>,
    path: PathBuf,
}

impl Aside {
    /// Creates the file beside `path`. It is locked as long as it is written.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".part-");
        remove_left(folder, &prefix)?;
        let mut number = 0_u32;
        loop {
            let mut name = prefix.clone();
            name.push(number.to_string());
            let part = folder.join(name);
            match File::create_new(&part) {
                Ok(file) => {
                    let _ = file.lock(); // where files cannot be locked, none is removed either
                    // Before it was locked, another program may have taken it for one that was left.
                    if lies_at(&file, &part) {
                        return Ok(Self { file, part: Some(part), path: path.to_owned() });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the disk has all of it, then puts it in its place.
    ///
    /// # Errors
    /// If it cannot be written. Then it is removed.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(part) = &self.part {
            fs::rename(part, &self.path)?;
        }
        self.part = None; // what has this name from now on is another writer's
        Ok(())
    }
}

impl io::Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl io::Seek for Aside {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            let _ = fs::remove_file(part); // half a file helps nobody
        }
    }
}

/// Removes the files in `folder` whose names begin so, unless a program writes them now.
fn remove_left(folder: &Path, prefix: &OsString) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_aside = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes()));
        if is_aside {
            remove_if_left(&path);
        }
    }
    Ok(())
}

/// Removes a file unless a program writes it now. It stays locked until it is gone, so that no writer takes it meanwhile.
fn remove_if_left(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    if file.try_lock().is_ok() && lies_at(&file, path) {
        let _ = fs::remove_file(path);
    }
}

/// Returns true if `path` names this open file, and not another writer's that has got the name since.
#[cfg(unix)]
fn lies_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |file: io::Result<fs::Metadata>| file.map(|file| (file.dev(), file.ino())).ok();
    place(file.metadata()).is_some_and(|own| place(fs::metadata(path)) == Some(own))
}

/// Here the standard library tells no two files apart.
#[cfg(not(unix))]
fn lies_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        fs::write(&path, "old").unwrap();
        let mut aside = Aside::create(&path).unwrap();
        aside.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        aside.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        drop(Aside::create(&path).unwrap());
        assert_eq!(names(dir.path()), ["model"]);
    }

    #[test]
    fn two_writers_do_not_mix_and_what_a_killed_one_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        fs::write(dir.path().join(".model.part-0"), "left").unwrap();
        let [mut first, mut second] = [(); 2].map(|()| Aside::create(&path).unwrap());
        assert_eq!(names(dir.path()), [".model.part-0", ".model.part-1"]);
        first.write_all(b"first").unwrap();
        second.write_all(b"second").unwrap();
        second.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        first.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(dir.path()), ["model"]);
    }

    #[cfg(unix)]
    #[test]
    fn writers_that_come_and_go_at_once_take_no_file_from_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        let write = |text: &str| {
            let mut aside = Aside::create(&path).unwrap();
            aside.write_all(text.as_bytes()).unwrap();
            aside.finish().unwrap();
        };
        std::thread::scope(|scope| {
            for text in ["first", "second", "third", "fourth"] {
                scope.spawn(move || (0..100).for_each(|_| write(text)));
            }
        });
        assert_eq!(names(dir.path()), ["model"]);
    }
}
