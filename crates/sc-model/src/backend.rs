//! What can run the network, by name.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// What runs the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// This crate's own engine on the CPU.
    #[default]
    Native,
    /// Burn's default CPU backend.
    #[cfg(feature = "flex")]
    Flex,
    /// Burn's former CPU backend.
    #[cfg(feature = "ndarray")]
    Ndarray,
    /// Burn's GPU backend.
    #[cfg(feature = "wgpu")]
    Wgpu,
}

/// Every backend's name, and what it is in this build.
const BACKENDS: [(&str, Option<Backend>); 4] = [
    ("native", Some(Backend::Native)),
    #[cfg(feature = "flex")]
    ("flex", Some(Backend::Flex)),
    #[cfg(not(feature = "flex"))]
    ("flex", None),
    #[cfg(feature = "ndarray")]
    ("ndarray", Some(Backend::Ndarray)),
    #[cfg(not(feature = "ndarray"))]
    ("ndarray", None),
    #[cfg(feature = "wgpu")]
    ("wgpu", Some(Backend::Wgpu)),
    #[cfg(not(feature = "wgpu"))]
    ("wgpu", None),
];

impl Backend {
    /// The backends of this build.
    pub fn available() -> impl Iterator<Item = Self> {
        BACKENDS.into_iter().filter_map(|(_, backend)| backend)
    }

    /// The kind of device that the network runs on: `gpu` or `cpu`.
    pub fn device_kind(self) -> &'static str {
        let gpus: &[Self] = &[
            #[cfg(feature = "wgpu")]
            Self::Wgpu,
        ];
        if gpus.contains(&self) { "gpu" } else { "cpu" }
    }

    /// The Burn device it stands for; none for [`Backend::Native`].
    #[cfg(feature = "flex")]
    #[cfg_attr(
        feature = "ndarray",
        allow(deprecated, reason = "ndarray stays a backend of this project while Burn has it")
    )]
    pub fn device(self) -> Option<burn::tensor::Device> {
        match self {
            Self::Native => None,
            #[cfg(feature = "flex")]
            Self::Flex => Some(burn::tensor::Device::flex()),
            #[cfg(feature = "ndarray")]
            Self::Ndarray => Some(burn::tensor::Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(burn::tensor::Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = BACKENDS.iter().find(|(_, backend)| *backend == Some(*self)).map(|(name, _)| name);
        f.write_str(name.unwrap_or(&"native"))
    }
}

impl FromStr for Backend {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = BACKENDS.iter().find(|(known, _)| *known == name);
        if let Some((_, Some(backend))) = known {
            return Ok(*backend);
        }
        let available: Vec<String> = Self::available().map(|backend| backend.to_string()).collect();
        let hint = known.map_or_else(String::new, |_| format!("; build with --features {name} to add it"));
        Err(Error::Backend { name: name.into(), available: available.join(", "), hint })
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
    }

    #[test]
    fn wgpu_alone_runs_on_a_gpu() {
        for backend in Backend::available() {
            let expected = if backend.to_string() == "wgpu" { "gpu" } else { "cpu" };
            assert_eq!(backend.device_kind(), expected, "{backend}");
        }
    }

    #[test]
    fn an_unknown_backend_is_told_what_there_is() {
        let error = "torch".parse::<Backend>().unwrap_err().to_string();
        assert!(error.contains("`torch`") && error.contains("native"), "{error}");
    }
}
