//! What standard error shows: bars on a terminal, and notes.

use indicatif::{ProgressBar, ProgressStyle};

/// Writes a line to standard error. It is lost where nobody reads it any more: no work ends for that.
macro_rules! note {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}
pub(crate) use note;

/// Shows a bar that counts to `n`.
pub(crate) fn bar(n: usize, message: &'static str) -> ProgressBar {
    const TEMPLATE: &str = "{msg} {wide_bar} {human_pos}/{human_len}, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(n as u64).with_style(style).with_message(message)
}

/// Shows the seconds of sound that were heard, where nobody knows how many there are.
pub(crate) fn heard() -> ProgressBar {
    const TEMPLATE: &str = "{spinner} heard {human_pos} s of sound, {per_sec}";
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}
