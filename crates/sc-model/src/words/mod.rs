//! Words of one's own: taught by a few recordings, without training.
//!
//! The middle of the network tells many words apart, also words that it was not trained on (`assets/RUNS.md`). The
//! output of that block over a second is pooled and projected to an *embedding*, a direction in a space in which clips
//! of one word lie together. A taught word is the mean direction of its recordings. The similarity of a second to it,
//! over its similarity to a bank of ordinary speech, tells if the word was said.

mod pool;
mod space;
mod taught;
mod teach;

pub use pool::{N_STATISTICS, pool};
pub use space::WordSpace;
pub use taught::TaughtWord;
pub use teach::{Advice, LeftOut, Nearest, Reason, Recording, Taught, TeachError, forget, forget_all, teach};

pub(crate) use taught::{combine, confidence};
