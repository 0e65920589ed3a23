//! Training as a user runs it, on a small data set of synthetic speech-like clips.
#![allow(clippy::unwrap_used)] // in what the tests share, too

mod end_to_end;
mod faults;
mod halves;
mod own_words;
mod resume;
