//! Checkpoints: a training that is killed at any moment continues from the last one to the same weights.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sc_data::Sha256Digest;
use sc_model::Weights;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::EpochMetrics;
use crate::config::TrainConfig;

// The files of a checkpoint.
const STATE: &str = "state.json";
const WEIGHTS: &str = "weights.safetensors";
const AVERAGE: &str = "average.safetensors";
const KEPT: &str = "kept.safetensors";
const OPTIMIZER: &str = "optimizer.bpk";

/// The run as it stood after an epoch.
pub struct Checkpoint {
    /// The settings, and the epochs done.
    pub state: State,
    /// The weights that are trained.
    pub weights: Weights,
    /// Their moving average.
    pub average: Weights,
    /// The average as it was after the epoch that is kept.
    pub kept: Weights,
    /// The optimiser's moments, as Burn writes them.
    pub optimizer: Vec<u8>,
}

/// The part of a [`Checkpoint`] that people can read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Settings of the run: another run's are refused.
    pub config: TrainConfig,
    /// SHA-256 over the recordings' names and sizes: other recordings are refused.
    pub data_digest: String,
    /// One entry an epoch done.
    pub epochs: Vec<EpochMetrics>,
    /// SHA-256 of each other file of the checkpoint, by its name.
    pub digests: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Writes the checkpoint into `run` aside, renames it into place and removes the one before.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, run: &Path) -> Result<()> {
        let dir = run.join(format!("checkpoint-{:04}", self.state.epochs.len()));
        let aside = run.join("checkpoint.part");
        let write = || -> Result<()> {
            if aside.exists() {
                fs::remove_dir_all(&aside)?;
            }
            fs::create_dir_all(&aside)?;
            let mut state = self.state.clone();
            for (name, bytes) in self.files()? {
                write_synced(&aside.join(name), &bytes)?;
                state.digests.insert(name.to_owned(), Sha256Digest::of(&bytes).to_string());
            }
            write_synced(&aside.join(STATE), &serde_json::to_vec_pretty(&state)?)?;
            Ok(fs::rename(&aside, &dir)?)
        };
        let written = write();
        if written.is_err() {
            let _ = fs::remove_dir_all(&aside); // half a checkpoint helps nobody, and fills the disk
        }
        written.with_context(|| format!("cannot write {}", dir.display()))?;
        for older in all(run)?.into_iter().filter(|other| *other != dir) {
            fs::remove_dir_all(&older).with_context(|| format!("cannot remove {}", older.display()))?;
        }
        Ok(())
    }

    /// The files besides the state.
    fn files(&self) -> Result<[(&'static str, Vec<u8>); 4]> {
        Ok([
            (WEIGHTS, self.weights.to_bytes()?),
            (AVERAGE, self.average.to_bytes()?),
            (KEPT, self.kept.to_bytes()?),
            (OPTIMIZER, self.optimizer.clone()),
        ])
    }

    /// The settings of the newest checkpoint in `run`, if there is any.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn config(run: &Path) -> Result<Option<TrainConfig>> {
        let Some(dir) = all(run)?.pop() else { return Ok(None) };
        Ok(Some(State::read(&dir)?.config))
    }

    /// The newest checkpoint in `run`, if there is any.
    ///
    /// # Errors
    /// If it is damaged, or belongs to a run with other settings or recordings.
    pub fn load(run: &Path, config: &TrainConfig, data_digest: &str) -> Result<Option<Self>> {
        let Some(dir) = all(run)?.pop() else { return Ok(None) };
        let state = State::read(&dir)?;
        state.check(&dir, config, data_digest)?;
        Self::read(&dir, state).with_context(|| damaged(&dir)).map(Some)
    }

    /// Reads the files besides the state.
    fn read(dir: &Path, state: State) -> Result<Self> {
        let read = |name| state.read_file(dir, name);
        let weights = |name| Weights::from_bytes(&read(name)?).context(name);
        let (weights, average, kept) = (weights(WEIGHTS)?, weights(AVERAGE)?, weights(KEPT)?);
        let optimizer = read(OPTIMIZER)?;
        Ok(Self { state, weights, average, kept, optimizer })
    }
}

impl State {
    fn read(dir: &Path) -> Result<Self> {
        let read = || -> Result<Self> { Ok(serde_json::from_slice(&fs::read(dir.join(STATE))?)?) };
        read().context(STATE).with_context(|| damaged(dir))
    }

    /// Reads another file of the checkpoint in `dir`, and refuses one that has changed.
    fn read_file(&self, dir: &Path, name: &'static str) -> Result<Vec<u8>> {
        let bytes = fs::read(dir.join(name)).context(name)?;
        let expected = self.digests.get(name);
        let is_whole = expected.is_some_and(|digest| *digest == Sha256Digest::of(&bytes).to_string());
        ensure!(is_whole, "{name} is not what was written");
        Ok(bytes)
    }

    /// Refuses the checkpoint in `dir` if it belongs to a run with other settings or recordings.
    fn check(&self, dir: &Path, config: &TrainConfig, data_digest: &str) -> Result<()> {
        if self.config == *config && self.data_digest == data_digest {
            return Ok(());
        }
        let mut differing = Vec::new();
        compare("", &json!(self.config), &json!(config), &mut differing);
        compare("data_digest", &json!(self.data_digest), &json!(data_digest), &mut differing);
        bail!(
            "{} was trained with other settings or recordings ({}): give the same, or leave --resume out and name \
             another --out",
            dir.display(),
            differing.join("; ")
        )
    }
}

fn damaged(dir: &Path) -> String {
    format!("{} is damaged, or of another release: remove it to train from the beginning", dir.display())
}

/// Writes a file, and waits until the disk has it: after a power cut, what was renamed into place must be whole.
fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Lists the settings in which two differ, each as its name and both its values.
fn compare(name: &str, before: &Value, now: &Value, differing: &mut Vec<String>) {
    match (before, now) {
        (Value::Object(fields), Value::Object(others)) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                compare(&name, value, others.get(field).unwrap_or(&Value::Null), differing);
            }
        }
        _ if before != now => differing.push(format!("{name} was {before}, now {now}")),
        _ => {}
    }
}

/// The checkpoints in a run, oldest first.
pub fn all(run: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(run).with_context(|| format!("cannot read {}", run.display()))? {
        let path = entry?.path();
        if n_epochs(&path).is_some() && path.is_dir() {
            found.push(path);
        }
    }
    found.sort_by_key(|path| n_epochs(path));
    Ok(found)
}

/// Returns the number in the name of a checkpoint, or `None` for another folder: a copy that somebody has made is none.
fn n_epochs(path: &Path) -> Option<usize> {
    let number = path.file_name()?.to_str()?.strip_prefix("checkpoint-")?;
    let is_whole = number.len() >= 4 && number.bytes().all(|digit| digit.is_ascii_digit());
    number.parse().ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_checkpoint_is_that_of_the_most_epochs_however_long_its_number() {
        let run = tempfile::tempdir().unwrap();
        for number in ["9999", "10000", "0001", "1", "+0002", "0001 copy"] {
            fs::create_dir(run.path().join(format!("checkpoint-{number}"))).unwrap();
        }
        let found = all(run.path()).unwrap();
        let names: Vec<&str> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["checkpoint-0001", "checkpoint-9999", "checkpoint-10000"]);
    }
}
