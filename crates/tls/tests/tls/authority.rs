//! Certificates for tests. The tests of other crates include this file, too.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

/// The expiry year of a valid certificate.
pub(crate) const GOOD: i32 = 2200;
/// The expiry year of an expired certificate.
pub(crate) const EXPIRED: i32 = 2020;

/// The serial number of the next certificate.
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// An authority. Its certificate and the certificates it issues are in a folder.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// The authority's certificate.
    pub(crate) file: PathBuf,
}

/// A certificate for this machine, with its key.
pub(crate) struct Issued {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) serial: u64,
}

impl Authority {
    pub(crate) fn new(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let file = folder.join(format!("{name}.crt"));
        std::fs::write(&file, issuer.pem())?;
        Ok(Self { issuer, folder: folder.to_owned(), file })
    }

    /// Issues a certificate for `localhost` and 127.0.0.1 that is valid until the first day of a year. Files of this name are overwritten.
    pub(crate) fn issue(&self, name: &str, until: i32) -> anyhow::Result<Issued> {
        self.issue_for(&["localhost", "127.0.0.1"], name, until)
    }

    /// Issues a certificate for other names.
    pub(crate) fn issue_for(&self, names: &[&str], name: &str, until: i32) -> anyhow::Result<Issued> {
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = rcgen::date_time_ymd(2010, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let path = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        let issued = Issued { certificate: path("crt"), key: path("key"), serial };
        std::fs::write(&issued.certificate, certificate.pem())?;
        std::fs::write(&issued.key, key.serialize_pem())?;
        Ok(issued)
    }

    /// The authority's revocation list in PEM format. The next list is due on the first day of a year.
    pub(crate) fn revoked(&self, revoked: &[&Issued], due: i32) -> anyhow::Result<String> {
        let revoked_certs = revoked.iter().map(|issued| RevokedCertParams {
            serial_number: SerialNumber::from(issued.serial),
            revocation_time: rcgen::date_time_ymd(2015, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2015, 1, 1),
            next_update: rcgen::date_time_ymd(due, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }
}
