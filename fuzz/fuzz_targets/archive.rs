//! Any archive is unpacked below its folder, or refused without a file left.
#![no_main]

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use sc_data::{UnpackLimits, unpack};

fuzz_target!(|input: (bool, Vec<u8>)| {
    let (is_packed, bytes) = input;
    let packed = if is_packed {
        bytes
    } else {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(&bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let dest = folder.path().join("unpacked");
    let limits = UnpackLimits { max_entries: 100, max_file_bytes: 1 << 20 };
    let result = unpack(packed.as_slice(), &dest, &limits, &mut |_| ());
    assert_eq!(dest.exists(), result.is_ok(), "left behind after {result:?}");
    let n_entries = std::fs::read_dir(folder.path()).expect("the folder is there").count();
    assert_eq!(n_entries, usize::from(result.is_ok()), "a file beside the folder");
});
