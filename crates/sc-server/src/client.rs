//! The clients, between whom everything is shared out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A client whose requests are counted together: the holder of a key, or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    Key([u8; 32]),
    Address(IpAddr),
}

impl Client {
    /// Returns the client at an address. Those without one are one client.
    pub fn at(address: Option<SocketAddr>) -> Self {
        Self::of_address(address.map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.ip()))
    }

    /// Returns the beginning of the SHA-256 of its key, if it has one: enough for the log to tell keys apart.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Key([a, b, c, d, ..]) => Some(format!("{a:02x}{b:02x}{c:02x}{d:02x}")),
            Self::Address(_) => None,
        }
    }

    /// Returns the client at an address. A client of IPv6 has the 2^64 addresses of its network.
    pub fn of_address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}
