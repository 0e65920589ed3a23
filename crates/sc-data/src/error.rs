//! Why bytes, a file or an archive could not be used.

/// Why a recording could not become a [`Waveform`](crate::Waveform).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes do not begin as any audio file that is understood.
    #[error("not an audio file: expected a WAV (RIFF) header")]
    NotAudio,
    /// A WAV file that is damaged or uses an unsupported encoding.
    #[error("unreadable WAV file")]
    Wav(#[from] hound::Error), // the cause is `source()`: don't print it twice
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
