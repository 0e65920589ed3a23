//! The record: one safetensors file with the weights and all settings that belong to them.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use safetensors::SafeTensors;
use sc_data::{Aside, Labels, LogMelConfig, N_SAMPLES, Sha256Digest, Waveform};
use serde::{Deserialize, Serialize};

use crate::weights::not_safetensors;
use crate::words::{TaughtWord, WordSpace};
use crate::{Error, KeywordCnnConfig, Weights};

/// Newest version of the record's format. A record of a later version is refused.
const FORMAT_VERSION: u32 = 3;

/// The first version with a [`WordSpace`].
const WITH_WORDS: u32 = 2;

/// Key of the header in the metadata of the file.
const HEADER_KEY: &str = "speech-commands";

/// The header of a record: all but the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the record's format: 1 has no [`WordSpace`], 2 has one, and from 3 on weights may be stored in eight
    /// bits.
    pub format_version: u32,
    /// The labels: those of the network, in the order of its logits, then the taught words.
    pub labels: Labels,
    /// The front end that the network was trained with.
    pub log_mel: LogMelConfig,
    /// The network.
    pub network: KeywordCnnConfig,
    /// Least confidence at which a keyword is accepted.
    pub threshold: f32,
    /// Divisor of the logits before they become probabilities (Guo et al., arXiv:1706.04599).
    pub temperature: f32,
    /// The training that made the weights.
    pub training: Training,
    /// The logits of [`self_test_waveform`].
    pub self_test: Vec<f32>,
    /// The words that were taught, in the order of their labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taught: Vec<TaughtWord>,
    /// True if the file has weights of eight bits: see [`compact`](crate::compact).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_eight_bits: bool,
}

/// The training of a record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// SHA-256 over the names and sizes of the data set's files.
    pub data_digest: String,
    /// Number of clips in the training split.
    pub n_clips: usize,
    /// Number of those clips that are not of the published archive: one's own, or synthetic voices.
    pub n_added: usize,
    /// Seed of everything that was drawn at random.
    pub seed: u64,
    /// Number of epochs trained.
    pub epochs: usize,
    /// The epoch that the weights are of.
    pub kept_epoch: usize,
    /// The recipe by which its sounds were made, as `sc-train train --recipe` takes it. Records that were written before
    /// there were recipes have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<serde_json::Value>,
    /// Validation figures by name: of the held-out half of the split, on which nothing was chosen. In a record
    /// without [`whole_validation`](Self::whole_validation), of the whole split.
    pub validation: BTreeMap<String, f64>,
    /// The same figures of the whole validation split, whose other half chose epoch, temperature and threshold.
    /// Empty in records that were written before the split was halved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub whole_validation: BTreeMap<String, f64>,
}

/// A trained network with its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The settings, and the training that made the weights.
    pub header: Header,
    /// The weights.
    pub weights: Weights,
    /// The space in which words are compared. Without one, nothing can be taught.
    pub words: Option<WordSpace>,
}

impl Record {
    /// Gives the record a space in which words are compared, so that words can be taught to it.
    pub fn give_words(&mut self, words: WordSpace) {
        self.header.format_version = self.header.format_version.max(WITH_WORDS);
        self.words = Some(words);
    }

    /// Parses the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Record`] names the fault: no safetensors file, another format version, a setting out of range,
    /// a missing or extra tensor, a wrong shape, labels that do not fit, or a number that is not finite.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| not_safetensors(&error))?;
        let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get(HEADER_KEY));
        let header = header.ok_or_else(|| Error::record(format!("its metadata have no `{HEADER_KEY}`")))?;
        let header = Header::parse(header)?;
        let mut weights = Weights::from_bytes(bytes)?;
        let words = WordSpace::take_from(&mut weights, &header.network)?;
        weights.check(&header.network)?;
        let n_words = words.as_ref().map_or(0, WordSpace::n_words);
        if n_words != header.taught.len() {
            return Err(Error::record(format!(
                "{n_words} taught words for {} settings",
                header.taught.len()
            )));
        }
        Ok(Self { header, weights, words })
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

    /// Parses the record that is compiled in, `assets/model.safetensors`.
    ///
    /// # Errors
    /// [`Error::NotShipped`] if the crate was built without the file.
    pub fn shipped() -> Result<Self, Error> {
        Self::shipped_bytes().ok_or(Error::NotShipped).and_then(Self::from_bytes)
    }

    /// Returns the bytes of the record that is compiled in, or `None` if the crate was built without the file.
    pub fn shipped_bytes() -> Option<&'static [u8]> {
        // A static is in a program once; a constant would be wherever this function is inlined.
        #[cfg(shipped_model)]
        static SHIPPED: Option<&[u8]> = Some(include_bytes!("../assets/model.safetensors"));
        #[cfg(not(shipped_model))]
        static SHIPPED: Option<&[u8]> = None;
        SHIPPED
    }

    /// Writes the record to a file beside `path`, then renames the file.
    ///
    /// # Errors
    /// [`Error::Write`], and as [`to_bytes`](Self::to_bytes).
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let bytes = self.to_bytes()?;
        let write = || {
            let mut file = Aside::create(path)?;
            file.write_all(&bytes)?;
            file.finish()
        };
        write().map_err(Error::write(path))
    }

    /// Returns the tensors of the network and of the space in which words are compared.
    fn tensors(&self) -> Weights {
        let mut tensors = self.weights.clone();
        if let Some(words) = &self.words {
            words.put_into(&mut tensors);
        }
        tensors
    }

    /// Rounds the weights to what eight bits hold, and stores them so from now on. The self-test is then that of other
    /// weights.
    pub(crate) fn round(&mut self) -> Result<(), Error> {
        let mut tensors = self.tensors();
        tensors.round();
        self.words = WordSpace::take_from(&mut tensors, &self.header.network)?;
        self.weights = tensors;
        self.header.in_eight_bits = true;
        self.header.format_version = FORMAT_VERSION;
        Ok(())
    }

    /// Returns the bytes of the record's file.
    ///
    /// # Errors
    /// [`Error::Record`] if the header cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let header = serde_json::to_string(&self.header).map_err(|error| Error::record(error.to_string()))?;
        let metadata = Some(HashMap::from([(HEADER_KEY.to_owned(), header)]));
        self.tensors().to_bytes_with(metadata, self.header.in_eight_bits)
    }
}

impl Header {
    /// Returns the header of a record before its training: a threshold of 0.5, a temperature of 1, no self-test.
    pub fn untrained(labels: Labels, log_mel: LogMelConfig, network: KeywordCnnConfig) -> Self {
        Self {
            format_version: 1,
            labels,
            log_mel,
            network,
            threshold: 0.5,
            temperature: 1.0,
            training: Training::default(),
            self_test: Vec::new(),
            taught: Vec::new(),
            in_eight_bits: false,
        }
    }

    /// The network's labels, in the order of its logits.
    pub fn network_labels(&self) -> &[String] {
        &self.labels.names()[..self.network.n_labels]
    }

    /// The taught words with their settings, in the order of their labels.
    pub fn taught_words(&self) -> impl Iterator<Item = (&str, &TaughtWord)> {
        let names = self.labels.names().iter().skip(self.network.n_labels);
        names.map(String::as_str).zip(&self.taught)
    }

    /// Replaces the threshold. Taught words keep their confidences.
    pub fn set_threshold(&mut self, threshold: f32) {
        self.taught.iter_mut().for_each(|word| word.move_threshold(self.threshold, threshold));
        self.threshold = threshold;
    }

    fn parse(json: &str) -> Result<Self, Error> {
        // The version first: another version may have other fields.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let unreadable = |error: serde_json::Error| Error::record(format!("its header: {error}"));
        let Version { format_version } = serde_json::from_str(json).map_err(unreadable)?;
        if !(1..=FORMAT_VERSION).contains(&format_version) {
            return Err(Error::record(format!(
                "format version {format_version}: this program reads versions 1 to {FORMAT_VERSION}"
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
        if labels != network.n_labels + self.taught.len() {
            let taught = self.taught.len();
            return Err(format!(
                "{labels} labels for a network of {} and {taught} taught words",
                network.n_labels
            ));
        }
        if self.self_test.len() != network.n_labels {
            let n_logits = self.self_test.len();
            return Err(format!(
                "a self-test of {n_logits} logits for a network of {} labels",
                network.n_labels
            ));
        }
        if let Some(word) = self.taught.iter().find(|word| !(-2.0..=2.0).contains(&word.least_score)) {
            return Err(format!("a taught word of least score {}: expected -2 to 2", word.least_score));
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
        check_threshold(self.threshold)?;
        if !(0.01..=100.0).contains(&self.temperature) {
            return Err(format!("a temperature of {}: expected 0.01 to 100", self.temperature));
        }
        Ok(())
    }
}

/// Checks a threshold that comes from a file or a user.
///
/// # Errors
/// The text names the range.
pub fn check_threshold(threshold: f32) -> Result<(), String> {
    if (0.0..=1.0).contains(&threshold) {
        return Ok(());
    }
    Err(format!("a threshold of {threshold}: expected 0 to 1"))
}

/// Returns the second of audio that every record is tested with: five gliding harmonics that swell and
/// fade, over a little noise.
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
