//! Sounds, a small data set and a web server for the tests and benchmarks of several crates.
//!
//! Only `[dev-dependencies]` name this crate. It depends on `sc-data`, so the unit tests inside `sc-data` cannot
//! use it: they would see two copies of that crate. Its integration tests and benchmarks can.
//!
//! ```
//! let bytes = sc_test::wav::encode(&sc_test::dataset::spoken("yes", 165.0), 16_000);
//! assert_eq!(bytes.len(), 44 + 2 * 16_000); // a header, and one second of 16-bit samples
//! ```
#![allow(clippy::unwrap_used, reason = "a test fails by its panic, helpers included")]

pub mod archive_server;
pub mod dataset;
pub mod docs;
pub mod fuzzed;
pub mod limited;
pub mod wav;
