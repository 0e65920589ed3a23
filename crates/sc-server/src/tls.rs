//! The certificate for https. It can be exchanged while connections go on.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// A certificate chain with its private key, from two PEM files.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads both files and checks that they belong together.
    ///
    /// # Errors
    /// If a file cannot be read or is no PEM, or if the key belongs to another certificate.
    pub fn load(chain: PathBuf, key: PathBuf) -> io::Result<Self> {
        let current = RwLock::new(Arc::new(read(&chain, &key)?));
        Ok(Self { chain, key, current })
    }

    /// Reads the files again, for new connections.
    ///
    /// # Errors
    /// As [`Certificate::load`]. The certificate then stays as it was.
    pub fn reload(&self) -> io::Result<()> {
        let fresh = Arc::new(read(&self.chain, &self.key)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Returns the settings of a listener: TLS 1.2 and 1.3, without client certificates.
    pub(crate) fn server_config(self: &Arc<Self>) -> io::Result<ServerConfig> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        Ok(config.with_no_client_auth().with_cert_resolver(Arc::<Self>::clone(self)))
    }
}

fn read(chain: &Path, key: &Path) -> io::Result<CertifiedKey> {
    let explain =
        |path: &Path, error: &dyn fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&named(chain)?).collect();
    let certificates = certificates.map_err(|error| explain(chain, &error))?;
    if certificates.is_empty() {
        return Err(explain(chain, &"expected a certificate in PEM"));
    }
    let private = PrivateKeyDer::from_pem_slice(&named(key)?).map_err(|error| explain(key, &error))?;
    CertifiedKey::from_der(certificates, private, &ring::default_provider())
        .map_err(|error| explain(key, &error))
}

fn named(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("chain", &self.chain).finish_non_exhaustive()
    }
}
