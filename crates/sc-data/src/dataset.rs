//! The clips and noise files of a dataset's folder, and the split of each clip.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use crate::{Clip, DatasetError, Labels, SILENCE, Split, normal_form, printable, split};

/// The folders of noise files: no word.
const NOISE_FOLDERS: [&str; 2] = ["_background_noise_", SILENCE];

/// The list of a data set's files: of the unpacked archive, or of any folder with a folder for each word. Clips and
/// noise files have an index, in the order of their paths.
#[derive(Clone, Debug)]
pub struct SpeechCommands {
    root: PathBuf,
    clips: Vec<Clip>,
    splits: Vec<Split>,
    noise: Vec<PathBuf>,
    /// The dataset's own lists say the splits.
    has_lists: bool,
    few_speakers: bool,
}

impl SpeechCommands {
    /// Lists the files of `root`, whatever their format. It opens none of them, and passes over hidden ones.
    ///
    /// # Errors
    /// [`DatasetError`] if `root` is no such dataset, or if its lists put a speaker in two splits.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, DatasetError> {
        let root = root.into();
        let mut clips = Vec::new();
        let mut noise = Vec::new();
        for folder in folders(&root)? {
            let paths = files(&root, &folder).into_iter();
            if is_noise(Path::new(&folder)) {
                noise.extend(paths);
            } else {
                clips.extend(paths.filter_map(|path| Clip::parse(&path)));
            }
        }
        if clips.is_empty() {
            return Err(DatasetError::NoClips(root));
        }
        let splits = split::by_lists(&root, &clips)?;
        let has_lists = splits.is_some();
        let splits = splits.unwrap_or_default();
        Ok(Self { root, clips, splits, noise, has_lists, few_speakers: false }.split_by(|_| true))
    }

    /// Splits again by the clips that count, given by their index: without lists, every split gets some of them.
    #[must_use]
    pub fn split_by(mut self, counts: impl Fn(usize) -> bool) -> Self {
        if self.has_lists {
            return self;
        }
        self.clips = self.clips.iter().filter_map(|clip| Clip::parse(&clip.path)).collect(); // with their speakers
        (self.splits, self.few_speakers) = split::by_speaker(&mut self.clips, counts);
        self
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

    /// Returns true if the clips are split file by file, as they have too few speakers to be split by: figures are then
    /// of voices that training has heard.
    pub fn has_few_speakers(&self) -> bool {
        self.few_speakers
    }

    /// Returns the words that have no label of their own, if there is no [`UNKNOWN`](crate::UNKNOWN) either.
    pub fn words_without_label(&self, labels: &Labels) -> Vec<&str> {
        let mut words = self.words(|_| true);
        words.retain(|word| labels.index_of_word(word).is_none());
        words
    }

    /// The words of the clips that count, given by their index: sorted, and each once.
    pub(crate) fn words(&self, counts: impl Fn(usize) -> bool) -> Vec<&str> {
        let counted = self.clips.iter().enumerate().filter(|(clip, _)| counts(*clip));
        let mut words: Vec<_> = counted.map(|(_, clip)| clip.word.as_str()).collect();
        words.sort_unstable(); // clips are sorted by folder, of which a word may have two: in two normal forms
        words.dedup();
        words
    }
}

/// Lists the files below `dir`, which holds one folder for each label. Each comes with its label's index.
///
/// This is the layout of `speech_commands_test_set_v0.02.tar.gz`.
///
/// # Errors
/// [`DatasetError::NotALabel`] for a folder of any other name.
pub fn labelled_clips(dir: &Path, labels: &Labels) -> Result<Vec<(PathBuf, usize)>, DatasetError> {
    let mut clips = Vec::new();
    for folder in folders(dir)? {
        let Some(label) = labels.index(&normal_form(&folder)) else {
            let folder = dir.join(&folder);
            return Err(DatasetError::NotALabel { folder, expected: labels.names().to_vec() });
        };
        clips.extend(files(dir, &folder).into_iter().map(|file| (dir.join(file), label)));
    }
    if clips.is_empty() {
        return Err(DatasetError::NoLabelledClips(dir.to_owned()));
    }
    Ok(clips)
}

/// Returns the names of the folders in `dir`, sorted, but for those that are left out: see [`is_named`].
fn folders(dir: &Path) -> Result<Vec<String>, DatasetError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DatasetError::Missing(dir.to_owned()));
        }
        entries => entries.map_err(DatasetError::io(dir))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(DatasetError::io(dir))?.path();
        if path.is_dir() && is_named(&path) {
            names.extend(path.file_name().and_then(OsStr::to_str).map(str::to_owned));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Lists the files in and below a folder of `root`, sorted, by their paths relative to `root`, but for those that are
/// left out: see [`is_named`]. What cannot be listed is named in a warning.
fn files(root: &Path, folder: &str) -> Vec<PathBuf> {
    let walk =
        WalkDir::new(root.join(folder)).min_depth(1).follow_links(true).sort_by_file_name().into_iter();
    let mut files = Vec::new();
    for entry in walk.filter_entry(|entry| is_named(entry.path())) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => {
                files.extend(entry.path().strip_prefix(root).ok().map(Path::to_owned));
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("left out: {}", printable(error)),
        }
    }
    files
}

/// Returns false for a hidden file or folder, and for one whose name is not Unicode, which is named in a warning.
fn is_named(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    if name.as_encoded_bytes().starts_with(b".") {
        return false;
    }
    if name.to_str().is_none() {
        tracing::warn!("left out: {}: its name is not UTF-8; rename it", printable(path.display()));
        return false;
    }
    true
}

/// Returns true if the path of a file or folder, relative to its data set, is one of noise.
pub(crate) fn is_noise(path: &Path) -> bool {
    NOISE_FOLDERS.iter().any(|folder| path.starts_with(folder))
}
