//! The model that answers. It can be exchanged for another while requests go on.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use sc_model::{Backend, Classifier, Error};

/// The origin of a model.
#[derive(Clone, Debug)]
pub struct ModelSource {
    /// The file of the record. None is the record compiled in.
    pub file: Option<PathBuf>,
    /// The backend that runs the network.
    pub backend: Backend,
}

impl ModelSource {
    /// Loads the record and runs its self-test.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn load(&self) -> Result<Classifier, Error> {
        match &self.file {
            Some(file) => Classifier::load(file, self.backend),
            None => Classifier::shipped(self.backend),
        }
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => file.display().fmt(f),
            None => f.write_str("the model compiled in"),
        }
    }
}

/// The model that answers.
pub struct Model {
    source: ModelSource,
    current: RwLock<Arc<Classifier>>,
}

impl Model {
    /// Loads a model and runs its self-test. No server starts without a model.
    ///
    /// # Errors
    /// As [`ModelSource::load`].
    pub fn load(source: ModelSource) -> Result<Self, Error> {
        let current = RwLock::new(Arc::new(source.load()?));
        Ok(Self { source, current })
    }

    /// Returns the origin of the model.
    pub fn source(&self) -> &ModelSource {
        &self.source
    }

    /// Returns the classifier that answers now. A request keeps the one that it began with.
    pub fn current(&self) -> Arc<Classifier> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loads the model again, aside. If it passes its self-test, it takes the place of the current one.
    ///
    /// # Errors
    /// As [`ModelSource::load`]. The current model then goes on answering.
    pub fn reload(&self) -> Result<Arc<Classifier>, Error> {
        let fresh = Arc::new(self.source.load()?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(fresh)
    }
}
