//! The program: settings to a service and a listener, served until a signal.

mod healthcheck;
mod log;
mod settings;

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use actix_web::{
    dev::ServerHandle,
    rt::{signal, spawn, task::spawn_blocking, time::sleep},
};
use anyhow::Context;
use sc_server::{Certificate, Lifecycle, Model, paths, run};

use settings::Settings;

#[actix_web::main]
async fn main() -> ExitCode {
    match run_command().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}"); // it ends anyway
            ExitCode::FAILURE
        }
    }
}

async fn run_command() -> anyhow::Result<()> {
    let settings = Settings::read()?;
    if let Some(target) = settings.healthcheck()? {
        return target.check();
    }
    if settings.print_config {
        return match io::stdout().write_all(settings.to_toml()?.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()), // `| head` has read enough
            written => written.context("cannot print the settings"),
        };
    }
    serve(&settings).await
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let _log = log::start(settings.log_format)?;
    #[cfg(unix)]
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!("the number of connections stays limited by `ulimit -n`: {error}");
    }
    let service = settings.service()?;
    let listener = settings.listener()?;
    let address = listener.local_addr()?;
    let scheme = if service.certificate.is_some() { "https" } else { "http" };
    let (model, certificate) = (Arc::clone(&service.model), service.certificate.clone());
    let lifecycle = Arc::clone(&service.lifecycle);
    tracing::info!(
        "{scheme}://{address} answers with {}; try: curl -F file=@word.wav {scheme}://{address}{}",
        model.source(),
        paths::PREDICT
    );
    for warning in settings.warnings(address) {
        tracing::warn!("{warning}");
    }
    let server = run(listener, service)?;

    let mut stop = spawn(stop_when_asked(server.handle(), lifecycle, Duration::from_secs(settings.drain)));
    spawn(reload_when_asked(model, certificate));
    tokio::select! {
        ended = server => {
            ended.context("the server failed")?;
            stop.await
        }
        by_signal = &mut stop => by_signal,
    }
    .context("the server stopped by itself")
}

/// Stops the server at a signal: after `drain`, and then when all is finished that has begun. Each further signal ends a wait.
async fn stop_when_asked(server: ServerHandle, lifecycle: Arc<Lifecycle>, drain: Duration) {
    stop_asked().await;
    tracing::info!("stopping: finishing what has begun");
    lifecycle.stop();
    tokio::select! {
        () = sleep(drain) => {}
        () = stop_asked() => tracing::info!("asked again: no longer waiting for the drain"),
    }
    lifecycle.close();
    tokio::select! {
        _ = async { tokio::join!(server.stop(true), lifecycle.left()) } => {}
        () = stop_asked() => tracing::info!("asked again: stopping at once"),
    }
}

/// Waits for Ctrl-C or SIGTERM; for ever, if signals cannot be received.
async fn stop_asked() {
    if let Err(error) = stop_signal().await {
        tracing::error!("signals cannot be received: {error}");
        std::future::pending::<()>().await;
    }
}

/// Waits for Ctrl-C, or for SIGTERM, which `docker stop` sends.
#[cfg(unix)]
async fn stop_signal() -> io::Result<()> {
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    tokio::select! {
        asked = signal::ctrl_c() => asked,
        _ = terminate.recv() => Ok(()),
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
async fn stop_signal() -> io::Result<()> {
    signal::ctrl_c().await
}

/// Loads the model and the certificate again at each SIGHUP. One that cannot be loaded stays as it was.
#[cfg(unix)]
async fn reload_when_asked(model: Arc<Model>, certificate: Option<Arc<Certificate>>) {
    let Ok(mut hang_up) = signal::unix::signal(signal::unix::SignalKind::hangup()) else { return };
    while hang_up.recv().await.is_some() {
        match reload(&model).await {
            Ok(()) => tracing::info!("loaded {} again", model.source()),
            Err(error) => tracing::error!("the model stays as it was: {error:#}"),
        }
        match certificate.as_ref().map(|certificate| certificate.reload()) {
            None => {}
            Some(Ok(())) => tracing::info!("read the certificate again"),
            Some(Err(error)) => tracing::error!("the certificate stays as it was: {error}"),
        }
    }
}

/// Loads the model again on another thread: this one serves gRPC.
#[cfg(unix)]
async fn reload(model: &Arc<Model>) -> anyhow::Result<()> {
    let change = model.change().await;
    spawn_blocking(move || change.reload()).await??;
    Ok(())
}

/// Does nothing: there is no SIGHUP here, and `POST /admin/reload` does the same.
#[cfg(not(unix))]
async fn reload_when_asked(_: Arc<Model>, _: Option<Arc<Certificate>>) {}
