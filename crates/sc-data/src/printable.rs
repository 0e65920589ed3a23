//! Names of files in what people read.

use std::fmt::Display;

/// Escapes the characters by which a file's name could change what a terminal shows.
pub fn printable(name: impl Display) -> String {
    let escape = |c: char| if is_unprintable(c) { c.escape_default().to_string() } else { c.to_string() };
    name.to_string().chars().map(escape).collect()
}

/// Returns true for control characters and marks of direction, which show no letter and change how others are shown.
pub(crate) fn is_unprintable(c: char) -> bool {
    // All of Unicode's property Bidi_Control (UAX #9).
    let is_of_direction = matches!(
        c,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || is_of_direction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_terminal_obeys_is_escaped() {
        assert_eq!(printable("м'яч \\ \u{1b}[31m\r.wav"), "м'яч \\ \\u{1b}[31m\\r.wav");
        assert_eq!(printable("a\u{202E}b\u{2066}c"), "a\\u{202e}b\\u{2066}c");
    }
}
