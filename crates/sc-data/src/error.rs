//! Why bytes, a file or an archive could not be used.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a recording could not become a [`Waveform`](crate::Waveform).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes do not begin as any audio file that is understood.
    #[error("not an audio file: expected WAV, AIFF, CAF, FLAC, MP3, AAC, MP4, WebM, Ogg Vorbis or Opus")]
    NotAudio,
    /// A WAV file that is damaged or uses an unsupported encoding.
    #[error("unreadable WAV file")]
    Wav(#[from] hound::Error), // the cause is `source()`: don't print it twice
    /// A recording of another format that is damaged or uses an unsupported encoding.
    #[error("unreadable recording")]
    Media(#[from] symphonia::core::errors::Error),
    /// The recording holds no samples at all.
    #[error("the recording holds no samples")]
    Empty,
    /// A sample that is not a finite number.
    #[error("the recording holds a sample that is not a finite number")]
    NotFinite,
    /// The file is larger than the caller allows.
    #[error("the file is larger than {limit} bytes")]
    TooManyBytes {
        /// The largest size accepted, in bytes.
        limit: usize,
    },
    /// The recording is longer than the caller allows.
    #[error("the recording is longer than {limit_s} s")]
    TooLong {
        /// The longest recording accepted, in seconds.
        limit_s: u32,
    },
    /// More channels than the caller allows, or none.
    #[error("{channels} channels: expected 1 to {limit}")]
    Channels {
        /// What the header says.
        channels: u16,
        /// The most channels accepted.
        limit: u16,
    },
    /// A sample rate outside of what the caller allows.
    #[error("a sample rate of {rate_hz} Hz: expected {min_hz} to {max_hz} Hz")]
    SampleRate {
        /// What the header says.
        rate_hz: u32,
        /// The lowest rate accepted.
        min_hz: u32,
        /// The highest rate accepted.
        max_hz: u32,
    },
    /// Front-end settings out of range.
    #[error("front-end settings: {0}")]
    Settings(&'static str),
}

/// Why a folder could not be used as a dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// There is no folder at this path.
    #[error("no folder {0}: `sc-data fetch` downloads the dataset and says where it lies")]
    Missing(PathBuf),
    /// The folder holds no clip.
    #[error(
        "{0} holds no <word>/<speaker>_nohash_<take>.wav: expected the unpacked Speech Commands \
         archive, as `sc-data fetch` leaves it"
    )]
    NoClips(PathBuf),
    /// The folder holds no folder of clips.
    #[error("{0} holds no WAV files: expected one folder of them for each label")]
    NoLabelledClips(PathBuf),
    /// Training and evaluation would share a voice.
    #[error(
        "speaker {speaker} is in both {} and {}: validation_list.txt and testing_list.txt must \
         name all clips of a speaker or none",
        .splits[0], .splits[1]
    )]
    SpeakerInTwoSplits {
        /// As in the file names.
        speaker: String,
        /// The names of two of the splits.
        splits: [&'static str; 2],
    },
    /// A folder of labelled clips whose name is not a label.
    #[error("folder {folder} is not named after a label: expected one of {}", .expected.join(", "))]
    NotALabel {
        /// The folder.
        folder: PathBuf,
        /// The labels.
        expected: Vec<String>,
    },
    /// So many clips cannot be decoded that the dataset must be damaged.
    #[error(
        "{n_unreadable} of {n_files} recordings are unreadable, {path} among them: fetch the dataset again"
    )]
    Unreadable {
        /// The first of them.
        path: PathBuf,
        /// How many there are.
        n_unreadable: usize,
        /// Of how many.
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
    /// Not the name of a [`Task`](crate::Task).
    #[error("unknown task {0:?}: expected 12 or 35")]
    Task(String),
    /// Not the name of a [`Split`](crate::Split).
    #[error("unknown split {0:?}: expected training, validation or testing")]
    Split(String),
    /// Not a list of [`Labels`](crate::Labels).
    #[error("labels must be at least one, each given once")]
    Labels,
}

impl DatasetError {
    /// For `map_err`: names the file that an input or output error is about.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
