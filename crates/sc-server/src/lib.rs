//! The recogniser as a service: audio in, keywords out, over HTTP.
//!
//! `http` serves the ports, where `connections` lets new ones in. A request goes through `observe`, which names, logs and
//! counts it, to its `route`, which asks for a key if `access` says so. A handler in `routes` reads the body with
//! `upload`, within [`Capacity`], once `admission` has taken one of the `places` for it, and calls the `recogniser`,
//! which decodes and classifies on the `pool` and counts the answer in the `metrics`. In `error` alone a failure becomes
//! a status.
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! use sc_model::Backend;
//! use sc_server::{Model, ModelSource, Service, run};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Model::load(ModelSource { file: None, words: None, backend: Backend::Native })?;
//! let listener = TcpListener::bind("127.0.0.1:8000")?;
//! actix_web::rt::System::new().block_on(run(listener, Service::new(model))?)?;
//! # Ok(())
//! # }
//! ```

mod access;
mod admission;
mod capacity;
mod client;
mod connections;
mod error;
#[cfg(feature = "grpc")]
pub mod grpc;
mod http;
mod lifecycle;
mod memory;
mod metrics;
mod model;
mod observe;
pub mod paths;
mod places;
mod pool;
mod query;
mod recogniser;
mod refusals;
mod route;
mod routes;
mod shares;
mod state;
mod tls;
mod upload;

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use actix_web::{dev::Server, web::Data};

use socket2::SockRef;

pub use access::{Access, ApiKey};
pub use capacity::Capacity;
pub use lifecycle::Lifecycle;
pub use model::{Model, ModelSource};
pub use tls::Certificate;

use state::AppState;

/// Seconds that a stop waits for requests in work. Docker kills a program 10 s after it has told it to stop.
const SHUTDOWN_S: u64 = 8;

/// The usual name of a model in the paths of the Open Inference Protocol.
pub const MODEL_NAME: &str = "speech-commands";

/// The parts of a service: the model, its clients, and the limits.
pub struct Service {
    /// The model that answers.
    pub model: Arc<Model>,
    /// The model's name in the paths of the Open Inference Protocol.
    pub name: String,
    /// The limits of what is taken on.
    pub capacity: Capacity,
    /// The clients that are answered.
    pub access: Access,
    /// The certificate, for https.
    pub certificate: Option<Arc<Certificate>>,
    /// The port for operators, if they have one of their own.
    pub admin: Option<TcpListener>,
    /// The port for gRPC, if there is one.
    #[cfg(feature = "grpc")]
    pub grpc: Option<TcpListener>,
    /// The marks that the service is about to stop.
    pub lifecycle: Arc<Lifecycle>,
}

impl Service {
    /// Makes a service that answers everyone, with the default capacity.
    pub fn new(model: Model) -> Self {
        Self {
            model: Arc::new(model),
            name: MODEL_NAME.into(),
            capacity: Capacity::default(),
            access: Access::default(),
            certificate: None,
            admin: None,
            #[cfg(feature = "grpc")]
            grpc: None,
            lifecycle: Arc::default(),
        }
    }
}

/// Serves gRPC beside HTTP.
#[cfg(feature = "grpc")]
fn spawn_grpc(listener: TcpListener, state: Arc<AppState>) -> io::Result<()> {
    let guest = state.lifecycle.guest();
    let served = grpc::serve(listener, state)?;
    tokio::spawn(async move {
        let _guest = guest;
        if let Err(error) = served.await {
            tracing::error!("the gRPC port failed: {error}");
        }
    });
    Ok(())
}

/// Connections that may wait until they are accepted: as many as one burst may bring.
const BACKLOG: i32 = 4096;

/// Time for a client to take what it has been sent. A client that does not read is then cut off.
#[cfg(target_os = "linux")]
const UNREAD: Duration = Duration::from_secs(30);

fn prepare(listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNREAD))?; // each accepted connection inherits it
    socket.listen(BACKLOG)
}

/// Serves on `listener` until the returned [`Server`] is stopped by its handle.
///
/// A stop refuses new connections and finishes the requests in work. Signals belong to the process: they are
/// left to the caller.
///
/// # Errors
/// If the listener cannot be used, or if a thread cannot be started.
pub fn run(listener: TcpListener, service: Service) -> io::Result<Server> {
    let Service { model, name, capacity, mut access, certificate, admin, lifecycle, .. } = service;
    prepare(&listener)?;
    if let Some(admin) = &admin {
        prepare(admin)?;
        access.set_admin_port(admin.local_addr()?.port());
    }
    let state = Data::new(AppState::new(model, name, capacity, access, lifecycle));
    #[cfg(feature = "grpc")]
    if let Some(listener) = service.grpc {
        prepare(&listener)?;
        spawn_grpc(listener, state.clone().into_inner())?;
    }

    let mut ports = vec![(listener, certificate.map(|certificate| certificate.server_config()).transpose()?)];
    ports.extend(admin.map(|admin| (admin, None)));
    http::serve(ports, &state)
}
