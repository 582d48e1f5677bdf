//! A certificate chain with its private key.

use std::path::Path;

use anyhow::Context as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::crypto::crypto_provider;
use super::pem::certificates;
use super::validity::expires;

/// A certificate chain and its key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    /// Its `Debug` output does not contain the key.
    pub key: PrivateKeyDer<'static>,
    /// When the first certificate of the chain expires: seconds since the epoch.
    pub expires: i64,
}

impl Identity {
    /// Parses the contents of two files. The paths are for error messages.
    ///
    /// # Errors
    /// The files hold no certificate or no key, or the key belongs to another certificate.
    pub fn parse((certificate, chain): (&Path, &[u8]), (key_file, key): (&Path, &[u8])) -> anyhow::Result<Self> {
        let chain = certificates(certificate, chain)?;
        let expires = chain.iter().map(expires).collect::<anyhow::Result<Vec<_>>>();
        let expires = expires.with_context(|| format!("read the expiry of the certificate in {}", certificate.display()))?;
        let expires = expires.into_iter().min().context("find a certificate in the chain")?;
        // The library's error names a position in the file, and no part of the key.
        let key = PrivateKeyDer::from_pem_slice(key)
            .with_context(|| format!("{} contains no private key in PEM format (without a passphrase)", key_file.display()))?;
        let signing = crypto_provider()
            .key_provider
            .load_private_key(key.clone_key())
            .with_context(|| format!("{} contains a private key of an unknown type", key_file.display()))?;
        let whole = rustls::sign::CertifiedKey::new(chain.clone(), signing);
        whole
            .keys_match()
            .with_context(|| format!("{} is not the key of the certificate in {}", key_file.display(), certificate.display()))?;
        Ok(Self { chain, key, expires })
    }
}
