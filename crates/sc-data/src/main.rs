//! The command `sc-data`: fetches the dataset and prints its figures.

mod cli;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::{Layer, SubscriberExt},
    util::SubscriberInitExt,
};

/// Fetches Google Speech Commands, and counts what is in a data set.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download the archive, check its digest and unpack it; run it again to continue after a break.
    Fetch(cli::fetch::Args),
    /// Count a data set's clips and speakers, and name the files that cannot be read.
    Stats(cli::stats::Args),
}

fn main() -> ExitCode {
    log_warnings();
    let done = match Cli::parse().command {
        Command::Fetch(args) => cli::fetch::run(args),
        Command::Stats(args) => cli::stats::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS, // `| head` has read enough
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}"); // it ends anyway
            ExitCode::FAILURE
        }
    }
}

/// Shows the library's warnings on standard error, but not those of the decoder, which come as errors of their files.
fn log_warnings() {
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .without_time()
        .with_target(false);
    let levels = Targets::new().with_target("sc_data", LevelFilter::WARN);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
