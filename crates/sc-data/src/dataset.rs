//! The clips and noise files of a dataset's folder, and the split of each clip.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Clip, DatasetError, Labels, Split, split};

/// The folder of noise files: no word.
pub(crate) const NOISE_FOLDER: &str = "_background_noise_";

/// The list of an unpacked archive's files. Clips and noise files have an index, in the order of their paths.
#[derive(Clone, Debug)]
pub struct SpeechCommands {
    root: PathBuf,
    clips: Vec<Clip>,
    splits: Vec<Split>,
    noise: Vec<PathBuf>,
}

impl SpeechCommands {
    /// Lists the files of `root`. It opens none of them.
    ///
    /// # Errors
    /// [`DatasetError`] if `root` is no such dataset, or if its lists put a speaker in two splits.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, DatasetError> {
        let root = root.into();
        let mut clips = Vec::new();
        let mut noise = Vec::new();
        for folder in folders(&root)? {
            let files = wav_files(&root.join(&folder))?;
            let paths = files.into_iter().map(|file| Path::new(&folder).join(file));
            match folder.as_str() {
                NOISE_FOLDER => noise.extend(paths),
                _ => clips.extend(paths.filter_map(|path| Clip::parse(&path))),
            }
        }
        if clips.is_empty() {
            return Err(DatasetError::NoClips(root));
        }
        let splits = split::assign(&root, &clips)?;
        Ok(Self { root, clips, splits, noise })
    }

    /// The dataset's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every clip.
    pub fn clips(&self) -> &[Clip] {
        &self.clips
    }

    /// The split of each of [`SpeechCommands::clips`].
    pub fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// The indices of a split's clips.
    pub fn clips_in(&self, split: Split) -> impl Iterator<Item = usize> {
        let with_index = self.splits.iter().enumerate();
        with_index.filter_map(move |(index, &its)| (its == split).then_some(index))
    }

    /// The paths of the noise files, relative to [`SpeechCommands::root`].
    pub fn noise(&self) -> &[PathBuf] {
        &self.noise
    }

    /// Returns the words that have no label of their own, if there is no [`UNKNOWN`](crate::UNKNOWN) either.
    pub fn words_without_label(&self, labels: &Labels) -> Vec<&str> {
        let words = self.clips.iter().map(|clip| clip.word.as_str());
        let mut left_out: Vec<_> = words.filter(|word| labels.index_of_word(word).is_none()).collect();
        left_out.dedup(); // clips are sorted by path, so by word
        left_out
    }
}

/// Lists the WAV files below `dir`, which holds one folder for each label. Each comes with its label's index.
///
/// This is the layout of `speech_commands_test_set_v0.02.tar.gz`.
///
/// # Errors
/// [`DatasetError::NotALabel`] for a folder of any other name.
pub fn labelled_clips(dir: &Path, labels: &Labels) -> Result<Vec<(PathBuf, usize)>, DatasetError> {
    let mut clips = Vec::new();
    for folder in folders(dir)? {
        let path = dir.join(&folder);
        let Some(label) = labels.index(&folder) else {
            return Err(DatasetError::NotALabel { folder: path, expected: labels.names().to_vec() });
        };
        clips.extend(wav_files(&path)?.into_iter().map(|file| (path.join(file), label)));
    }
    if clips.is_empty() {
        return Err(DatasetError::NoLabelledClips(dir.to_owned()));
    }
    Ok(clips)
}

/// Returns the names of the folders in `dir`, sorted, without hidden ones.
fn folders(dir: &Path) -> Result<Vec<String>, DatasetError> {
    let names = match names(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DatasetError::Missing(dir.to_owned()));
        }
        names => names.map_err(DatasetError::io(dir))?,
    };
    Ok(names.into_iter().filter(|name| dir.join(name).is_dir()).collect())
}

fn wav_files(dir: &Path) -> Result<Vec<String>, DatasetError> {
    let mut files = names(dir).map_err(DatasetError::io(dir))?;
    files.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "wav"));
    Ok(files)
}

/// Returns the names in `dir`, sorted, without hidden ones and without names that are not Unicode.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().into_string();
        names.extend(name.ok().filter(|name| !name.starts_with('.')));
    }
    names.sort_unstable();
    Ok(names)
}
