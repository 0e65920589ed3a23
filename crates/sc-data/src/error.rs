//! The errors of decoding and of data sets.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::printable;

/// An error of decoding audio, or of the front end's settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes do not begin as an audio file of a known format.
    #[error(
        "not an audio file: expected WAV, W64, AU, AIFF, CAF, FLAC, MP3, MP2, AAC, MP4, WebM, Ogg Vorbis or Opus"
    )]
    NotAudio,
    /// The audio is of a format that is not read.
    #[error("{format}: this format is not read; `ffmpeg -i FILE -ar 16000 -ac 1 word.wav` makes one that is")]
    Foreign {
        /// The name of the format.
        format: &'static str,
    },
    /// The file is of a format that is read, but its beginning or its table of samples is not there or unusual.
    #[error(
        "{format} that is cut off, or of an unusual kind: take the whole file, or convert it by `ffmpeg -i FILE -ar 16000 -ac 1 word.wav`"
    )]
    CutOff {
        /// The name of the format.
        format: &'static str,
    },
    /// A video, or another file of a known container, without sound.
    #[error("there is no sound in the file")]
    NoSound,
    /// A WAV file that is damaged or uses an unsupported encoding.
    #[error("unreadable WAV file")]
    Wav(#[from] hound::Error), // the cause is `source()`: don't print it twice
    /// An audio file of another format that is damaged or uses an unsupported encoding.
    #[error("unreadable recording")]
    Media(#[from] symphonia::core::errors::Error),
    /// The audio has no samples, or the file no bytes.
    #[error("the recording is empty: it holds no samples")]
    Empty,
    /// A file that is damaged or was cut off behind the sound that was heard.
    #[error("the rest of the file is damaged or missing")]
    Damaged,
    /// A sample that is not a finite number.
    #[error("the recording holds a sample that is not a finite number")]
    NotFinite,
    /// Samples at the scale of integers.
    #[error("a sample of {peak}: expected samples in [-1, 1]; divide {}", by_full_scale(*peak))]
    NotScaled {
        /// The largest of their magnitudes.
        peak: f32,
    },
    /// The file is larger than the caller allows.
    #[error("the file is larger than {limit} bytes")]
    TooManyBytes {
        /// The largest size accepted, in bytes.
        limit: usize,
    },
    /// The audio is longer than the caller allows.
    #[error("the recording is longer than {limit_s} s")]
    TooLong {
        /// The greatest length accepted, in seconds.
        limit_s: u32,
    },
    /// More channels than the caller allows, or none.
    #[error("{channels} channels: expected 1 to {limit}")]
    Channels {
        /// The number in the header.
        channels: u16,
        /// The most channels accepted.
        limit: u16,
    },
    /// A sample rate that the caller does not allow.
    #[error("a sample rate of {rate_hz} Hz: expected {min_hz} to {max_hz} Hz")]
    SampleRate {
        /// The rate that was given.
        rate_hz: f64,
        /// The lowest rate accepted.
        min_hz: u32,
        /// The highest rate accepted.
        max_hz: u32,
    },
    /// A front-end setting that is out of range.
    #[error("front-end settings: {0}")]
    Settings(&'static str),
}

/// Returns how samples of this peak come into [-1, 1].
fn by_full_scale(peak: f32) -> &'static str {
    match peak {
        ..=65_536.0 => "16-bit ones by 32,768", // without a sign, or the sum of two channels
        ..=8_388_608.0 => "24-bit ones by 8,388,608",
        _ => "32-bit ones by 2,147,483,648",
    }
}

/// An error of a dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// There is no folder at this path.
    #[error("no folder {0}: `sc-data fetch` downloads the dataset and says where it lies")]
    Missing(PathBuf),
    /// The folder holds no clip.
    #[error(
        "{0} holds no recordings: expected a folder for each word with the word's recordings in it, as `sc-data fetch` \
         leaves Speech Commands"
    )]
    NoClips(PathBuf),
    /// There is no folder of this word.
    #[error(
        "no recording of {word}: expected them in {}; the folders there are {}",
        printable(.root.join(.word).display()), printable(.folders.join(", "))
    )]
    NoClipOf {
        /// The word.
        word: String,
        /// The dataset's folder.
        root: PathBuf,
        /// The words that it has files of.
        folders: Vec<String>,
    },
    /// A word's folder holds no file that can be decoded.
    #[error(
        "none of the {n_files} files in {} can be read as audio: `sc-data stats` says why",
        printable(.folder.display())
    )]
    NoReadableClipOf {
        /// The word's folder.
        folder: PathBuf,
        /// The number of files in it.
        n_files: usize,
    },
    /// No folder in it holds clips.
    #[error("{0} holds no files: expected one folder of recordings for each label")]
    NoLabelledClips(PathBuf),
    /// The dataset's lists put one speaker in two splits: training and evaluation would share a voice.
    #[error(
        "speaker {} is in both {} and {}: validation_list.txt and testing_list.txt must \
         name all clips of a speaker or none",
        printable(.speaker), .splits[0], .splits[1]
    )]
    SpeakerInTwoSplits {
        /// The speaker's name in the file names.
        speaker: String,
        /// The names of two of the splits.
        splits: [&'static str; 2],
    },
    /// A folder of labelled clips whose name is not a label.
    #[error(
        "folder {} is not named after a label: expected one of {}",
        printable(.folder.display()), .expected.join(", ")
    )]
    NotALabel {
        /// The folder.
        folder: PathBuf,
        /// The labels.
        expected: Vec<String>,
    },
    /// The dataset is damaged: too many files of the published archive cannot be decoded.
    #[error(
        "{n_unreadable} of {n_files} published recordings are unreadable, {} among them: fetch the dataset again",
        printable(.path.display())
    )]
    Unreadable {
        /// The first of them.
        path: PathBuf,
        /// The number of unreadable files of the archive.
        n_unreadable: usize,
        /// The number of all files of the archive.
        n_files: usize,
    },
    /// A file or folder could not be read or written.
    #[error("cannot read or write {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The text is not the name of a [`Task`](crate::Task).
    #[error("unknown task {0:?}: expected 12 or 35")]
    Task(String),
    /// The text is not the name of a [`Split`](crate::Split).
    #[error("unknown split {0:?}: expected training, validation or testing")]
    Split(String),
    /// The text cannot be the name of a word.
    #[error("{name:?} cannot be the name of a word: {reason}")]
    Word {
        /// The text.
        name: String,
        /// The fault, and what would be right.
        reason: &'static str,
    },
    /// The names are not a list of [`Labels`](crate::Labels).
    #[error("labels must be at least one, each given once")]
    Labels,
}

impl DatasetError {
    /// For `map_err`: adds the path to an input or output error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
