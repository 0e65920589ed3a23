//! The model that answers. It can be exchanged for another while requests go on.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use sc_data::{Sha256Digest, with_causes};
use sc_model::{
    Backend, Classifier, Error, Record,
    words::{Recording, Taught, TeachError, check_word, forget, teach},
};

use crate::error::{ApiError, WordsError};

/// The origin of a model.
#[derive(Clone, Debug)]
pub struct ModelSource {
    /// The file of the record. None is the record compiled in.
    pub file: Option<PathBuf>,
    /// The file that keeps the record with the words that clients teach. None teaches no words. The file takes the
    /// place of `file` once it is there.
    pub words: Option<PathBuf>,
    /// The backend that runs the network.
    pub backend: Backend,
}

impl ModelSource {
    /// Loads the record and runs its self-test.
    ///
    /// # Errors
    /// As [`Record::load`] and [`Classifier::new`].
    fn load(&self) -> Result<Current, Error> {
        Current::new(&self.record()?, self.backend)
    }

    /// Loads the record.
    ///
    /// # Errors
    /// As [`Record::load`].
    fn record(&self) -> Result<Record, Error> {
        self.current_file().map_or_else(Record::shipped, Record::load)
    }

    fn current_file(&self) -> Option<&Path> {
        let words = self.words.as_deref().filter(|words| words.exists());
        words.or(self.file.as_deref())
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.current_file() {
            Some(file) => file.display().fmt(f),
            None => f.write_str("the model compiled in"),
        }
    }
}

/// The model that answers.
pub struct Model {
    source: ModelSource,
    current: RwLock<Current>,
    /// Held from the read of a file to the exchange of the model: nobody brings a model back that has been replaced.
    writer: Mutex<()>,
    /// Held while a client has the model loaded again. It is free again after a panic, too.
    reloading: tokio::sync::Mutex<()>,
}

/// A record that passed its self-test.
struct Current {
    classifier: Arc<Classifier>,
    /// Of the record's bytes, taught words included.
    digest: Sha256Digest,
}

impl Current {
    fn new(record: &Record, backend: Backend) -> Result<Self, Error> {
        let digest = Sha256Digest::of(&record.to_bytes()?);
        Ok(Self { classifier: Arc::new(Classifier::new(record, backend)?), digest })
    }
}

impl Model {
    /// Loads a model and runs its self-test. No server starts without a model.
    ///
    /// # Errors
    /// As [`Record::load`] and [`Classifier::new`].
    pub fn load(source: ModelSource) -> Result<Self, Error> {
        let current = RwLock::new(source.load()?);
        Ok(Self { source, current, writer: Mutex::new(()), reloading: tokio::sync::Mutex::default() })
    }

    /// Returns the origin of the model.
    pub fn source(&self) -> &ModelSource {
        &self.source
    }

    /// Returns the classifier that answers now. A request keeps the one that it began with.
    pub(crate) fn current(&self) -> Arc<Classifier> {
        self.current_and_digest().0
    }

    /// Returns the same, and the digest of its record, by which models are told apart.
    pub(crate) fn current_and_digest(&self) -> (Arc<Classifier>, Sha256Digest) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&current.classifier), current.digest)
    }

    /// Loads the model again, aside. If it passes its self-test, it takes the place of the current one.
    ///
    /// # Errors
    /// As [`load`](Self::load). The current model then goes on answering.
    pub fn reload(&self) -> Result<Arc<Classifier>, Error> {
        let _writer = self.writer();
        let fresh = self.source.load()?;
        let classifier = Arc::clone(&fresh.classifier);
        self.replace(fresh);
        Ok(classifier)
    }

    /// Does the same for a client. Of many that ask at once, one is served: each would hold a thread.
    ///
    /// # Errors
    /// [`ApiError::Reloading`] while another client's reload goes on; [`ApiError::Reload`].
    pub(crate) fn reload_alone(&self) -> Result<Arc<Classifier>, ApiError> {
        let _alone = self.reloading.try_lock().map_err(|_| ApiError::Reloading)?;
        self.reload().map_err(ApiError::Reload)
    }

    /// Returns true if clients may teach words.
    pub(crate) fn teaches(&self) -> bool {
        self.source.words.is_some()
    }

    /// Teaches the word `name`.
    ///
    /// # Errors
    /// [`ApiError::Words`], or [`ApiError::Internal`] if the server's own file is of no use. Nothing changes then.
    pub(crate) fn teach(&self, name: &str, recordings: Vec<Recording>) -> Result<Taught, ApiError> {
        self.change(|record| teach(record, name, recordings))
    }

    /// Refuses a name that no word can be taught by, and more recordings than teach one, before they are decoded.
    ///
    /// # Errors
    /// [`ApiError::Words`].
    pub(crate) fn check_word(&self, name: &str, n_recordings: usize) -> Result<(), ApiError> {
        let checked = check_word(&self.current().header().labels, name, n_recordings);
        checked.map(drop).map_err(|error| WordsError::Teach(error).into())
    }

    /// Forgets the taught word `name`.
    ///
    /// # Errors
    /// As [`teach`](Self::teach).
    pub(crate) fn forget(&self, name: &str) -> Result<(), ApiError> {
        self.change(|record| Ok((forget(record, name)?, ())))
    }

    /// Returns the bytes of the current record's file.
    ///
    /// # Errors
    /// [`WordsError::NoTeaching`] if clients may not teach: the file may then be a secret.
    /// [`ApiError::Internal`] if the file cannot be used.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, ApiError> {
        if !self.teaches() {
            return Err(WordsError::NoTeaching.into());
        }
        self.source.record().and_then(|record| record.to_bytes()).map_err(ApiError::internal)
    }

    /// Changes the record, writes it, and then answers by it.
    fn change<T>(
        &self,
        change: impl FnOnce(&Record) -> Result<(Record, T), TeachError>,
    ) -> Result<T, ApiError> {
        let file = self.source.words.as_ref().ok_or(WordsError::NoTeaching)?;
        let _writer = self.writer();
        let record = self.source.record().map_err(ApiError::internal)?;
        let (changed, report) = change(&record).map_err(WordsError::Teach)?;
        let fresh = Current::new(&changed, self.source.backend).map_err(ApiError::internal)?;
        if let Err(error) = changed.save(file) {
            tracing::error!("the words stay as they were: {}", with_causes(&error));
            return Err(WordsError::Unsaved.into());
        }
        self.replace(fresh);
        Ok(report)
    }

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, fresh: Current) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_at_a_time_has_the_model_loaded_again() {
        let model = Model::load(ModelSource { file: None, words: None, backend: Backend::Native }).unwrap();
        let other = model.reloading.try_lock().unwrap();
        assert!(matches!(model.reload_alone(), Err(ApiError::Reloading)));
        drop(other);
        assert!(model.reload_alone().is_ok());
    }
}
