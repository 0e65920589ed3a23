//! The commands: arguments in, text out.

pub mod fetch;
mod progress;
pub mod stats;
