//! The labels of a task or of one's own words, by index and by name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{DatasetError, printable::is_unprintable};

/// The label of every word that is not a keyword.
pub const UNKNOWN: &str = "_unknown_";
/// The label of background noise without speech.
pub const SILENCE: &str = "_silence_";

/// The words of version 0.02 (arXiv:1804.03209): the ten commands first, then the others.
const WORDS: [&str; 35] = [
    "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "backward", "bed", "bird", "cat",
    "dog", "eight", "five", "follow", "forward", "four", "happy", "house", "learn", "marvin", "nine", "one",
    "seven", "sheila", "six", "three", "tree", "two", "visual", "wow", "zero",
];
const N_COMMANDS: usize = 10;

/// Most characters in the name of a word.
const LONGEST_WORD: usize = 40;

/// Returns a word's name in Unicode's normal form C, in which the same letters are the same bytes. Some systems write a
/// letter and its accent apart. In WebAssembly the name stays as it is: there JavaScript knows the form.
pub fn normal_form(name: &str) -> String {
    #[cfg(not(target_arch = "wasm32"))]
    let name = icu_normalizer::ComposingNormalizerBorrowed::new_nfc().normalize(name);
    name.into()
}

/// Returns the label of the word `name`, in any script: its [normal form](normal_form).
///
/// # Errors
/// [`DatasetError::Word`] says what would be right.
pub fn word_label(name: &str) -> Result<String, DatasetError> {
    let name = normal_form(name);
    // They end a path, a line or an item, or turn it around.
    let is_foreign = |c: char| is_unprintable(c) || "/\\:*?\"<>|,".contains(c);
    let reason = if name.is_empty() || name.trim() != name {
        "expected letters, without a space at either end"
    } else if name.chars().count() > LONGEST_WORD {
        "expected at most 40 characters"
    } else if !name.starts_with(char::is_alphanumeric) {
        "expected a letter or digit first"
    } else if name.contains(is_foreign) {
        "expected no control character, and none of / \\ : * ? \" < > | ,"
    } else {
        return Ok(name);
    };
    Err(DatasetError::Word { name: name.chars().take(LONGEST_WORD).collect(), reason })
}

/// A choice of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// `12`: ten commands, [`UNKNOWN`] for every other word, [`SILENCE`].
    #[default]
    Commands,
    /// `35`: every word of version 0.02, and [`SILENCE`].
    Words,
}

impl Task {
    /// Returns the task's labels.
    pub fn labels(self) -> Labels {
        let (words, rest): (_, &[_]) = match self {
            Self::Commands => (&WORDS[..N_COMMANDS], &[UNKNOWN, SILENCE]),
            Self::Words => (&WORDS[..], &[SILENCE]),
        };
        Labels(words.iter().chain(rest).map(ToString::to_string).collect())
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commands => "12",
            Self::Words => "35",
        })
    }
}

impl FromStr for Task {
    type Err = DatasetError;

    fn from_str(name: &str) -> Result<Self, DatasetError> {
        match name {
            "12" => Ok(Self::Commands),
            "35" => Ok(Self::Words),
            _ => Err(DatasetError::Task(name.to_owned())),
        }
    }
}

/// A choice of a data set's words, `all` or a list with commas: the labels of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// Every word of the data set.
    All,
    /// These words; every other one is [`UNKNOWN`].
    Named(Vec<String>),
}

impl FromStr for Words {
    type Err = DatasetError;

    fn from_str(text: &str) -> Result<Self, DatasetError> {
        if text == "all" {
            return Ok(Self::All);
        }
        let names: Vec<String> =
            text.split(',').map(|name| word_label(name.trim())).collect::<Result<_, _>>()?;
        Labels::of_words(&names)?; // each once
        Ok(Self::Named(names))
    }
}

/// Label names in the order of the network's outputs: at least one, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct Labels(Vec<String>);

impl Labels {
    /// The labels of some words: the words in their order, [`UNKNOWN`] and [`SILENCE`].
    ///
    /// # Errors
    /// [`DatasetError::Labels`] if one is given twice.
    pub fn of_words(words: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, DatasetError> {
        let words = words.into_iter().map(Into::into);
        words.chain([UNKNOWN, SILENCE].map(str::to_owned)).collect::<Vec<_>>().try_into()
    }

    /// The names, by index.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Returns the index of a label.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| known == name)
    }

    /// Returns the index of the word's own label; none of [`UNKNOWN`] or [`SILENCE`], which are no words.
    pub fn index_of_keyword(&self, word: &str) -> Option<usize> {
        self.index(word).filter(|index| self.is_keyword(*index))
    }

    /// Returns the index of the word's own label, else of [`UNKNOWN`], else `None`.
    pub fn index_of_word(&self, word: &str) -> Option<usize> {
        self.index(word).or_else(|| self.index(UNKNOWN))
    }

    /// Returns true if a label stands for one word: it is neither [`UNKNOWN`] nor [`SILENCE`].
    pub fn is_keyword(&self, index: usize) -> bool {
        self.0.get(index).is_some_and(|name| name != UNKNOWN && name != SILENCE)
    }

    /// Returns true if `name` is a label that stands for one word.
    pub fn has_keyword(&self, name: &str) -> bool {
        self.index_of_keyword(name).is_some()
    }
}

impl From<Labels> for Vec<String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

impl TryFrom<Vec<String>> for Labels {
    type Error = DatasetError;

    fn try_from(names: Vec<String>) -> Result<Self, DatasetError> {
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if names.is_empty() || sorted.len() != names.len() {
            return Err(DatasetError::Labels);
        }
        Ok(Self(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_labels_are_ten_commands_then_unknown_and_silence() {
        let labels = Task::Commands.labels();
        assert_eq!(labels.names().len(), 12);
        assert_eq!(labels.names()[9..], ["go", UNKNOWN, SILENCE]);
        assert_eq!((0..20).filter(|&i| labels.is_keyword(i)).count(), 10);
    }

    #[test]
    fn thirty_five_words_and_silence_have_no_unknown() {
        let labels = Task::Words.labels();
        assert_eq!(labels.names().len(), 36);
        assert_eq!(labels.index_of_word("zero"), Some(34));
        assert_eq!(labels.index_of_word("other"), None);
    }

    #[test]
    fn a_word_without_a_label_of_its_own_is_unknown() {
        let labels = Task::Commands.labels();
        assert_eq!(labels.index_of_word("up"), labels.index("up"));
        assert_eq!(labels.index_of_word("marvin"), labels.index(UNKNOWN));
    }

    #[test]
    fn a_word_may_be_of_any_script_but_no_path_and_no_novel() {
        for word in ["lights", "допомога", "नमस्ते", "good morning", "O'Brien", "3"] {
            assert_eq!(word_label(word).unwrap(), word);
        }
        let long = "a".repeat(200);
        for (word, reason) in [
            ("", "expected letters"),
            (" lights", "without a space"),
            (&long, "at most 40"),
            ("_unknown_", "letter or digit first"),
            ("../lights", "letter or digit first"),
            ("a/b", "none of / \\ : *"),
            ("a\nb", "no control character"),
            ("a\u{202E}b", "no control character"),
            ("a,b", "none of / \\ : *"),
        ] {
            let error = word_label(word).unwrap_err().to_string();
            assert!(error.contains(reason) && error.chars().count() < 150, "{error}");
        }
    }

    #[test]
    fn a_letter_and_its_accent_apart_are_the_same_word() {
        assert_eq!(word_label("cafe\u{301}").unwrap(), "caf\u{e9}");
        assert_eq!(word_label("и\u{306}ого").unwrap(), "\u{439}ого");
        assert_eq!(word_label("नमस्ते").unwrap(), "नमस्ते");
        let error = "caf\u{e9},cafe\u{301}".parse::<Words>().unwrap_err().to_string();
        assert!(error.contains("each given once"), "{error}");
    }

    #[test]
    fn words_of_ones_own_come_before_unknown_and_silence() {
        assert_eq!("all".parse::<Words>().unwrap(), Words::All);
        let Words::Named(names) = "lights, допомога".parse().unwrap() else {
            panic!("a list of words")
        };
        let labels = Labels::of_words(names).unwrap();
        assert_eq!(labels.names(), ["lights", "допомога", UNKNOWN, SILENCE]);
        assert_eq!(labels.index_of_keyword("допомога"), Some(1));
        assert_eq!(labels.index_of_keyword(UNKNOWN), None);
        for (words, reason) in
            [("", "expected letters"), ("a,,b", "expected letters"), ("a,b,a", "each given once")]
        {
            let error = words.parse::<Words>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_task_survives_being_written_and_read() {
        for task in [Task::Commands, Task::Words] {
            assert_eq!(task.to_string().parse::<Task>().unwrap(), task);
        }
        assert!("13".parse::<Task>().is_err());
    }
}
