//! What is said of a word that is taught, or not.

use std::ops::RangeInclusive;

use sc_data::{N_SAMPLES, Waveform};
use serde::Serialize;

/// Numbers of recordings that teach a word.
pub const N_RECORDINGS: RangeInclusive<usize> = 3..=50;

/// A recording of a word.
pub struct Recording {
    pub(super) name: String,
    /// At most a second of samples.
    pub(super) samples: Result<Vec<f32>, String>,
}

impl Recording {
    /// Takes its name in the report, a file's path or its number, and 16 kHz mono samples of any length, or the reason
    /// why there are none. It keeps the loudest second, all that is heard: fifty of a minute each would take 190 MB.
    pub fn new(name: String, samples: Result<Vec<f32>, String>) -> Self {
        Self { name, samples: samples.map(loudest_second) }
    }
}

fn loudest_second(samples: Vec<f32>) -> Vec<f32> {
    if samples.len() <= N_SAMPLES { samples } else { Waveform::from_samples(&samples).samples().to_vec() }
}

/// The result of teaching a word.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Taught {
    /// The word.
    pub name: String,
    /// The recordings that taught it.
    pub used: Vec<String>,
    /// The recordings that did not.
    pub left_out: Vec<LeftOut>,
    /// Share of the recordings used that are found when the others alone teach the word.
    pub recall_leave_one_out: f32,
    /// Share of the bank of ordinary speech that is taken for the word.
    pub false_accepts: f32,
    /// The known word that the recordings are most like.
    pub nearest: Option<Nearest>,
    /// What would make the word surer.
    pub advice: Vec<Advice>,
}

/// A recording that taught nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// The reason.
    pub reason: Reason,
    /// The reason in words.
    pub message: String,
}

/// The reason why a recording is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It could not be read.
    Unreadable,
    /// It is the same as another one.
    Repeated,
    /// It is silent or nearly so.
    TooQuiet,
    /// It is louder than its microphone could take.
    Clipped,
    /// It begins or ends within the word.
    CutOff,
    /// It is not like the others.
    Unlike,
}

impl LeftOut {
    pub(super) fn new(name: String, reason: Reason) -> Self {
        let message = match reason {
            Reason::Unreadable => "not readable",
            Reason::Repeated => "the same as another one",
            Reason::TooQuiet => "too quiet: speak up, or come nearer to the microphone",
            Reason::Clipped => "clipped: turn the microphone down, or go farther from it",
            Reason::CutOff => "cut off: expected silence before and after a word of at most a second",
            Reason::Unlike => "not like the others",
        };
        Self { name, reason, message: message.into() }
    }
}

/// The known word that a taught one is most like.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nearest {
    /// The word's label.
    pub label: String,
    /// Its mean probability over the recordings used, before the word was taught.
    pub probability: f32,
}

/// What would make a taught word surer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// A few more recordings.
    MoreRecordings,
    /// A longer word, because ordinary speech is often taken for this one.
    LongerWord,
    /// A word that is less like a known one.
    OtherWord,
}

/// The reason why a word is not taught.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TeachError {
    /// The record has no space in which words are compared.
    #[error(
        "the model has no bank of ordinary speech: `sc-train bank --model FILE --data DIR --out FILE` makes one, from \
         Speech Commands or as much other speech"
    )]
    NoSpace,
    /// The name cannot be a label.
    #[error(transparent)]
    Name(#[from] sc_data::DatasetError),
    /// The label exists.
    #[error("the model knows `{0}` already: choose another name, or forget it first if it was taught")]
    Known(String),
    /// No taught word has this name.
    #[error("`{name}` is no taught word: {known}")]
    NotTaught {
        /// The name asked for.
        name: String,
        /// The taught words, as the end of the sentence.
        known: String,
    },
    /// The record whose words should be joined has none.
    #[error("that model was taught no word: name one that was")]
    NoneTaught,
    /// The record whose words should be joined hears in another way.
    #[error(
        "the words were taught to another network, or beside another bank of ordinary speech: teach them here by their \
         recordings"
    )]
    OtherNetwork,
    /// More recordings than are compared with each other.
    #[error("{0} recordings: expected {least} to {most}", least = N_RECORDINGS.start(), most = N_RECORDINGS.end())]
    TooMany(usize),
    /// Too few recordings can be used.
    #[error("{usable} of {given} recordings can be used: expected at least {least}{reasons}", least = N_RECORDINGS.start())]
    TooFew {
        /// Number that can be used.
        usable: usize,
        /// Number given.
        given: usize,
        /// The reasons for the others, as the end of the sentence.
        reasons: String,
    },
    /// The recordings are not alike.
    #[error("{unlike} of {given} recordings are not like the others: expected recordings of one word")]
    Unlike {
        /// Number that is unlike the others.
        unlike: usize,
        /// Number that can be heard.
        given: usize,
    },
    /// The recordings say a known word.
    #[error("the recordings are heard as `{0}`, which the model knows already")]
    Command(String),
}

impl TeachError {
    /// Returns the kind of refusal in a word or two, for programs that act on it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoSpace => "no_space",
            Self::Name(_) => "name",
            Self::Known(_) => "known",
            Self::NotTaught { .. } => "not_taught",
            Self::NoneTaught => "none_taught",
            Self::OtherNetwork => "other_network",
            Self::TooMany(_) => "too_many",
            Self::TooFew { .. } => "too_few",
            Self::Unlike { .. } => "unlike",
            Self::Command(_) => "heard_as",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_recording_that_teaches_no_more_than_its_loudest_second_is_held() {
        let word = [0.5, -0.5].repeat(N_SAMPLES / 2);
        let long = [vec![0.0; 3 * N_SAMPLES], word.clone(), vec![0.0; N_SAMPLES]].concat();
        assert_eq!(Recording::new("1".into(), Ok(long)).samples, Ok(word));
        assert_eq!(Recording::new("2".into(), Ok(vec![0.5; 100])).samples, Ok(vec![0.5; 100]));
    }
}
