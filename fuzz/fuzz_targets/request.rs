//! Any bytes on a connection get an answer that is no 500, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    sc_fuzz::send(bytes);
});
