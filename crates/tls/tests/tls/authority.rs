//! Certificates for tests, made on the spot. The tests of other crates include this file too.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

/// A year that no test lives to see.
pub(crate) const GOOD: i32 = 2200;
/// The last year in which an expired certificate was good.
pub(crate) const EXPIRED: i32 = 2020;

/// Of the next certificate.
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// An authority whose certificate, and those that it issues, lie in a folder.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// Whom to trust.
    pub(crate) file: PathBuf,
}

/// A certificate for this machine, and its key.
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

    /// Issues one for `localhost` and 127.0.0.1, good until the first day of a year, into files of this name, over what stood there.
    pub(crate) fn issue(&self, name: &str, until: i32) -> anyhow::Result<Issued> {
        self.issue_for(&["localhost", "127.0.0.1"], name, until)
    }

    /// The same for these names.
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

    /// Its list of revoked certificates, to be followed by the next on the first day of a year; the PEM.
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
