//! Names of files in what people read.

use std::fmt::Display;

/// Escapes control characters, by which a file's name could change what a terminal shows.
pub fn printable(name: impl Display) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    name.to_string().chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_terminal_obeys_is_escaped() {
        assert_eq!(printable("м'яч \\ \u{1b}[31m\r.wav"), "м'яч \\ \\u{1b}[31m\\r.wav");
    }
}
