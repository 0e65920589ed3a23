//! The model that answers. It can be exchanged for another while requests go on.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use actix_web::web::Bytes;
use sc_data::{Sha256Digest, with_causes};
use sc_model::{
    Backend, Classifier, Error, Record,
    words::{Recording, Taught, TeachError, check_word, forget, teach},
};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

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
    /// Loads the record and runs its self-test. Warns if clients may teach words, but none can be taught to it.
    ///
    /// # Errors
    /// As [`Record::load`] and [`Classifier::new`].
    fn load(&self) -> Result<Current, Error> {
        let record = self.record()?;
        if self.words.is_some() && record.words.is_none() {
            tracing::warn!("no word can be taught: {}", TeachError::NoSpace);
        }
        Current::new(&record, self)
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
    changing: Arc<Mutex<()>>,
}

/// The right to change the model, which one at a time has from the read of a file to the exchange: nobody brings a model back
/// that has been replaced.
pub struct Change {
    model: Arc<Model>,
    _alone: OwnedMutexGuard<()>,
}

/// A record that passed its self-test.
struct Current {
    classifier: Arc<Classifier>,
    /// Of the record's bytes, taught words included.
    digest: Sha256Digest,
    /// These bytes, once for all that download them. None if clients may not teach: the record may then be a secret.
    bytes: Option<Bytes>,
}

impl Current {
    fn new(record: &Record, source: &ModelSource) -> Result<Self, Error> {
        // First: bytes that are not kept are gone again before the engine takes memory.
        let bytes = record.to_bytes()?;
        let digest = Sha256Digest::of(&bytes);
        let bytes = source.words.is_some().then(|| bytes.into());
        Ok(Self { classifier: Arc::new(Classifier::new(record, source.backend)?), digest, bytes })
    }
}

impl Model {
    /// Loads a model and runs its self-test. No server starts without a model.
    ///
    /// # Errors
    /// As [`Record::load`] and [`Classifier::new`].
    pub fn load(source: ModelSource) -> Result<Self, Error> {
        let current = RwLock::new(source.load()?);
        Ok(Self { source, current, changing: Arc::default() })
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

    /// Waits for the right to change the model.
    pub async fn change(self: &Arc<Self>) -> Change {
        let alone = Arc::clone(&self.changing).lock_owned().await;
        Change { model: Arc::clone(self), _alone: alone }
    }

    /// Does the same for a client that wants the model loaded again. It does not wait, as many that ask at once would.
    ///
    /// # Errors
    /// [`ApiError::Changing`] while another has the right.
    pub(crate) fn change_now(self: &Arc<Self>) -> Result<Change, ApiError> {
        let alone = Arc::clone(&self.changing).try_lock_owned().map_err(|_| ApiError::Changing)?;
        Ok(Change { model: Arc::clone(self), _alone: alone })
    }

    /// Returns true if clients may teach words.
    pub(crate) fn teaches(&self) -> bool {
        self.source.words.is_some()
    }

    /// Refuses a name that no word can be taught by, and more recordings than teach one, before they are decoded. One that
    /// was taught before may be taught again.
    ///
    /// # Errors
    /// [`ApiError::Words`].
    pub(crate) fn check_word(&self, name: &str, n_recordings: usize) -> Result<(), ApiError> {
        let classifier = self.current();
        let of_network = classifier.header().network_labels();
        check_word(of_network, name, n_recordings).map(drop).map_err(|error| WordsError::Teach(error).into())
    }

    /// Returns the bytes of the record that answers, with its taught words, and their digest.
    ///
    /// # Errors
    /// [`WordsError::NoTeaching`] if clients may not teach.
    pub(crate) fn bytes_and_digest(&self) -> Result<(Bytes, Sha256Digest), WordsError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let bytes = current.bytes.clone().ok_or(WordsError::NoTeaching)?;
        Ok((bytes, current.digest))
    }
}

impl Change {
    /// Loads the model again, aside. If it passes its self-test, it takes the place of the current one.
    ///
    /// # Errors
    /// As [`Model::load`]. The current model then goes on answering.
    pub fn reload(self) -> Result<Arc<Classifier>, Error> {
        let fresh = self.model.source.load()?;
        let classifier = Arc::clone(&fresh.classifier);
        self.replace(fresh);
        Ok(classifier)
    }

    /// Teaches the word `name`, in place of one of that name that was taught before.
    ///
    /// # Errors
    /// [`ApiError::Words`], [`ApiError::Internal`] if the changed record is of no use, or [`ApiError::Cancelled`].
    /// Nothing changes then.
    pub(crate) fn teach(
        self,
        name: &str,
        recordings: Vec<Recording>,
        cancellation: &CancellationToken,
    ) -> Result<Taught, ApiError> {
        self.make(cancellation, |record| {
            let without = forget(record, name);
            teach(without.as_ref().unwrap_or(record), name, recordings)
        })
    }

    /// Forgets the taught word `name`.
    ///
    /// # Errors
    /// As [`teach`](Self::teach).
    pub(crate) fn forget(self, name: &str, cancellation: &CancellationToken) -> Result<(), ApiError> {
        self.make(cancellation, |record| Ok((forget(record, name)?, ())))
    }

    /// Changes the record, writes it, and then answers by it. A client that does not wait any more finds all as it was.
    fn make<T>(
        self,
        cancellation: &CancellationToken,
        change: impl FnOnce(&Record) -> Result<(Record, T), TeachError>,
    ) -> Result<T, ApiError> {
        let source = &self.model.source;
        let file = source.words.as_ref().ok_or(WordsError::NoTeaching)?;
        let (changed, report) = change(&self.record()?).map_err(WordsError::Teach)?;
        let fresh = Current::new(&changed, source).map_err(ApiError::internal)?;
        if cancellation.is_cancelled() {
            return Err(ApiError::Cancelled);
        }
        if let Err(error) = changed.save(file) {
            tracing::error!("the words stay as they were: {}", with_causes(&error));
            return Err(WordsError::Unsaved.into());
        }
        self.replace(fresh);
        Ok(report)
    }

    /// Reads the record that answers from its file.
    ///
    /// # Errors
    /// [`WordsError::Exchanged`] if the file holds another record by now, or none.
    fn record(&self) -> Result<Record, WordsError> {
        let read = self.model.source.record();
        let read = read.and_then(|record| record.to_bytes().map(|bytes| (record, Sha256Digest::of(&bytes))));
        let (record, digest) = read.map_err(|error| {
            tracing::error!("the model's file is not the one that answers: {}", with_causes(&error));
            WordsError::Exchanged
        })?;
        if digest != self.model.current_and_digest().1 {
            return Err(WordsError::Exchanged);
        }
        Ok(record)
    }

    fn replace(&self, fresh: Current) {
        *self.model.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_operator_is_warned_of_a_model_that_cannot_be_taught() {
        let [file, log] = [(); 2].map(|()| tempfile::NamedTempFile::new().unwrap());
        let logs = tracing_subscriber::fmt().with_writer(log.reopen().unwrap()).finish();
        let source = ModelSource {
            file: Some(file.path().into()),
            words: Some("no/such/file".into()),
            backend: Backend::Native,
        };
        let mut record = Record::shipped().unwrap();
        record.words = None;
        record.save(file.path()).unwrap();

        assert!(tracing::subscriber::with_default(logs, || source.load()).is_ok());

        let log = fs::read_to_string(log.path()).unwrap();
        assert!(log.contains("no word can be taught: the model has no bank"), "{log}");
    }

    #[actix_web::test]
    async fn one_at_a_time_changes_the_model() {
        let source = ModelSource { file: None, words: None, backend: Backend::Native };
        let model = Arc::new(Model::load(source).unwrap());
        let other = model.change().await;
        assert!(matches!(model.change_now(), Err(ApiError::Changing)));
        drop(other);
        assert!(model.change_now().unwrap().reload().is_ok());
    }
}
