//! What a clip's file name says.

use std::path::{Path, PathBuf};

/// A recording of one word, by its path in the dataset: `<word>/<speaker>_nohash_<take>.wav`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The folder: the word that was to be spoken.
    pub word: String,
    /// Who spoke it: eight hexadecimal digits in the published archive.
    pub speaker: String,
    /// Counts a speaker's recordings of one word, from zero.
    pub take: u32,
    /// Relative to the dataset's folder.
    pub path: PathBuf,
}

impl Clip {
    /// Reads `<word>/<file>.wav`; none if `path` has another form.
    ///
    /// A name without `_nohash_` (a recording of one's own) is its speaker's only take.
    pub fn parse(path: &Path) -> Option<Self> {
        let mut parts = path.iter().map(|part| part.to_str());
        let (Some(Some(word)), Some(Some(file)), None) = (parts.next(), parts.next(), parts.next()) else {
            return None;
        };
        let stem = file.strip_suffix(".wav")?;
        let (speaker, take) = stem.split_once("_nohash_").unwrap_or((stem, "0"));
        Some(Self {
            word: word.to_owned(),
            speaker: speaker.to_owned(),
            take: take.parse().ok()?,
            path: path.to_owned(),
        })
    }

    /// Whether the clip is named as those of the published archive are, whose speakers are eight
    /// hexadecimal digits; else somebody added it.
    pub fn is_published(&self) -> bool {
        self.speaker.len() == 8 && self.speaker.bytes().all(|digit| digit.is_ascii_hexdigit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_word_speaker_and_take() {
        let path = PathBuf::from("yes/0a7c2a8d_nohash_3.wav");
        let expected = Clip { word: "yes".into(), speaker: "0a7c2a8d".into(), take: 3, path: path.clone() };
        assert!(expected.is_published());
        assert_eq!(Clip::parse(&path), Some(expected));
    }

    #[test]
    fn a_name_without_nohash_is_a_speaker_of_its_own() {
        let clip = Clip::parse(Path::new("lamp/kitchen.wav")).unwrap();
        assert_eq!((clip.speaker.as_str(), clip.take), ("kitchen", 0));
        assert!(!clip.is_published());
    }

    #[test]
    fn other_paths_are_no_clips() {
        for path in ["README.md", "a.wav", "yes/a.txt", "yes/a/b.wav", "yes/a_nohash_x.wav", ""] {
            assert_eq!(Clip::parse(Path::new(path)), None, "{path}");
        }
    }
}
