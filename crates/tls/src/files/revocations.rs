//! Lists of revoked certificates (CRLs).

use std::path::Path;

use anyhow::{Context as _, bail};
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject as _;

use super::pem::read_up_to;
use super::validity::next_update;

/// The most bytes of a file of revocation lists: room for some hundred thousand revoked certificates.
const MAX_LISTS: u64 = 16 << 20;

pub(super) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    read_up_to(MAX_LISTS, file)
}

/// A list of revoked certificates.
pub(super) struct Revocations {
    pub(super) der: CertificateRevocationListDer<'static>,
    /// When a newer list is due: seconds since the epoch.
    pub(super) due: Option<i64>,
}

pub(super) fn revocations(file: &Path, pem: &[u8]) -> anyhow::Result<Vec<Revocations>> {
    let lists = CertificateRevocationListDer::pem_slice_iter(pem)
        .map(|list| {
            let der = list.with_context(|| format!("{} contains a damaged list", file.display()))?;
            let due = next_update(&der)
                .with_context(|| format!("{} contains something that is not a list of revoked certificates", file.display()))?;
            Ok(Revocations { der, due: due.map(|due| i64::try_from(due.as_secs()).unwrap_or(i64::MAX)) })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    if lists.is_empty() {
        bail!("{} contains no list of revoked certificates in PEM format (-----BEGIN X509 CRL-----)", file.display());
    }
    Ok(lists)
}
