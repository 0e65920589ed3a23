//! The command `sc-data`: fetches the dataset and prints its figures.

mod cli;

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};

/// Fetch Google Speech Commands and count what is in it.
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
    /// Count a dataset's clips and speakers, and name the files that cannot be read.
    Stats(cli::stats::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Fetch(args) => cli::fetch::run(args),
        Command::Stats(args) => cli::stats::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS, // `| head` has read enough
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
