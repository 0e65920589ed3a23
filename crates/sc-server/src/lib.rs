//! Recordings in, keywords out, over HTTP.
//!
//! A request's path: `routes` names its handler; `upload` reads its body, within [`Capacity`];
//! `pool` decodes and classifies away from the async threads; `error` is the only place where a
//! failure becomes a status.
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! use sc_model::{Backend, Classifier};
//! use sc_server::{Capacity, run};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let classifier = Classifier::shipped(Backend::Native)?;
//! let listener = TcpListener::bind("127.0.0.1:8000")?;
//! actix_web::rt::System::new().block_on(run(listener, classifier, Capacity::default())?)?;
//! # Ok(())
//! # }
//! ```

mod capacity;
mod error;
mod pool;
mod routes;
mod upload;

use std::{io, net::TcpListener};

use actix_web::{App, HttpServer, dev::Server, middleware::Logger, web::Data};
use sc_model::Classifier;

pub use capacity::Capacity;

use pool::Pool;

/// How long a stop waits for what has begun: Docker kills after 10 s.
const SHUTDOWN_S: u64 = 8;

/// Serves `classifier` on `listener` until the returned [`Server`] is stopped by its handle.
///
/// A stop refuses new connections and finishes the requests it has begun. Signals belong to the
/// process, so they are left to the caller.
///
/// # Errors
/// If the listener cannot be used, or a thread not be started.
pub fn run(listener: TcpListener, classifier: Classifier, capacity: Capacity) -> io::Result<Server> {
    let classifier = Data::new(classifier);
    let pool = Data::new(Pool::new(&capacity));
    let capacity = Data::new(capacity);

    let server = HttpServer::new(move || {
        App::new()
            .app_data(classifier.clone())
            .app_data(pool.clone())
            .app_data(capacity.clone())
            .wrap(routes::security_headers())
            .wrap(Logger::new("%a \"%r\" %s %b bytes %D ms").exclude("/health"))
            .configure(routes::routes)
    })
    .disable_signals()
    .shutdown_timeout(SHUTDOWN_S)
    .listen(listener)?
    .run();
    Ok(server)
}
