//! PEM files: reading them within a size limit, and their certificates.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::validity::expires;

/// The most bytes of a certificate or key file: all authorities of a system are a quarter of this.
const MAX_FILE: u64 = 1 << 20;

/// The certificates of authorities.
///
/// # Errors
/// The file contains no certificate, or something else.
pub fn authorities(file: &Path, pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found = certificates(file, pem)?;
    for authority in &found {
        expires(authority).with_context(|| format!("{} contains something that is not a certificate", file.display()))?;
    }
    Ok(found)
}

/// Reads a file of certificates or keys.
///
/// # Errors
/// The file cannot be read, or is too long.
pub fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    read_up_to(MAX_FILE, file)
}

pub(super) fn read_up_to(most: u64, file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).with_context(|| format!("read {}", file.display()))?;
    opened.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("read {}", file.display()))?;
    ensure!(bytes.len() as u64 <= most, "{} has more than {most} bytes: is it the right file?", file.display());
    Ok(bytes)
}

pub(super) fn certificates(file: &Path, pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{} contains a damaged certificate", file.display()))?;
    if found.is_empty() {
        bail!("{} contains no certificate in PEM format (-----BEGIN CERTIFICATE-----)", file.display());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_long_is_not_read_to_its_end() {
        let error = read(Path::new("/dev/zero")).expect_err("endless").to_string();
        assert!(error.contains("/dev/zero has more than"), "{error}");
    }
}
