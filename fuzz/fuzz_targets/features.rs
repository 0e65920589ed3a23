#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sc_fuzz::sound::check_features(bytes));
