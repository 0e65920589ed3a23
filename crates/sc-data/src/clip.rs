//! The word, speaker and take in a clip's file name.

use std::path::{Path, PathBuf};

/// A short file with one spoken word. Its path in the dataset is `<word>/<speaker>_nohash_<take>.wav`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The word that the speaker was asked for: the folder's name.
    pub word: String,
    /// The speaker's name: eight hexadecimal digits in the published archive.
    pub speaker: String,
    /// Number of this clip among its speaker's clips of one word, from zero.
    pub take: u32,
    /// Path relative to the dataset's folder.
    pub path: PathBuf,
}

impl Clip {
    /// Parses `<word>/<file>.wav`. Returns `None` if `path` has another form.
    ///
    /// A file name without `_nohash_`, as of one's own clips, is the speaker's name, and its take is 0.
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

    /// The word that was said: the folder's, or for a synthetic clip of another word the end of its speaker's name, as
    /// `scripts/speak.py` writes it: `<synthesiser>-<number>-<word>`.
    pub fn said(&self) -> &str {
        if self.is_published() {
            return &self.word;
        }
        match self.speaker.splitn(3, '-').nth(2) {
            Some(word) if !word.is_empty() => word,
            _ => &self.word,
        }
    }

    /// Returns true if the clip is named as in the published archive: its speaker is eight hexadecimal
    /// digits. Any other clip was added to it.
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
    fn a_synthetic_clip_names_its_word() {
        let said = |path: &str| Clip::parse(Path::new(path)).unwrap().said().to_owned();
        assert_eq!(said("spoken_other/espeak-17-lamp_nohash_0.wav"), "lamp");
        assert_eq!(said("yes/0a7c2a8d_nohash_3.wav"), "yes");
        assert_eq!(said("lamp/jo-ann_nohash_3.wav"), "lamp");
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
