//! SHA-256: what a file must hash to.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
    str::FromStr,
};

use sha2::{Digest, Sha256};

use super::{Event, Stage};
use crate::FetchError;

/// Large enough for the disk, small enough for the processor's cache.
const BUFFER_LEN: usize = 1 << 18;

/// A SHA-256 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// Hashes a file.
    pub(super) fn of_file(path: &Path, on_event: &mut dyn FnMut(Event)) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let total = Some(file.metadata()?.len());
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; BUFFER_LEN];
        let mut done = 0;
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                return Ok(Self(hasher.finalize().into()));
            }
            hasher.update(&buffer[..n]);
            done += n as u64;
            on_event(Event::Progress { stage: Stage::Checking, done, total });
        }
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Sha256Digest {
    type Err = FetchError;

    fn from_str(text: &str) -> Result<Self, FetchError> {
        let not_hex = || FetchError::NotADigest(text.to_owned());
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
        let text = super::super::SPEECH_COMMANDS_SHA256;
        assert_eq!(text.parse::<Sha256Digest>().unwrap().to_string(), text);
    }

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        for text in ["", "af", &"g".repeat(64), &"a".repeat(63), &"a".repeat(66), "é"] {
            assert!(text.parse::<Sha256Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_is_hashed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let digest = Sha256Digest::of_file(file.path(), &mut |_| ()).unwrap().to_string();
        // FIPS 180-2, appendix B.1.
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
