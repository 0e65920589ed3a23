//! Unpacks a compressed tar archive. Names, sizes and kinds of its entries are checked before use.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use flate2::read::GzDecoder;
use tar::{Archive, Entry, EntryType};

use super::error::FetchError;

/// Limits on an archive. The published one stays far below them.
#[derive(Clone, Debug)]
pub struct UnpackLimits {
    /// Most entries, including folders. Version 0.02 has 105,877.
    pub max_entries: usize,
    /// Most bytes in one file. The longest noise file has 3 MB.
    pub max_file_bytes: u64,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self { max_entries: 300_000, max_file_bytes: 16 << 20 }
    }
}

/// Unpacks a `.tar.gz` into a new folder `dest`, and calls `progress` with the compressed bytes read so far.
///
/// An entry must be a folder, or a regular file named `*.wav`, `*.txt`, `*.md` or `LICENSE`, at most
/// two names deep. After an error `dest` is removed.
///
/// # Errors
/// [`FetchError::Entry`] names the first entry that is none of these or exceeds a limit.
pub fn unpack(
    archive: impl Read,
    dest: &Path,
    limits: &UnpackLimits,
    progress: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    fs::create_dir(dest).map_err(FetchError::io(dest))?;
    let result = unpack_entries(archive, dest, limits, progress);
    if result.is_err() {
        let _ = fs::remove_dir_all(dest); // the first error is the one to report
    }
    result
}

fn unpack_entries(
    archive: impl Read,
    dest: &Path,
    limits: &UnpackLimits,
    progress: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    let counted = Counted { inner: archive, n_bytes: 0, progress };
    let mut archive = Archive::new(GzDecoder::new(counted));
    for (n, entry) in archive.entries().map_err(FetchError::Archive)?.enumerate() {
        let mut entry = entry.map_err(FetchError::Archive)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refuse = |reason| FetchError::Entry { name: name.clone(), reason };
        if n >= limits.max_entries {
            return Err(refuse(format!("is one more than {} entries", limits.max_entries)));
        }
        if entry.header().entry_type() != EntryType::XGlobalHeader {
            let path = dest.join(checked_path(&entry, limits).map_err(|reason| refuse(reason.to_owned()))?);
            write_entry(&mut entry, &path)?;
        }
    }
    Ok(())
}

/// Returns an entry's path relative to the dataset, or the reason to refuse the entry.
fn checked_path(entry: &Entry<impl Read>, limits: &UnpackLimits) -> Result<PathBuf, &'static str> {
    let path = relative(&entry.path().map_err(|_| "is not a readable name")?)?;
    let depth = path.components().count();
    match entry.header().entry_type() {
        EntryType::Directory if depth > 1 => Err("is a folder in a folder: expected <word>"),
        EntryType::Regular if depth > 2 => Err("is too deep: expected <word>/<file>"),
        EntryType::Regular if !is_expected(&path) => Err("is not a .wav, .txt or .md file, nor LICENSE"),
        EntryType::Regular if entry.size() > limits.max_file_bytes => Err("is larger than any clip"),
        EntryType::Directory | EntryType::Regular => Ok(path),
        _ => Err("is neither a file nor a folder"),
    }
}

/// Drops `./`, and refuses a path that leads out of the folder.
fn relative(path: &Path) -> Result<PathBuf, &'static str> {
    let mut relative = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => relative.push(name),
            Component::ParentDir => return Err("leads out of the folder (..)"),
            Component::RootDir | Component::Prefix(_) => return Err("is an absolute path"),
        }
    }
    Ok(relative)
}

fn is_expected(path: &Path) -> bool {
    match path.extension() {
        Some(extension) => ["wav", "txt", "md"].iter().any(|expected| extension == *expected),
        None => path.file_name().is_some_and(|name| name == "LICENSE"),
    }
}

fn write_entry(entry: &mut Entry<impl Read>, path: &Path) -> Result<(), FetchError> {
    if entry.header().entry_type() == EntryType::Directory {
        return fs::create_dir_all(path).map_err(FetchError::io(path));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(FetchError::io(folder))?;
    }
    let mut file = File::create_new(path).map_err(FetchError::io(path))?; // a name given twice is refused
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(FetchError::Archive)?;
    file.write_all(&bytes).map_err(FetchError::io(path))
}

/// A reader that reports the bytes read so far.
struct Counted<'a, R> {
    inner: R,
    n_bytes: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.n_bytes += n as u64;
        (self.progress)(self.n_bytes);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};
    use tar::Header;

    use super::*;

    /// One entry; the name goes in unchecked, as a hostile archive's would.
    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, entry_type, bytes) in entries {
            let mut header = Header::new_gnu();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*entry_type);
            header.set_size(bytes.len() as u64);
            header.set_link_name("/etc/passwd").unwrap();
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn refusal(name: &str, entry_type: EntryType) -> String {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join("dest");
        let limits = UnpackLimits { max_entries: 1, max_file_bytes: 4 };
        let result = unpack(&archive(&[(name, entry_type, b"1234")])[..], &dest, &limits, &mut |_| ());
        assert!(!dest.exists(), "{name} left something behind");
        result.unwrap_err().to_string()
    }

    #[test]
    fn files_two_names_deep_are_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join("dest");
        let archive = archive(&[
            ("./", EntryType::Directory, b""),
            ("./LICENSE", EntryType::Regular, b"CC BY"),
            ("./yes/", EntryType::Directory, b""),
            ("./yes/a_nohash_0.wav", EntryType::Regular, b"RIFF"),
            ("no/b_nohash_0.wav", EntryType::Regular, b"RIFX"),
        ]);
        let mut n_read = 0;
        unpack(&archive[..], &dest, &UnpackLimits::default(), &mut |n| n_read = n).unwrap();
        assert_eq!(fs::read(dest.join("LICENSE")).unwrap(), b"CC BY");
        assert_eq!(fs::read(dest.join("yes/a_nohash_0.wav")).unwrap(), b"RIFF");
        assert_eq!(fs::read(dest.join("no/b_nohash_0.wav")).unwrap(), b"RIFX");
        assert_eq!(n_read, archive.len() as u64);
    }

    #[test]
    fn odd_entries_are_refused_by_name_and_reason() {
        for (name, entry_type, reason) in [
            ("yes/link.wav", EntryType::Symlink, "neither a file nor a folder"),
            ("yes/link.wav", EntryType::Link, "neither a file nor a folder"),
            ("yes/null.wav", EntryType::Char, "neither a file nor a folder"),
            ("yes/pipe.wav", EntryType::Fifo, "neither a file nor a folder"),
            ("/yes/a.wav", EntryType::Regular, "absolute"),
            ("../a.wav", EntryType::Regular, "leads out"),
            ("yes/../../a.wav", EntryType::Regular, "leads out"),
            ("a/b/c.wav", EntryType::Regular, "too deep"),
            ("a/b/", EntryType::Directory, "folder in a folder"),
            ("yes/run.sh", EntryType::Regular, "not a .wav"),
            ("yes/.sc-data-sha256", EntryType::Regular, "not a .wav"),
        ] {
            let message = refusal(name, entry_type);
            assert!(message.contains(name) && message.contains(reason), "{name}: {message}");
        }
        let message = refusal("yes/\u{1b}[31m.sh", EntryType::Regular);
        assert!(message.contains("yes/\\u{1b}[31m.sh"), "{message}");
    }

    #[test]
    fn too_large_or_too_many_or_repeated_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let limits = UnpackLimits { max_entries: 2, max_file_bytes: 4 };
        let unpack = |archive: Vec<u8>| {
            unpack(&archive[..], &dir.path().join("dest"), &limits, &mut |_| ()).unwrap_err()
        };
        let large = archive(&[("a.wav", EntryType::Regular, b"12345")]);
        assert!(unpack(large).to_string().contains("larger than any clip"));
        let many = archive(&["a.wav", "b.wav", "c.wav"].map(|name| (name, EntryType::Regular, &b""[..])));
        assert!(unpack(many).to_string().contains("c.wav is one more than 2 entries"));
        let twice = archive(&[("a.wav", EntryType::Regular, &b""[..]); 2]);
        assert!(unpack(twice).to_string().contains("a.wav"));
    }

    #[test]
    fn a_cut_archive_leaves_all_of_its_files_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let whole = archive(&[("a.wav", EntryType::Regular, &[7; 5_000])]);
        for n in 0..whole.len() {
            let dest = dir.path().join(n.to_string());
            match unpack(&whole[..n], &dest, &UnpackLimits::default(), &mut |_| ()) {
                Ok(()) => assert_eq!(fs::read(dest.join("a.wav")).unwrap(), [7; 5_000], "{n} bytes"),
                Err(_) => assert!(!dest.exists(), "{n} bytes"),
            }
        }
        let half = &whole[..whole.len() / 2];
        let error = unpack(half, &dir.path().join("half"), &UnpackLimits::default(), &mut |_| ());
        assert!(matches!(error, Err(FetchError::Archive(_))), "{error:?}");
    }
}
