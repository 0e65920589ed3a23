//! The word and the speaker in a clip's path.

use std::path::{Path, PathBuf};

use crate::normal_form;

/// An audio file with one spoken word, in the folder of that word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The word that the speaker was asked for: the [normal form](normal_form) of the folder's name.
    pub word: String,
    /// The speaker's name: eight hexadecimal digits in the published archive. The path, in a data set of too few
    /// speakers to be split by them.
    pub speaker: String,
    /// Path relative to the dataset's folder.
    pub path: PathBuf,
}

impl Clip {
    /// Parses `<word>/…/<file>`. Returns `None` if `path` names no folder.
    ///
    /// The speaker is what stands before `_nohash_` in the file's name, else the folder within the word's folder, else
    /// the file's name without its extension.
    pub fn parse(path: &Path) -> Option<Self> {
        let parts: Vec<&str> = path.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
        let [word, folders @ .., file] = parts.as_slice() else { return None };
        let stem = Path::new(file).file_stem()?.to_str()?;
        let speaker = match (stem.split_once("_nohash_"), folders) {
            (Some((speaker, _)), _) if !speaker.is_empty() => speaker,
            (_, [folder, ..]) => folder,
            (_, []) => stem,
        };
        Some(Self { word: normal_form(word), speaker: speaker.to_owned(), path: path.to_owned() })
    }

    /// The word that was said: the folder's, or in a folder `spoken_…`, which holds many words, the end of the speaker's
    /// name, `<synthesiser>-<number>-<word>`. Running speech is there too, and says no word: `<source>-<number>`. A folder
    /// `other` holds words whose names are lost.
    pub fn said(&self) -> Option<&str> {
        if !self.word.starts_with("spoken_") {
            return Some(self.word.as_str()).filter(|word| *word != "other");
        }
        self.speaker.splitn(3, '-').nth(2).filter(|word| !word.is_empty())
    }

    /// Returns true if the file is named as in the published archive, `<eight hexadecimal digits>_nohash_<number>.wav`.
    /// Any other clip was added to it.
    pub fn is_published(&self) -> bool {
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let parts = name.strip_suffix(".wav").and_then(|stem| stem.split_once("_nohash_"));
        let Some((speaker, number)) = parts else { return false };
        let is_speaker = speaker.len() == 8 && speaker.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_speaker && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_word_and_speaker() {
        let path = PathBuf::from("yes/0a7c2a8d_nohash_3.wav");
        let expected = Clip { word: "yes".into(), speaker: "0a7c2a8d".into(), path: path.clone() };
        assert!(expected.is_published());
        assert_eq!(Clip::parse(&path), Some(expected));
    }

    #[test]
    fn a_recording_named_by_its_date_is_not_published() {
        let is_published = |path: &str| Clip::parse(Path::new(path)).unwrap().is_published();
        assert!(is_published("yes/0a7c2a8d_nohash_0.wav"));
        for path in ["lamp/20261127.wav", "lamp/20261127/1.wav", "yes/kokoro-1-yes_nohash_0.wav"] {
            assert!(!is_published(path), "{path}");
        }
    }

    #[test]
    fn a_published_clip_stays_one_where_it_is_its_own_speaker() {
        let path = PathBuf::from("yes/0a7c2a8d_nohash_0.wav");
        let clip = Clip { word: "yes".into(), speaker: path.display().to_string(), path };
        assert!(clip.is_published());
    }

    #[test]
    fn a_synthetic_clip_names_its_word_and_running_speech_has_none() {
        let said = |path: &str| Clip::parse(Path::new(path)).unwrap().said().map(str::to_owned);
        assert_eq!(said("spoken_other/espeak-17-lamp_nohash_0.wav").as_deref(), Some("lamp"));
        assert_eq!(said("yes/0a7c2a8d_nohash_3.wav").as_deref(), Some("yes"));
        assert_eq!(said("lamp/2026-11-27-kitchen.wav").as_deref(), Some("lamp"));
        assert_eq!(said("spoken_queen/queen-17_nohash_0.wav"), None);
        assert_eq!(said("other/0a7c2a8d_nohash_3.wav"), None);
    }

    #[test]
    fn a_speaker_is_named_by_the_file_else_by_its_folder_else_by_nothing() {
        for (path, speaker) in [
            ("lamp/ann/jo_nohash_3.flac", "jo"),
            ("lamp/ann/kitchen.wav", "ann"),
            ("lamp/ann/monday/1.mp3", "ann"),
            ("lamp/kitchen.2.wav", "kitchen.2"),
            ("lamp/_nohash_0.wav", "_nohash_0"),
            ("допомога/Марта/1.ogg", "Марта"),
        ] {
            let clip = Clip::parse(Path::new(path)).unwrap();
            assert_eq!(clip.speaker, speaker, "{path}");
            assert!(!clip.is_published());
        }
    }

    #[test]
    fn other_paths_are_no_clips() {
        for path in ["README.md", "a.wav", ""] {
            assert_eq!(Clip::parse(Path::new(path)), None, "{path}");
        }
    }
}
