//! Files that are whole whenever they are there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Most symbolic links that are followed one after another, as Linux has it.
const MAX_LINKS: usize = 40;

/// A file that is written beside its place, and appears there when it is complete.
///
/// A program that is killed, runs twice or fills the disk leaves no half file, and an older one stays, whose permissions the
/// new one gets. What killed programs have left beside is removed by the next one. What is no regular file, as a pipe, is
/// written straight to.
#[derive(Debug)]
pub struct Aside {
    file: File,
    /// Where it is written, until it is finished. None for what is no regular file.
    part: Option<PathBuf>,
    path: PathBuf,
}

impl Aside {
    /// Creates the file beside `path`, or beside what `path` is a symbolic link to. It is locked as long as it is written.
    ///
    /// # Errors
    /// If the folder cannot be read or written, or the file cannot be replaced, as it is mounted by itself.
    pub fn create(path: &Path) -> io::Result<Self> {
        let (path, permissions) = match fs::metadata(path) {
            Ok(old) if old.is_file() => (fs::canonicalize(path)?, Some(old.permissions())),
            Ok(_) => return Self::straight(path),
            Err(_) => (followed(path)?, None),
        };
        if is_mounted(&path) {
            let reason = "it is mounted by itself, so that it cannot be replaced: mount its folder instead";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, reason));
        }
        let aside = Self::beside(path)?;
        if let Some(permissions) = permissions {
            aside.file.set_permissions(permissions)?;
        }
        Ok(aside)
    }

    fn straight(path: &Path) -> io::Result<Self> {
        let file = File::options().write(true).open(path)?;
        Ok(Self { file, part: None, path: path.to_owned() })
    }

    fn beside(path: PathBuf) -> io::Result<Self> {
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
                        return Ok(Self { file, part: Some(part), path });
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
        if let Some(part) = &self.part {
            self.file.sync_all()?;
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

/// Follows symbolic links to a file that is not there yet.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else { return Ok(path) };
        path.pop();
        path.push(target);
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Returns true if a file or folder is mounted at this path, without symbolic links: it cannot be renamed or replaced.
/// Linux lists what is mounted (proc(5)): the place is the fifth field, with odd characters in octal.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let escaped = path.as_os_str().as_encoded_bytes().iter().flat_map(|byte| match byte {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
        byte => vec![*byte],
    });
    let escaped: Vec<u8> = escaped.collect();
    let mut places =
        mounts.split(|byte| *byte == b'\n').filter_map(|mount| mount.split(|byte| *byte == b' ').nth(4));
    places.any(|place| place == escaped)
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

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_file_is_replaced_with_its_permissions() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let [folder, link] = ["models", "link"].map(|name| dir.path().join(name));
        fs::create_dir(&folder).unwrap();
        symlink("models/model", &link).unwrap();
        for text in ["first", "second"] {
            let mut aside = Aside::create(&link).unwrap(); // to a file that is not there, then to one that is
            aside.write_all(text.as_bytes()).unwrap();
            aside.finish().unwrap();
            assert_eq!(fs::read_to_string(folder.join("model")).unwrap(), text);
            assert_eq!(fs::read_link(&link).unwrap(), Path::new("models/model"));
            fs::set_permissions(folder.join("model"), fs::Permissions::from_mode(0o640)).unwrap();
        }
        drop(Aside::create(&link).unwrap());
        Aside::create(&link).unwrap().finish().unwrap();
        assert_eq!(fs::metadata(&link).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!((names(dir.path()).len(), names(&folder)), (2, vec!["model".into()]));
        symlink("circle", dir.path().join("circle")).unwrap();
        assert!(Aside::create(&dir.path().join("circle")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_straight_to() {
        let mut aside = Aside::create(Path::new("/dev/null")).unwrap();
        aside.write_all(b"nothing").unwrap();
        aside.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(Aside::create(Path::new("/dev")).is_err(), "a folder");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_mounted_by_itself_is_known() {
        assert!(is_mounted(Path::new("/proc")) && is_mounted(Path::new("/")));
        assert!(!is_mounted(Path::new("/proc/self")) && !is_mounted(Path::new("/pro")));
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
