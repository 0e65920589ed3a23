//! The one state that all handlers share.

use std::sync::Arc;

use crate::{
    Access, Capacity, Lifecycle, Model,
    connections::Connections,
    metrics::{Metrics, Phase},
    pool::Pool,
    recogniser::Recogniser,
    refusals::Refusals,
    shares::Shares,
};

/// The state of a running service.
pub struct AppState {
    pub name: String,
    pub capacity: Capacity,
    pub access: Access,
    pub lifecycle: Arc<Lifecycle>,
    pub model: Arc<Model>,
    pub metrics: Arc<Metrics>,
    pub refusals: Arc<Refusals>,
    pub connections: Connections,
    /// One unit for each byte of the bodies of requests.
    pub memory: Arc<Shares>,
    pub recogniser: Arc<Recogniser>,
}

impl AppState {
    /// Makes the state of a service that has answered nobody yet.
    pub fn new(
        model: Arc<Model>,
        name: String,
        capacity: Capacity,
        access: Access,
        lifecycle: Arc<Lifecycle>,
    ) -> Self {
        let metrics = Arc::new(Metrics::new());
        let waits = Arc::clone(&metrics);
        let pool = Pool::new(&capacity, move |wait| waits.took(Phase::Queue, wait));
        let limits = capacity.audio.clone();
        let recogniser = Recogniser::new(Arc::clone(&model), limits, pool, Arc::clone(&metrics));
        let connections = Connections::new(capacity.connections);
        let memory = Shares::new(capacity.body_bytes());
        let (refusals, recogniser) = (Arc::default(), Arc::new(recogniser));
        Self { name, capacity, access, lifecycle, model, metrics, refusals, connections, memory, recogniser }
    }
}
