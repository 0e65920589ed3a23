//! The samples of all audio files of a dataset in one file: decoded once, then read in any order.
//!
//! The file is little-endian. It holds [`MAGIC`]; the key, a digest of the files it was made from; for
//! each audio file the index of the sample after its last, `u64`; and the 16-bit samples of all files.
//!
//! It is read, not memory-mapped. A mapping would count the whole dataset as resident memory, and a
//! failing disk would raise a signal. The copy of 32 kB costs little beside its features.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Seek, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{
    Aside, DatasetError, Error, Limits, N_SAMPLES, Sha256Digest, SpeechCommands, Split, Waveform,
    dataset::is_noise, decode_file, printable, with_causes,
};

/// The first bytes of the file. The version at their end changes with anything that changes the samples.
const MAGIC: &[u8; 8] = b"sc-data3";
const KEY_LEN: usize = 32;
const INDEX_START: usize = MAGIC.len() + KEY_LEN;
const BYTES_PER_SAMPLE: u64 = 2;
/// Clips decoded at a time: enough to keep every core busy, few enough to hold in memory.
const BATCH: usize = 512;
/// Noise files decoded at a time: they stay whole, and each may have ten minutes.
const NOISE_BATCH: usize = 8;
/// Up to one unreadable file in so many of the published archive is bad luck; more are a damaged dataset.
const READABLE_PER_UNREADABLE: usize = 100;

/// The place of one second of audio in a dataset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// A clip, by its index in [`SpeechCommands::clips`].
    Clip(usize),
    /// A second of background noise.
    Noise {
        /// Index in [`SpeechCommands::noise`].
        file: usize,
        /// Its first sample.
        offset: usize,
        /// Factor on the samples.
        gain: f32,
    },
}

/// The samples of a dataset: clips first, then noise files, each by its index in [`SpeechCommands`].
#[derive(Debug)]
pub struct SampleCache {
    file: File,
    path: PathBuf,
    /// Position of the first sample, in bytes.
    samples_start: u64,
    /// For each file, the index of the sample after its last.
    ends: Vec<u64>,
    n_clips: usize,
}

impl SpeechCommands {
    /// Returns the default path of the [`SampleCache`]: beside the dataset, `<folder>.samples`.
    pub fn cache_path(&self) -> PathBuf {
        let root = self.root().canonicalize().unwrap_or_else(|_| self.root().to_owned());
        root.with_added_extension("samples")
    }
}

impl SampleCache {
    /// Opens the cache at `path`. Builds it first if it is missing, damaged, made from other files or without one that
    /// can be decoded, and calls `progress` with the number of clips and noise files done.
    ///
    /// A file that cannot be decoded is named in a warning and left out: see
    /// [`SampleCache::is_readable`]. A clip longer than a second is cut to its loudest second.
    ///
    /// # Errors
    /// [`DatasetError`] if a file cannot be read or written, or if more than one file in a hundred of the published
    /// archive cannot be decoded.
    pub fn open(
        dataset: &SpeechCommands,
        path: &Path,
        progress: impl FnMut(usize),
    ) -> Result<Self, DatasetError> {
        let key = key(dataset)?;
        let mut cache = Self::load(dataset, &key, path).filter(|cache| cache.has_all_readable(dataset));
        if cache.is_none() {
            build(dataset, &key, path, progress).map_err(DatasetError::io(path))?;
            cache = Self::load(dataset, &key, path);
        }
        let lost = || io::Error::other("the cache is not what was just written there");
        let cache = cache.ok_or_else(|| DatasetError::io(path)(lost()))?;
        cache.check_published(dataset)?;
        Ok(cache)
    }

    /// Returns true if no file without samples can be decoded by now, and then names each with the reason.
    fn has_all_readable(&self, dataset: &SpeechCommands) -> bool {
        let mut left_out = Vec::new();
        for (_, path) in paths(dataset).enumerate().filter(|(file, _)| self.range(*file).is_empty()) {
            match decode_one(dataset, path) {
                Ok(_) => return false,
                Err(error) => left_out.push((path, error)),
            }
        }
        for (path, error) in left_out {
            or_left_out(path, Err(error));
        }
        true
    }

    fn check_published(&self, dataset: &SpeechCommands) -> Result<(), DatasetError> {
        let published = || dataset.clips().iter().enumerate().filter(|(_, clip)| clip.is_published());
        let unreadable: Vec<_> = published().filter(|(index, _)| !self.is_readable(*index)).collect();
        let n_files = published().count();
        match unreadable.as_slice() {
            [(_, first), ..] if unreadable.len() * READABLE_PER_UNREADABLE > n_files => {
                Err(DatasetError::Unreadable {
                    path: first.path.clone(),
                    n_unreadable: unreadable.len(),
                    n_files,
                })
            }
            _ => Ok(()),
        }
    }

    /// Returns `None` if there is no cache at `path`, or one of other files.
    fn load(dataset: &SpeechCommands, key: &[u8; KEY_LEN], path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let n_clips = dataset.clips().len();
        let mut header = vec![0; INDEX_START + (n_clips + dataset.noise().len()) * size_of::<u64>()];
        read_exact_at(&file, &mut header, 0).ok()?;
        let (magic, rest) = header.split_at(MAGIC.len());
        let (its_key, index) = rest.split_at(KEY_LEN);
        let ends: Vec<u64> = index.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect();
        let samples_start = header.len() as u64;
        let len = samples_start + ends.last()?.checked_mul(BYTES_PER_SAMPLE)?;
        let whole = ends.is_sorted() && file.metadata().ok()?.len() == len;
        (magic == MAGIC && its_key == key && whole).then(|| Self {
            file,
            path: path.to_owned(),
            samples_start,
            ends,
            n_clips,
        })
    }

    /// Returns the SHA-256 over the path and the number of samples of every file that could be decoded, in hex. It
    /// identifies the data, wherever and whenever they were unpacked.
    pub fn digest(&self, dataset: &SpeechCommands) -> String {
        let mut hasher = Sha256::new();
        for (file, path) in paths(dataset).enumerate().filter(|(file, _)| !self.range(*file).is_empty()) {
            hasher.update(path.as_os_str().as_encoded_bytes());
            hasher.update([0]); // no path holds it: no two lists of files look the same
            let range = self.range(file);
            hasher.update((range.end - range.start).to_le_bytes());
        }
        Sha256Digest::finish(hasher).to_string()
    }

    /// Returns true if the clip could be decoded.
    pub fn is_readable(&self, clip: usize) -> bool {
        !self.range(clip).is_empty()
    }

    /// Returns the number of noise files.
    fn n_noise(&self) -> usize {
        self.ends.len() - self.n_clips
    }

    /// Returns the length of a noise file, in samples.
    pub fn noise_len(&self, file: usize) -> usize {
        let range = self.range(self.n_clips + file);
        (range.end - range.start) as usize
    }

    /// Returns the noise files of which a split has a second or more, each with the offsets at which a second may begin.
    pub fn noise_starts(&self, split: Split) -> impl Iterator<Item = (usize, Range<usize>)> {
        let starts = (0..self.n_noise()).map(move |file| (file, split.noise_starts(self.noise_len(file))));
        starts.filter(|(_, starts)| !starts.is_empty())
    }

    /// Warns of noise files that training hears nothing of. Those that could not be decoded are named already.
    pub fn warn_of_short_noise(&self) {
        let n_decoded = (0..self.n_noise()).filter(|file| self.noise_len(*file) > 0).count();
        let n_short = n_decoded - self.noise_starts(Split::Train).count();
        if n_short > 0 {
            tracing::warn!(
                "noise files that are too short for training (expected 1.25 s or more): {n_short}"
            );
        }
    }

    /// Reads one second of audio: a clip, padded, or a piece of noise times its gain.
    ///
    /// # Errors
    /// [`DatasetError::Io`] if the cache cannot be read.
    pub fn waveform(&self, source: Source) -> Result<Waveform, DatasetError> {
        let range = match source {
            Source::Clip(clip) => self.range(clip),
            Source::Noise { file, offset, .. } => {
                let range = self.range(self.n_clips + file);
                let start = range.end.min(range.start + offset as u64);
                start..range.end.min(start + N_SAMPLES as u64)
            }
        };
        let samples = self.read(range).map_err(DatasetError::io(&self.path))?;
        let mut waveform = Waveform::from_i16(&samples);
        if let Source::Noise { gain, .. } = source {
            waveform.scale(gain);
        }
        Ok(waveform)
    }

    fn range(&self, file: usize) -> Range<u64> {
        let start = file.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        start..self.ends[file]
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<i16>> {
        let mut bytes = vec![0; ((range.end - range.start) * BYTES_PER_SAMPLE) as usize];
        read_exact_at(&self.file, &mut bytes, self.samples_start + range.start * BYTES_PER_SAMPLE)?;
        Ok(bytes.as_chunks().0.iter().map(|&bytes| i16::from_le_bytes(bytes)).collect())
    }
}

/// Digests the path, size and time of change of every file that a cache is made from.
fn key(dataset: &SpeechCommands) -> Result<[u8; KEY_LEN], DatasetError> {
    let mut hasher = Sha256::new();
    for path in paths(dataset) {
        let full = dataset.root().join(path);
        let (len, modified) = fs::metadata(&full)
            .and_then(|file| Ok((file.len(), file.modified()?)))
            .map_err(DatasetError::io(&full))?;
        let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        hasher.update(path.as_os_str().as_encoded_bytes());
        hasher.update([0]); // no path holds it: no two lists of files look the same
        hasher.update(len.to_le_bytes());
        hasher.update(modified.as_nanos().to_le_bytes());
    }
    Ok(hasher.finalize().into())
}

fn paths(dataset: &SpeechCommands) -> impl Iterator<Item = &Path> {
    let clips = dataset.clips().iter().map(|clip| clip.path.as_path());
    clips.chain(dataset.noise().iter().map(PathBuf::as_path))
}

/// Writes the cache to a temporary file and renames it, so that nobody ever opens half a cache.
fn build(
    dataset: &SpeechCommands,
    key: &[u8; KEY_LEN],
    path: &Path,
    mut progress: impl FnMut(usize),
) -> io::Result<()> {
    let paths: Vec<&Path> = paths(dataset).collect();
    let mut writer = BufWriter::with_capacity(1 << 20, Aside::create(path)?);
    write_header(&mut writer, key, &vec![0; paths.len()])?; // reserves the place: the ends are not known yet
    let mut ends: Vec<u64> = Vec::with_capacity(paths.len());
    let (clips, noise) = paths.split_at(dataset.clips().len());
    for batch in clips.chunks(BATCH).chain(noise.chunks(NOISE_BATCH)) {
        let decoded: Vec<Decoded> = batch.par_iter().map(|path| decode_one(dataset, path)).collect();
        for (file, decoded) in batch.iter().zip(decoded) {
            let samples = or_left_out(file, decoded);
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            ends.push(ends.last().unwrap_or(&0) + samples.len() as u64);
            writer.write_all(&bytes)?;
        }
        progress(ends.len());
    }
    writer.rewind()?;
    write_header(&mut writer, key, &ends)?;
    writer.into_inner()?.finish()
}

fn write_header(writer: &mut impl Write, key: &[u8; KEY_LEN], ends: &[u64]) -> io::Result<()> {
    writer.write_all(MAGIC)?;
    writer.write_all(key)?;
    ends.iter().try_for_each(|end| writer.write_all(&end.to_le_bytes()))
}

type Decoded = Result<Vec<i16>, Error>;

/// Decodes a file. A clip is cut to a second; noise stays whole.
fn decode_one(dataset: &SpeechCommands, path: &Path) -> Decoded {
    let mut samples = decode_file(&dataset.root().join(path), &Limits::DATASET)?;
    if samples.len() > N_SAMPLES && !is_noise(path) {
        samples = Waveform::from_samples(&samples).samples().to_vec();
    }
    Ok(samples.into_iter().map(to_i16).collect())
}

/// Returns the samples of a file. One that cannot be decoded has none, and is named in a warning.
fn or_left_out(path: &Path, decoded: Decoded) -> Vec<i16> {
    decoded.unwrap_or_else(|error| {
        tracing::warn!("left out: {}: {}", printable(path.display()), with_causes(&error));
        Vec::new()
    })
}

/// The inverse of [`Waveform::from_i16`], and of decoding for files of 16 bits.
fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round() as i16 // `as` saturates
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Reads at the file's position, which all threads share: one thread reads at a time.
#[cfg(not(unix))]
fn read_exact_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    use std::{
        io::{Read, SeekFrom},
        sync::{Mutex, PoisonError},
    };
    static POSITION: Mutex<()> = Mutex::new(());
    let _alone = POSITION.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests the length of each of `tests/media`, its level in 0.01 dB and its centre in samples. The samples themselves
    /// differ in their last bits between processors.
    fn digest_of_media() -> String {
        let mut paths: Vec<_> =
            fs::read_dir("tests/media").unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let mut hasher = Sha256::new();
        for path in paths {
            let samples = decode_file(&path, &Limits::DATASET).unwrap();
            let squares: Vec<_> =
                samples.into_iter().map(|sample| f64::from(to_i16(sample)).powi(2)).collect();
            let energy: f64 = squares.iter().sum();
            let centre = (0..).zip(&squares).map(|(n, square)| f64::from(n) * square).sum::<f64>() / energy;
            let (name, level) = (path.file_name().unwrap().display(), 1_000.0 * energy.log10());
            hasher.update(format!("{name} {} {level:.0} {centre:.0}\n", squares.len()));
        }
        Sha256Digest::finish(hasher).to_string()
    }

    #[test]
    fn the_version_changes_with_what_is_decoded() {
        let version = (MAGIC.as_slice(), digest_of_media());
        assert_eq!(
            version,
            (
                b"sc-data3".as_slice(),
                "60962cbf28ed9760c89448034bb85e0f54788d3be68028dadd5e48fc054521fd".to_owned()
            ),
            "give the cache the next version"
        );
    }
}
