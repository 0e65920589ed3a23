//! Checkpoints: a training that is killed at any moment continues from the last one to the same weights.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sc_model::Weights;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::EpochMetrics;
use crate::config::TrainConfig;

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
            fs::write(aside.join("state.json"), serde_json::to_vec_pretty(&self.state)?)?;
            fs::write(aside.join("weights.safetensors"), self.weights.to_bytes()?)?;
            fs::write(aside.join("average.safetensors"), self.average.to_bytes()?)?;
            fs::write(aside.join("kept.safetensors"), self.kept.to_bytes()?)?;
            fs::write(aside.join("optimizer.bpk"), &self.optimizer)?;
            Ok(fs::rename(&aside, &dir)?)
        };
        write().with_context(|| format!("cannot write {}", dir.display()))?;
        for older in all(run)?.into_iter().filter(|other| *other != dir) {
            fs::remove_dir_all(&older).with_context(|| format!("cannot remove {}", older.display()))?;
        }
        Ok(())
    }

    /// The settings of the newest checkpoint in `run`, if there is any.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn config(run: &Path) -> Result<Option<TrainConfig>> {
        let Some(dir) = all(run)?.pop() else { return Ok(None) };
        Ok(Some(read_state(&dir)?.config))
    }

    /// The newest checkpoint in `run`, if there is any.
    ///
    /// # Errors
    /// If it cannot be read, or belongs to a run with other settings or recordings.
    pub fn load(run: &Path, config: &TrainConfig, data_digest: &str) -> Result<Option<Self>> {
        let Some(dir) = all(run)?.pop() else { return Ok(None) };
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let state = read_state(&dir)?;
        if state.config != *config || state.data_digest != data_digest {
            let mut differing = Vec::new();
            compare("", &json!(state.config), &json!(config), &mut differing);
            compare("data_digest", &json!(state.data_digest), &json!(data_digest), &mut differing);
            bail!(
                "{} was trained with other settings or recordings ({}): give the same, or leave --resume out and name \
                 another --out",
                dir.display(),
                differing.join("; ")
            );
        }
        let weights = |name: &str| {
            Weights::from_bytes(&read(name)?).with_context(|| format!("{}/{name}", dir.display()))
        };
        Ok(Some(Self {
            state,
            weights: weights("weights.safetensors")?,
            average: weights("average.safetensors")?,
            kept: weights("kept.safetensors")?,
            optimizer: read("optimizer.bpk")?,
        }))
    }
}

fn read_state(dir: &Path) -> Result<State> {
    let path = dir.join("state.json");
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
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
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("checkpoint-") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
