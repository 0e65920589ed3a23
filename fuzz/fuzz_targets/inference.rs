#![no_main]

libfuzzer_sys::fuzz_target!(
    // A decoder that panics is caught, and its file refused: only a panic that is not caught ends the process.
    init: drop(std::panic::take_hook()),
    |bytes: &[u8]| sc_fuzz::request::check_inference(sc_fuzz::server(), bytes)
);
