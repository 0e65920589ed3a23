//! SHA-256 digests, of files and of sets of files.

use std::fmt;

use sha2::{Digest, Sha256};

/// A SHA-256 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::finish(Sha256::new_with_prefix(bytes))
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the digest of all bytes given to `hasher`.
    pub(crate) fn finish(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Sha256Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let not_hex = || format!("{text:?} is not a SHA-256: expected 64 hexadecimal digits");
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(not_hex()) };
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let byte = |&[high, low]: &[u8; 2]| Some((digit(high)? << 4 | digit(low)?) as u8);
        let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>().ok_or_else(not_hex)?;
        bytes.try_into().map(Self).map_err(|_| not_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_being_read_and_written() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(text.parse::<Sha256Digest>().unwrap().to_string(), text);
    }

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        for text in ["", "af", &"g".repeat(64), &"a".repeat(63), &"a".repeat(66), "é"] {
            assert!(text.parse::<Sha256Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_hashed() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256Digest::of(b"abc").to_string(), expected);
    }
}
