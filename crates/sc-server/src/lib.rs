//! Recordings in, keywords out, over HTTP.
//!
//! A request's path: `observe` names, logs and counts it; `access` may ask for its key; `routes` names its
//! handler; `upload` reads its body, within [`Capacity`]; `pool` decodes and classifies, away from the
//! async threads unless that takes but a millisecond; `error` is the only place where a failure becomes a status.
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! use sc_model::Backend;
//! use sc_server::{Model, ModelSource, Service, run};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Model::load(ModelSource { file: None, backend: Backend::Native })?;
//! let listener = TcpListener::bind("127.0.0.1:8000")?;
//! actix_web::rt::System::new().block_on(run(listener, Service::new(model))?)?;
//! # Ok(())
//! # }
//! ```

mod access;
mod capacity;
mod error;
mod lifecycle;
mod metrics;
mod model;
mod observe;
mod pool;
mod query;
mod routes;
mod tls;
mod upload;

use std::{io, net::TcpListener, sync::Arc};

use actix_web::{
    App, HttpServer,
    dev::Server,
    middleware::{Condition, from_fn},
    web::Data,
};

pub use access::{Access, ApiKey, RateLimit};
pub use capacity::Capacity;
pub use lifecycle::Lifecycle;
pub use model::{Model, ModelSource};
pub use tls::Certificate;

use metrics::Metrics;
use pool::Pool;

/// How long a stop waits for what has begun: Docker kills after 10 s.
const SHUTDOWN_S: u64 = 8;

/// What a model is called in the paths of the Open Inference Protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName(pub String);

impl Default for ModelName {
    fn default() -> Self {
        Self("speech-commands".into())
    }
}

/// What is served, to whom, and how much of it.
pub struct Service {
    /// What answers.
    pub model: Arc<Model>,
    /// What it is called.
    pub name: ModelName,
    /// How much is taken on.
    pub capacity: Capacity,
    /// Who is answered.
    pub access: Access,
    /// For https.
    pub certificate: Option<Arc<Certificate>>,
    /// Where what is for operators is served, if apart.
    pub admin: Option<TcpListener>,
    /// Says when the service is about to stop.
    pub lifecycle: Arc<Lifecycle>,
}

impl Service {
    /// Open to all, with the default capacity.
    pub fn new(model: Model) -> Self {
        Self {
            model: Arc::new(model),
            name: ModelName::default(),
            capacity: Capacity::default(),
            access: Access::default(),
            certificate: None,
            admin: None,
            lifecycle: Arc::default(),
        }
    }
}

/// Serves on `listener` until the returned [`Server`] is stopped by its handle.
///
/// A stop refuses new connections and finishes the requests it has begun. Signals belong to the
/// process, so they are left to the caller.
///
/// # Errors
/// If the listener cannot be used, or a thread not be started.
pub fn run(listener: TcpListener, service: Service) -> io::Result<Server> {
    let Service { model, name, capacity, mut access, certificate, admin, lifecycle } = service;
    if let Some(admin) = &admin {
        access.set_admin_port(admin.local_addr()?.port());
    }
    let metrics = Arc::new(Metrics::new());
    let pool = Data::new(Pool::new(&capacity, Arc::clone(&metrics)));
    let (metrics, model, lifecycle) = (Data::from(metrics), Data::from(model), Data::from(lifecycle));
    let (name, capacity, access) = (Data::new(name), Data::new(capacity), Data::new(access));

    let server = HttpServer::new(move || {
        App::new()
            .app_data(model.clone())
            .app_data(name.clone())
            .app_data(pool.clone())
            .app_data(metrics.clone())
            .app_data(capacity.clone())
            .app_data(access.clone())
            .app_data(lifecycle.clone())
            .wrap(from_fn(access::admit))
            .wrap(Condition::new(access.is_shared(), access.cors()))
            .wrap(routes::security_headers())
            .wrap(from_fn(observe::observe))
            .configure(routes::routes)
    })
    .disable_signals()
    .shutdown_timeout(SHUTDOWN_S);
    let server = match certificate {
        Some(certificate) => server.listen_rustls_0_23(listener, certificate.server_config()?)?,
        None => server.listen(listener)?,
    };
    let server = match admin {
        Some(admin) => server.listen(admin)?,
        None => server,
    };
    Ok(server.run())
}
