//! Programs that may use only so much of something.

use std::ffi::OsStr;
use std::process::Command;

/// Returns the command within a limit of bash's `ulimit`: `-n 64` are 64 descriptors, `-f 100` lets no file grow beyond
/// 100 kB, as on a disk that is full.
pub fn limited(command: &Command, limit: &str) -> Command {
    let mut shell = Command::new("bash");
    // Without the trap, a program ends at the first byte too many.
    let script = format!("trap '' XFSZ; ulimit {limit}; exec \"$@\"");
    shell.args([OsStr::new("-c"), script.as_ref(), "bash".as_ref(), command.get_program()]);
    shell.args(command.get_args());
    shell
}
