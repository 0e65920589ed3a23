//! Settings -> classifier -> listener -> run.

mod settings;

use std::{
    env,
    io::{self, IsTerminal},
    process::ExitCode,
};

use actix_web::rt::{signal, spawn};
use anyhow::Context;
use clap::Parser;
use sc_server::run;
use tracing_subscriber::EnvFilter;

use settings::Settings;

#[actix_web::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    log_to_stderr()?;
    let settings = Settings::parse();
    let classifier = settings.classifier()?;
    let listener = settings.listener()?;
    let address = listener.local_addr()?;
    let server = run(listener, classifier, settings.capacity())?;
    tracing::info!(
        "http://{address} answers with {}; try: curl -F file=@word.wav http://{address}/predict",
        settings.model()
    );

    let handle = server.handle();
    spawn(async move {
        if let Err(error) = stop_asked().await {
            return tracing::error!("signals cannot be heard: {error}");
        }
        tracing::info!("stopping: finishing what has begun");
        handle.stop(true).await;
    });
    server.await.context("the server failed")
}

/// Logs what `RUST_LOG` asks for, or what an operator wants to see of a healthy server: a decoder's
/// complaints about a recording are told to its sender.
fn log_to_stderr() -> anyhow::Result<()> {
    let levels = env::var("RUST_LOG").unwrap_or_else(|_| "info,actix_server=warn,symphonia=off".into());
    let filter = EnvFilter::try_new(&levels).with_context(|| {
        format!("RUST_LOG={levels}: expected levels such as `warn` or `info,sc_server=debug`")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    Ok(())
}

/// Ends at Ctrl-C or SIGTERM, which is what `docker stop` sends.
#[cfg(unix)]
async fn stop_asked() -> io::Result<()> {
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    tokio::select! {
        asked = signal::ctrl_c() => asked,
        _ = terminate.recv() => Ok(()),
    }
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
async fn stop_asked() -> io::Result<()> {
    signal::ctrl_c().await
}
