//! Words of one's own: taught by a few recordings, without training.
//!
//! The middle of the network tells many words apart, also words that it was not trained on (`assets/RUNS.md`). The
//! output of that block over a second is pooled and projected to an *embedding*, a direction in a space in which clips
//! of one word lie together. A taught word is the mean direction of its recordings. The similarity of a second to it,
//! over its similarity to a bank of ordinary speech, tells if the word was said.

mod join;
mod likeness;
mod pool;
mod report;
mod space;
mod takes;
mod taught;
mod teach;
mod vector;

pub use join::join;
pub use pool::pool;
pub use report::{Advice, LeftOut, N_RECORDINGS, Nearest, Reason, Recording, Taught, TeachError};
pub use space::{Embedding, WordSpace};
pub use taught::TaughtWord;
pub use teach::{check, check_word, forget, forget_all, teach};

pub(crate) use taught::{combine, confidence};
