//! The text of an error.

use std::error::Error;
use std::iter::successors;

/// Joins an error and its causes: `error: its cause: the cause's cause`.
pub fn with_causes(error: &dyn Error) -> String {
    let causes = successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read it")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_is_told_with_its_causes() {
        assert_eq!(with_causes(&Outer(std::io::Error::other("no disk"))), "cannot read it: no disk");
        assert_eq!(with_causes(&std::io::Error::other("no disk")), "no disk");
    }
}
