//! The backends that can run the network, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// A way to run the network. A build may leave out those of Burn: see [`Backend::available`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// This crate's own engine on the CPU.
    #[default]
    Native,
    /// The same engine in eight bits, where the processor multiplies bytes: by AVX2, still quicker by AVX-VNNI or
    /// AVX-512 VNNI, or by ARM's dot products. Elsewhere it computes in floats, which are then the quicker way.
    NativeInt8,
    /// Burn's default CPU backend.
    Flex,
    /// Burn's former CPU backend.
    Ndarray,
    /// Burn's GPU backend.
    Wgpu,
}

/// Every backend, its name, and `true` if this build has it.
const BACKENDS: [(Backend, &str, bool); 5] = [
    (Backend::Native, "native", true),
    (Backend::NativeInt8, "native-int8", true),
    (Backend::Flex, "flex", cfg!(feature = "flex")),
    (Backend::Ndarray, "ndarray", cfg!(feature = "ndarray")),
    (Backend::Wgpu, "wgpu", cfg!(feature = "wgpu")),
];

impl Backend {
    /// Returns the backends of this build.
    pub fn available() -> impl Iterator<Item = Self> {
        BACKENDS.into_iter().filter_map(|(backend, _, is_built_in)| is_built_in.then_some(backend))
    }

    /// Returns the kind of device that the network runs on: `gpu` or `cpu`.
    pub fn device_kind(self) -> &'static str {
        if self == Self::Wgpu { "gpu" } else { "cpu" }
    }

    /// Refuses a backend that this build leaves out.
    pub(crate) fn check(self) -> Result<Self, Error> {
        if Self::available().any(|available| available == self) {
            return Ok(self);
        }
        let name = self.to_string();
        let hint = format!("; build with --features sc-model/{name} to add it");
        Err(Error::Backend { name, available: names(), hint })
    }
}

/// Returns the names of the backends of this build.
fn names() -> String {
    Backend::available().map(|backend| backend.to_string()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = BACKENDS.iter().find(|(backend, ..)| backend == self);
        f.write_str(known.map_or("native", |(_, name, _)| name))
    }
}

impl FromStr for Backend {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match BACKENDS.iter().find(|(_, known, _)| *known == name) {
            Some((backend, ..)) => backend.check(),
            None => Err(Error::Backend { name: name.into(), available: names(), hint: String::new() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backend_survives_its_name() {
        for backend in Backend::available() {
            assert_eq!(backend.to_string().parse::<Backend>().unwrap(), backend);
        }
        for (backend, name, _) in BACKENDS {
            assert_eq!(serde_json::to_value(backend).unwrap(), name);
        }
    }

    #[test]
    fn a_backend_that_is_left_out_is_refused_with_the_feature_that_adds_it() {
        for (backend, name, _) in BACKENDS.into_iter().filter(|(.., is_built_in)| !is_built_in) {
            let error = backend.check().unwrap_err().to_string();
            let start = format!("no backend named `{name}` in this build: it has native, ");
            assert!(error.starts_with(&start), "{error}");
            assert!(
                error.ends_with(&format!("; build with --features sc-model/{name} to add it")),
                "{error}"
            );
        }
    }

    #[test]
    fn wgpu_alone_runs_on_a_gpu() {
        for (backend, name, _) in BACKENDS {
            assert_eq!(backend.device_kind(), if name == "wgpu" { "gpu" } else { "cpu" }, "{name}");
        }
    }

    #[test]
    fn an_unknown_backend_is_told_what_there_is() {
        let error = "torch".parse::<Backend>().unwrap_err().to_string();
        assert!(error.contains("`torch`") && error.contains("native"), "{error}");
    }
}
