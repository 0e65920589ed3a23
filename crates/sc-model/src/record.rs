//! The record: one safetensors file with the weights and everything needed to use them rightly.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use safetensors::SafeTensors;
use sc_data::{Labels, LogMelConfig, N_SAMPLES, Sha256Digest, Waveform};
use serde::{Deserialize, Serialize};

use crate::weights::not_safetensors;
use crate::{Error, KeywordCnnConfig, Weights};

/// Written into every record; another one is refused.
pub const FORMAT_VERSION: u32 = 1;

/// Where the header stands in the metadata of the file.
const HEADER_KEY: &str = "speech-commands";

/// What a record says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// Names in the order of the logits.
    pub labels: Labels,
    /// The front end the network was trained behind.
    pub log_mel: LogMelConfig,
    /// The network.
    pub network: KeywordCnnConfig,
    /// Least confidence at which a keyword is accepted.
    pub threshold: f32,
    /// Logits are divided by it before they become probabilities (Guo et al., arXiv:1706.04599).
    pub temperature: f32,
    /// How it was trained.
    pub training: Training,
    /// The logits of [`self_test_waveform`].
    pub self_test: Vec<f32>,
}

/// How a record was trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// SHA-256 over the names and sizes of the recordings.
    pub data_digest: String,
    /// Recordings in the training split.
    pub n_clips: usize,
    /// Those of them that are not the published archive's: somebody's own, or synthetic voices.
    pub n_added: usize,
    /// Everything drawn at random follows from it.
    pub seed: u64,
    /// Epochs trained.
    pub epochs: usize,
    /// The epoch whose weights these are.
    pub kept_epoch: usize,
    /// Validation figures by name: of the held-out half of the split, on which nothing was chosen. In a record
    /// without [`whole_validation`](Self::whole_validation), of the whole split.
    pub validation: BTreeMap<String, f64>,
    /// The same figures of the whole validation split, whose other half chose epoch, temperature and threshold.
    /// Empty in records that were written before the split was halved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub whole_validation: BTreeMap<String, f64>,
}

/// A record: header and weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What it says of itself.
    pub header: Header,
    /// Its numbers.
    pub weights: Weights,
}

impl Record {
    /// Reads a record from a file's bytes.
    ///
    /// # Errors
    /// [`Error::Record`] names what is wrong: not a safetensors file, another format version,
    /// missing or extra tensors, wrong shapes, labels that do not fit, numbers that are not finite.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| not_safetensors(&error))?;
        let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get(HEADER_KEY));
        let header = header.ok_or_else(|| Error::record(format!("its metadata have no `{HEADER_KEY}`")))?;
        let header = Header::parse(header)?;
        let weights = Weights::from_bytes(bytes)?;
        weights.check(&header.network)?;
        Ok(Self { header, weights })
    }

    /// Reads a record from a file.
    ///
    /// # Errors
    /// [`Error::Read`], or as [`Record::from_bytes`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::read(path).map(|(record, _)| record)
    }

    /// Reads a record and the digest that names it from the same bytes of a file.
    ///
    /// # Errors
    /// As [`Record::load`].
    pub fn load_with_digest(path: &Path) -> Result<(Self, Sha256Digest), Error> {
        Self::read(path).map(|(record, bytes)| (record, Sha256Digest::of(&bytes)))
    }

    fn read(path: &Path) -> Result<(Self, Vec<u8>), Error> {
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        let record = Self::from_bytes(&bytes).map_err(|error| error.in_file(path))?;
        Ok((record, bytes))
    }

    /// The record compiled in, `assets/model.safetensors`.
    ///
    /// # Errors
    /// [`Error::NotShipped`] if the crate was built without the file.
    pub fn shipped() -> Result<Self, Error> {
        #[cfg(shipped_model)]
        return Self::from_bytes(include_bytes!("../../../assets/model.safetensors"));
        #[cfg(not(shipped_model))]
        Err(Error::NotShipped)
    }

    /// Writes the record beside `path` and renames it into place when it is whole.
    ///
    /// # Errors
    /// [`Error::Write`], and as [`to_bytes`](Self::to_bytes).
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let bytes = self.to_bytes()?;
        let aside = path.with_extension("part");
        let write = || {
            let mut file = std::fs::File::create(&aside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&aside, path)
        };
        write().map_err(Error::write(path))
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`Error::Record`] if the header cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let header = serde_json::to_string(&self.header).map_err(|error| Error::record(error.to_string()))?;
        self.weights.to_bytes_with(Some(HashMap::from([(HEADER_KEY.to_owned(), header)])))
    }
}

impl Header {
    fn parse(json: &str) -> Result<Self, Error> {
        // The version first: another version may have other fields.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let unreadable = |error: serde_json::Error| Error::record(format!("its header: {error}"));
        let Version { format_version } = serde_json::from_str(json).map_err(unreadable)?;
        if format_version != FORMAT_VERSION {
            return Err(Error::record(format!(
                "format version {format_version}: this program reads version {FORMAT_VERSION}"
            )));
        }
        let header: Self = serde_json::from_str(json).map_err(unreadable)?;
        header.validate().map_err(Error::record)?;
        Ok(header)
    }

    fn validate(&self) -> Result<(), String> {
        self.log_mel.validate().map_err(|reason| format!("front end: {reason}"))?;
        self.network.validate().map_err(|reason| format!("network: {reason}"))?;
        let (labels, network, log_mel) = (self.labels.names().len(), &self.network, &self.log_mel);
        if labels != network.n_labels {
            return Err(format!("{labels} labels for a network of {}", network.n_labels));
        }
        if self.self_test.len() != labels {
            return Err(format!("a self-test of {} logits for {labels} labels", self.self_test.len()));
        }
        if [network.n_frames, network.n_mels] != [log_mel.n_frames(), log_mel.n_mels] {
            return Err(format!(
                "a network for {} frames of {} mel bands behind a front end of {} frames of {}",
                network.n_frames,
                network.n_mels,
                log_mel.n_frames(),
                log_mel.n_mels
            ));
        }
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(format!("a threshold of {}: expected 0 to 1", self.threshold));
        }
        if !(0.01..=100.0).contains(&self.temperature) {
            return Err(format!("a temperature of {}: expected 0.01 to 100", self.temperature));
        }
        Ok(())
    }
}

/// A second of sound that every record is tried on: five gliding harmonics that swell and fade,
/// over a little noise.
pub fn self_test_waveform() -> Waveform {
    let mut noise = 1_u32;
    let samples: Vec<f32> = (0..N_SAMPLES)
        .map(|i| {
            let t = i as f32 / N_SAMPLES as f32;
            let pitch_hz = 120.0 + 60.0 * t;
            let voice: f32 =
                (1..=5).map(|k| (std::f32::consts::TAU * pitch_hz * k as f32 * t).sin() / k as f32).sum();
            // Numerical Recipes' linear congruential generator: the same everywhere.
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.2 * (std::f32::consts::PI * t).sin() * voice + 0.01 * (noise as f32 / u32::MAX as f32 - 0.5)
        })
        .collect();
    Waveform::from_samples(&samples)
}
