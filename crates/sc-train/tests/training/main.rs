//! Training as a user runs it, on a small data set of synthetic speech-like clips.
#![allow(clippy::unwrap_used)] // in what the tests share, too

#[path = "../../../sc-data/tests/fetch/server.rs"]
mod archive_server;
mod dataset;
mod end_to_end;
mod halves;
mod resume;
