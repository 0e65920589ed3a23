//! What fuzzing has found, again.

#[path = "../../../fuzz/src/checks/sound.rs"]
mod sound;

use sc_test::fuzzed::replay;

#[test]
fn files_that_fuzzing_found_are_decoded_or_refused() {
    replay("decode", sound::check_decode);
    replay("wav", sound::check_wav);
}

#[test]
fn samples_that_fuzzing_found_have_features() {
    replay("features", sound::check_features);
}
