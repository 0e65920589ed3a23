//! The model that answers, and how it is exchanged for another while requests go on.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use sc_model::{Backend, Classifier, Error};

/// Where a model comes from.
#[derive(Clone, Debug)]
pub struct ModelSource {
    /// The record; none is the one compiled in.
    pub file: Option<PathBuf>,
    /// What runs the network.
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
    /// Loads a model that passes its self-test: a server without one does not start.
    ///
    /// # Errors
    /// As [`ModelSource::load`].
    pub fn load(source: ModelSource) -> Result<Self, Error> {
        let current = RwLock::new(Arc::new(source.load()?));
        Ok(Self { source, current })
    }

    /// Where it comes from.
    pub fn source(&self) -> &ModelSource {
        &self.source
    }

    /// What answers now. A request keeps what it began with.
    pub fn current(&self) -> Arc<Classifier> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loads the source again, aside, and puts it in the place of the current one if it passes its
    /// self-test.
    ///
    /// # Errors
    /// As [`ModelSource::load`]; the current model goes on answering.
    pub fn reload(&self) -> Result<Arc<Classifier>, Error> {
        let fresh = Arc::new(self.source.load()?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(fresh)
    }
}
