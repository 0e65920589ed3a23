//! The words and the splits of a data set by the clips that can be read.

use std::collections::HashMap;

use crate::{
    DatasetError, Labels, SampleCache, SpeechCommands, Split, UNKNOWN, Words, printable, word_label,
};

impl SpeechCommands {
    /// Splits again for some labels: without lists, every split gets clips of keywords that can be read.
    #[must_use]
    pub fn split_for(self, labels: &Labels, cache: &SampleCache) -> Self {
        let has_keyword: Vec<_> = self.clips().iter().map(|clip| labels.has_keyword(&clip.word)).collect();
        self.split_by(|clip| has_keyword[clip] && cache.is_readable(clip))
    }

    /// The indices of a split's clips that can be read.
    pub fn readable_in(&self, split: Split, cache: &SampleCache) -> impl Iterator<Item = usize> {
        self.clips_in(split).filter(move |clip| cache.is_readable(*clip))
    }

    /// Warns if fewer than half of the clips that [`split_for`](Self::split_for) goes by are for training, as with lists or
    /// few speakers they may be.
    pub fn warn_of_little_training(&self, labels: &Labels, cache: &SampleCache) {
        let counts = |clip: &usize| labels.has_keyword(&self.clips()[*clip].word) && cache.is_readable(*clip);
        let n_training = self.clips_in(Split::Train).filter(counts).count();
        let n_clips = (0..self.clips().len()).filter(counts).count();
        if 2 * n_training < n_clips {
            tracing::warn!(
                "training has only {n_training} of {n_clips} recordings: the others are of speakers for validation and \
                 testing. The lists validation_list.txt and testing_list.txt can name others"
            );
        }
    }

    /// Returns the labels of a choice of words: the words, [`UNKNOWN`] and [`SILENCE`](crate::SILENCE). All words are
    /// those that a clip can be read of; a warning names two that differ in capital letters alone.
    ///
    /// # Errors
    /// [`DatasetError::NoClipOf`] or [`DatasetError::NoReadableClipOf`] if no clip of a named word can be read,
    /// [`DatasetError::Word`] if a folder's name cannot be a label.
    pub fn labels(&self, words: &Words, cache: &SampleCache) -> Result<Labels, DatasetError> {
        let mut readable = self.words(|clip| cache.is_readable(clip));
        readable.retain(|word| *word != UNKNOWN);
        match words {
            Words::All => {
                warn_of_capitals(&readable);
                Labels::of_words(readable.into_iter().map(word_label).collect::<Result<Vec<_>, _>>()?)
            }
            Words::Named(names) => {
                let missing = names.iter().find(|name| !readable.contains(&name.as_str()));
                missing.map_or(Ok(()), |word| Err(self.no_clip_of(word)))?;
                Labels::of_words(names)
            }
        }
    }

    /// The error of a word without a clip that can be read.
    fn no_clip_of(&self, word: &str) -> DatasetError {
        let n_files = self.clips().iter().filter(|clip| clip.word == word).count();
        if n_files > 0 {
            return DatasetError::NoReadableClipOf { folder: self.root().join(word), n_files };
        }
        let folders = self.words(|_| true).into_iter().map(str::to_owned).collect();
        DatasetError::NoClipOf { word: word.to_owned(), root: self.root().to_owned(), folders }
    }
}

fn warn_of_capitals(words: &[&str]) {
    let mut seen = HashMap::new();
    for word in words {
        if let Some(other) = seen.insert(word.to_lowercase(), word) {
            let [other, word] = [other, word].map(printable);
            tracing::warn!(
                "{other} and {word} are taken for two words: put their recordings into one folder if they are the same"
            );
        }
    }
}
