//! Downloads the published archive, checks its digest and unpacks it.
//!
//! Unfinished work lies in one folder beside the destination, `<dest>.fetch`. The destination appears
//! whole, by a rename, and holds the digest of its archive.

mod download;
mod error;
mod event;
mod unpack;

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::{Sha256Digest, aside::is_mounted, with_causes};

pub use error::FetchError;
pub use event::{FetchEvent, FetchStep};
pub use unpack::{UnpackLimits, unpack};

/// The archive of version 0.02, 2.4 GB.
pub const SPEECH_COMMANDS_URL: &str =
    "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz";
/// The digest of version 0.02, as TensorFlow Datasets records it.
pub const SPEECH_COMMANDS_SHA256: &str = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58";

/// The file with the archive's digest. It is written last, so that its presence means "complete".
const MARKER: &str = ".sc-data-sha256";
/// Size of the unpacked clips on the disk, in tenths of the archive's: 14 for version 0.02.
const UNPACKED_TENTHS: u64 = 15;

/// Bytes read at a time for hashing: many enough for the disk, few enough for the processor's cache.
const BUFFER_LEN: usize = 1 << 18;

/// A fetch of an archive into a folder.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The folder to make.
    pub dest: PathBuf,
    /// The archive's origin.
    pub source: ArchiveSource,
    /// The digest that the archive must have.
    pub sha256: Sha256Digest,
    /// Longest silence of a server.
    pub silence: Duration,
    /// Delay before a broken download is tried again. It doubles each time.
    pub retry_delay: Duration,
}

/// The origin of an archive.
#[derive(Clone, Debug)]
pub enum ArchiveSource {
    /// The URLs of mirrors, tried in turn.
    Urls(Vec<String>),
    /// A file on this machine. It stays as it is.
    File(PathBuf),
}

/// The result of a fetch that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The dataset was fetched.
    Fetched,
    /// The dataset was there already, and nothing was done.
    AlreadyThere,
}

impl Fetch {
    /// Downloads, checks and unpacks the archive. A run continues where an earlier one stopped.
    ///
    /// # Errors
    /// [`FetchError`] says what to do about it. A file with a wrong digest is never unpacked.
    pub fn run(&self, on_event: &mut dyn FnMut(FetchEvent)) -> Result<Outcome, FetchError> {
        if self.is_complete()? {
            self.sweep();
            return Ok(Outcome::AlreadyThere);
        }
        self.check_dest()?;
        if let ArchiveSource::File(path) = &self.source {
            self.check_digest(path, &path.to_string_lossy(), on_event)?; // before anything is written
        }
        let work = self.sibling(".fetch");
        let lock = self.lock(&work);
        if self.is_complete()? {
            drop(lock); // another run finished while this one began
            self.sweep();
            return Ok(Outcome::AlreadyThere);
        }
        let _lock = lock?;
        let archive = match &self.source {
            ArchiveSource::File(path) => path.clone(),
            ArchiveSource::Urls(urls) => self.download(urls, &work, on_event)?,
        };
        self.unpack_aside(&archive, &work.join("unpacked"), on_event)?;
        let _ = fs::remove_dir_all(&work); // if another run has just begun there, it sweeps
        Ok(Outcome::Fetched)
    }

    /// Returns true if the destination holds the whole dataset, false if it is free.
    fn is_complete(&self) -> Result<bool, FetchError> {
        if self.is_free()? {
            return Ok(false);
        }
        match fs::read_to_string(self.dest.join(MARKER)) {
            Ok(digest) if digest.trim() == self.sha256.to_string() => Ok(true),
            _ => Err(FetchError::Occupied(self.dest.clone())),
        }
    }

    /// Returns true if nothing lies at the destination, or an empty folder.
    fn is_free(&self) -> Result<bool, FetchError> {
        match fs::read_dir(&self.dest) {
            Ok(mut entries) => Ok(entries.next().is_none()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(_) if self.dest.is_file() => Ok(false),
            Err(error) => Err(FetchError::io(&self.dest)(error)),
        }
    }

    /// Refuses a destination that no folder can be renamed to.
    fn check_dest(&self) -> Result<(), FetchError> {
        let dest = self.dest.components().as_path(); // without a slash at its end, which would follow a link
        let is_mounted = || dest.canonicalize().is_ok_and(|dest| is_mounted(&dest));
        if dest.file_name().is_none() || dest.is_symlink() || is_mounted() {
            return Err(FetchError::Fixed(self.dest.clone()));
        }
        Ok(())
    }

    /// Makes the folder of unfinished work and locks it.
    fn lock(&self, work: &Path) -> Result<File, FetchError> {
        fs::create_dir_all(work).map_err(FetchError::io(work))?;
        let path = work.join("lock");
        let file = File::create(&path).map_err(FetchError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(FetchError::Busy(self.dest.clone())),
            Err(TryLockError::Error(error)) => Err(FetchError::io(&path)(error)),
        }
    }

    /// Downloads the archive from the first mirror that has the right file, and returns its path.
    fn download(
        &self,
        urls: &[String],
        work: &Path,
        on_event: &mut dyn FnMut(FetchEvent),
    ) -> Result<PathBuf, FetchError> {
        let mut last_error = FetchError::NoUrl;
        for url in urls {
            match self.download_one(url, work, on_event) {
                Err(error) if error.is_the_servers() => {
                    on_event(FetchEvent::Note(format!("giving up {url}: {}", with_causes(&error))));
                    last_error = error;
                }
                result => return result,
            }
        }
        Err(last_error)
    }

    fn download_one(
        &self,
        url: &str,
        work: &Path,
        on_event: &mut dyn FnMut(FetchEvent),
    ) -> Result<PathBuf, FetchError> {
        let download = download::Download::new(url, work, self.silence, self.retry_delay)?;
        let archive = download.run(&mut |event| {
            // Every time: a server may send more than it has said, or without an end.
            if let FetchEvent::Progress { done, total, .. } = event {
                let total = total.unwrap_or(done).max(done);
                self.check_space(total - done, total)?;
            }
            on_event(event);
            Ok(())
        })?;
        let checked = self.check_digest(&archive, url, on_event);
        if let Err(FetchError::Digest { .. }) = checked {
            download.discard();
        }
        checked.map(|()| archive)
    }

    fn check_digest(
        &self,
        archive: &Path,
        origin: &str,
        on_event: &mut dyn FnMut(FetchEvent),
    ) -> Result<(), FetchError> {
        let got = hash(archive, on_event).map_err(FetchError::io(archive))?;
        if got != self.sha256 {
            return Err(FetchError::Digest { origin: origin.to_owned(), expected: self.sha256, got });
        }
        Ok(())
    }

    fn unpack_aside(
        &self,
        archive: &Path,
        aside: &Path,
        on_event: &mut dyn FnMut(FetchEvent),
    ) -> Result<(), FetchError> {
        if aside.exists() {
            fs::remove_dir_all(aside).map_err(FetchError::io(aside))?; // an earlier run was killed here
        }
        let file = File::open(archive).map_err(FetchError::io(archive))?;
        let len = file.metadata().map_err(FetchError::io(archive))?.len();
        self.check_space(0, len)?;
        let mut progress =
            |done| on_event(FetchEvent::Progress { step: FetchStep::Unpacking, done, total: Some(len) });
        unpack(file, aside, &UnpackLimits::default(), &mut progress)?;
        let marker = aside.join(MARKER);
        fs::write(&marker, self.sha256.to_string()).map_err(FetchError::io(&marker))?;
        fs::rename(aside, &self.dest).map_err(FetchError::io(&self.dest))
    }

    /// Refuses a disk too small for the rest of the archive and the unpacked clips, in bytes.
    fn check_space(&self, download: u64, archive: u64) -> Result<(), FetchError> {
        let needed = download.saturating_add((archive / 10).saturating_mul(UNPACKED_TENTHS));
        let work = self.sibling(".fetch");
        let free = fs4::available_space(&work).map_err(FetchError::io(&work))?;
        if free < needed {
            return Err(FetchError::Space { dest: self.dest.clone(), needed, free });
        }
        Ok(())
    }

    /// Removes what a run has left that was killed at its end, unless another still works there.
    fn sweep(&self) {
        let work = self.sibling(".fetch");
        if work.is_dir() && self.lock(&work).is_ok() {
            let _ = fs::remove_dir_all(&work); // a later run tries again
        }
    }

    /// Returns the destination's path with `suffix` at its end.
    fn sibling(&self, suffix: &str) -> PathBuf {
        let mut path: OsString = self.dest.components().as_path().into(); // without a slash at its end
        path.push(suffix);
        path.into()
    }
}

/// Hashes a file.
fn hash(path: &Path, on_event: &mut dyn FnMut(FetchEvent)) -> io::Result<Sha256Digest> {
    let mut file = File::open(path)?;
    let total = Some(file.metadata()?.len());
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER_LEN];
    let mut done = 0;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(Sha256Digest::finish(hasher));
        }
        hasher.update(&buffer[..n]);
        done += n as u64;
        on_event(FetchEvent::Progress { step: FetchStep::Checking, done, total });
    }
}
