//! The command `sc-data fetch`.

use std::{
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use sc_data::{ArchiveSource, Fetch, Outcome, SPEECH_COMMANDS_SHA256, SPEECH_COMMANDS_URL, Sha256Digest};

use super::progress::Progress;

/// Arguments of `sc-data fetch`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder to unpack into; unfinished work lies beside it, in DIR.fetch.
    #[arg(long, value_name = "DIR", default_value = "data/speech_commands_v0.02")]
    dest: PathBuf,
    /// URL of the archive; several are tried in turn.
    #[arg(long, value_name = "URL", default_value = SPEECH_COMMANDS_URL)]
    url: Vec<String>,
    /// Unpack this file instead of downloading one.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    archive: Option<PathBuf>,
    /// SHA-256 that the archive must have; the default is that of version 0.02.
    #[arg(long, value_name = "HEX", default_value = SPEECH_COMMANDS_SHA256)]
    sha256: Sha256Digest,
}

/// Fetches the dataset, shows the progress and prints the dataset's folder.
pub fn run(args: Args) -> anyhow::Result<()> {
    let fetch = Fetch {
        dest: args.dest,
        source: args.archive.map_or(ArchiveSource::Urls(args.url), ArchiveSource::File),
        sha256: args.sha256,
        silence: Duration::from_mins(1),
        retry_delay: Duration::from_secs(1),
    };
    let mut progress = Progress::default();
    let outcome = fetch.run(&mut |event| progress.show(event))?;
    drop(progress); // clears the line
    let dest = fetch.dest.display();
    match outcome {
        Outcome::Fetched => writeln!(io::stdout(), "the dataset lies in {dest}")?,
        Outcome::AlreadyThere => {
            writeln!(io::stdout(), "nothing to do: the dataset lies in {dest} already")?;
        }
    }
    Ok(())
}
