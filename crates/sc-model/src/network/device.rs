//! The Burn device of each [`Backend`].

use burn::tensor::Device;

use crate::Backend;

impl Backend {
    /// Returns the Burn device that runs this backend, or `None` for this crate's own engines and for a
    /// backend that this build leaves out.
    #[allow(deprecated, reason = "ndarray stays a backend of this project while Burn has it")]
    pub fn device(self) -> Option<Device> {
        match self {
            Self::Flex => Some(Device::flex()),
            #[cfg(feature = "ndarray")]
            Self::Ndarray => Some(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[allow(clippy::match_wildcard_for_single_variants, reason = "it depends on the features")]
            _ => None,
        }
    }
}
