//! Any bytes become finite samples within the limits, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sc_data::{Limits, decode};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    if let Ok(samples) = decode(bytes, &limits) {
        assert!(!samples.is_empty(), "no sample");
        assert!(samples.len() <= 16_000 * limits.max_seconds as usize + 1, "{} samples", samples.len());
        assert!(samples.iter().all(|sample| sample.is_finite()), "a sample that is no number");
    }
});
