//! Any chunks behind the head of a WAV file: what is decoded is finite and at full scale or less.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sc_data::{Limits, decode};

fuzz_target!(|chunks: &[u8]| {
    let file = [b"RIFF\xFF\xFF\xFF\xFFWAVE", chunks].concat();
    let limits = Limits { max_seconds: 10, ..Limits::default() };
    if let Ok(samples) = decode(&file, &limits) {
        // The resampler may overshoot a little.
        assert!(samples.iter().all(|sample| sample.abs() < 4.0), "beyond full scale");
    }
});
