//! Archives.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use sc_data::{UnpackLimits, unpack};

/// Any archive is unpacked below its folder, or refused without a file left. If the first byte is even, the rest is
/// packed first.
pub fn check_archive(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let packed = if kind % 2 == 1 { bytes.to_vec() } else { pack(bytes) };
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let dest = folder.path().join("unpacked");
    let limits = UnpackLimits { max_entries: 100, max_file_bytes: 1 << 20 };
    let result = unpack(packed.as_slice(), &dest, &limits, &mut |_| ());
    assert_eq!(dest.exists(), result.is_ok(), "left behind after {result:?}");
    let n_entries = std::fs::read_dir(folder.path()).expect("the folder is there").count();
    assert_eq!(n_entries, usize::from(result.is_ok()), "a file beside the folder");
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
