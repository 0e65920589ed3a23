//! The app on its ports: connections in, answers out.

use std::{fmt, io, net::TcpListener, time::Duration};

use actix_http::{
    HttpService, HttpServiceBuilder, Request, Response,
    h1::{ExpectHandler, UpgradeHandler},
};
use actix_service::{Service, ServiceFactory, ServiceFactoryExt, boxed, fn_service, map_config};
use actix_tls::accept::{max_concurrent_tls_connect, rustls_0_23::TlsStream};
use actix_web::{
    App, Error,
    body::{BoxBody, MessageBody},
    dev::{AppConfig, Server, ServiceResponse},
    middleware::{Condition, from_fn},
    rt::net::TcpStream,
    web::Data,
};
use rustls::ServerConfig;

use crate::{SHUTDOWN_S, connections::Connection, observe, routes, state::AppState};

/// Time for a connection to close.
const CLOSE: Duration = Duration::from_secs(1);

/// Serves the app on these ports, with TLS on those that have settings for it.
///
/// # Errors
/// If a port cannot be used, or if a thread cannot be started.
pub fn serve(ports: Vec<(TcpListener, Option<ServerConfig>)>, state: &Data<AppState>) -> io::Result<Server> {
    // A bound would close every port while so many connections say nothing. The gate shares connections out instead.
    max_concurrent_tls_connect(usize::MAX);
    let mut server = Server::build()
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_S)
        // All jobs may come by one thread, those of live streams too, and a reload.
        .worker_max_blocking_threads(2 * state.capacity.workers.get() + 1);
    let stop = server.graceful_shutdown_signal();
    let stopped = move || {
        let stop = stop.clone();
        async move { stop.notified().await }
    };
    for (listener, tls) in ports {
        let (state, stopped) = (state.clone(), stopped.clone());
        // HTTP is boxed, so that a connection that waits at the gate takes up no memory for it.
        server = match tls {
            None => server.listen("http", listener, move || {
                let http = http(&state, stopped.clone(), |io| io).finish(app(&state)).tcp();
                gate(&state).and_then(boxed::factory(http))
            })?,
            Some(tls) => server.listen("https", listener, move || {
                let http =
                    http(&state, stopped.clone(), |io: &TlsStream<_>| io.get_ref().0).finish(app(&state));
                gate(&state).and_then(boxed::factory(http.rustls_0_23(tls.clone())))
            })?,
        };
    }
    Ok(server.run())
}

/// Lets connections in, in their turn.
fn gate<E>(
    state: &Data<AppState>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = TcpStream, Error = E, InitError = ()> + use<E> {
    let state = state.clone();
    fn_service(move |io| {
        let state = state.clone();
        async move {
            state.connections.let_in(&io, &state.lifecycle).await;
            Ok(io)
        }
    })
}

/// Returns what HTTP is by on connections whose socket `socket` returns, until `stopped` ends.
fn http<T, S, B, Stopped>(
    state: &Data<AppState>,
    stopped: impl Fn() -> Stopped + 'static,
    socket: impl Fn(&T) -> &TcpStream + 'static,
) -> HttpServiceBuilder<T, S, ExpectHandler, UpgradeHandler>
where
    Stopped: Future<Output = ()> + 'static,
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    B: MessageBody + 'static,
    <S::Service as Service<Request>>::Future: 'static,
{
    let state = state.clone();
    HttpService::<T, S, B>::build()
        .client_disconnect_timeout(CLOSE)
        .graceful_shutdown_signal(stopped)
        .on_connect_ext(move |io, data| {
            data.insert(Connection::new(socket(io), &state.connections));
        })
}

/// Returns the handlers of all routes, and what each request goes through before them.
fn app(
    state: &Data<AppState>,
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = ServiceResponse<impl MessageBody + use<>>,
    Error = Error,
    InitError = (),
    Service: Service<Request, Future: 'static>,
    Future: 'static,
> + use<> {
    let app = App::new()
        .app_data(state.clone())
        .wrap(Condition::new(state.access.is_shared(), state.access.cors(routes::readable_headers())))
        .wrap(routes::security_headers())
        .wrap(from_fn(observe::observe)) // outermost: what the others answer is counted, too
        .configure(routes::routes);
    map_config(app, |()| AppConfig::default())
}
