//! What fuzzing begins with, and what it has found.

use std::{fs, path::Path};

/// Calls `check` with the bytes of each seed of a fuzz target. A file that broke it once is kept among them.
pub fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut n_seeds = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display()); // seen if the check fails
        check(&fs::read(path).unwrap());
        n_seeds += 1;
    }
    assert_ne!(n_seeds, 0, "no seed of {target}");
}
