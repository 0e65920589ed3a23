//! `sc-train`: trains, evaluates and tries a keyword recogniser.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use sc_train::cli::Cli;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::{Layer, SubscriberExt},
    util::SubscriberInitExt,
};

// Each step of a training frees the memory that the next one asks for. The C library's allocator returns it to
// the system in between, and this one keeps it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    log_warnings();
    match Cli::from_arguments().run() {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS, // `| head` has seen enough
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}"); // it ends anyway
            ExitCode::FAILURE
        }
    }
}

/// Shows warnings on standard error, but not those of the decoder, which come as errors of their files.
fn log_warnings() {
    let levels = Targets::new().with_default(LevelFilter::WARN).with_target("symphonia", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .without_time()
        .with_target(false);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
