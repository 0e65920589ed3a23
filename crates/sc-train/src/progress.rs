//! Progress bars on standard error, shown only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

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
