//! What stands in PEM files, checked: a certificate chain with its key, authorities, and the rustls configuration of a server.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode as _, SliceReader, Tag, Tagged as _};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Longer files hold something else: all authorities of a system are a quarter of it.
const MAX_FILE: u64 = 1 << 20;
/// Lists of revoked certificates grow: this is some hundred thousand of them.
const MAX_LISTS: u64 = 16 << 20;
/// HTTP/2 first: whoever speaks both shares one connection for many requests.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    Off,
    /// They are asked, and may have none; one that is shown must be good. What needs one is the server's to say.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

impl ClientAuth {
    /// What is meant where a file with authorities is given or not, and something was said or not.
    ///
    /// # Errors
    /// Certificates are asked for and nothing says whose.
    pub fn resolve(said: Option<Self>, has_authorities: bool) -> Result<Self, &'static str> {
        match said {
            None if has_authorities => Ok(Self::Required),
            None => Ok(Self::Off),
            Some(Self::Optional | Self::Required) if !has_authorities => Err("asks for certificates, and nothing says whose are good"),
            Some(said) => Ok(said),
        }
    }
}

impl FromStr for ClientAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "optional" => Ok(Self::Optional),
            "required" => Ok(Self::Required),
            _ => Err("write off, optional or required".into()),
        }
    }
}

impl fmt::Display for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        })
    }
}

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MinVersion {
    Tls12,
    #[default]
    Tls13,
}

impl FromStr for MinVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err("write 1.2 or 1.3".into()),
        }
    }
}

impl fmt::Display for MinVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        })
    }
}

/// What a server is told about TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The authorities whose clients are let in.
    pub client_ca: Option<PathBuf>,
    /// Lists of the certificates that these authorities have revoked.
    pub client_crl: Option<PathBuf>,
    pub client_auth: ClientAuth,
    pub min_version: MinVersion,
}

/// The files as they are, to notice a change. No `Debug`: one is a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    pub(crate) clients: Clients,
}

/// What clients are judged by.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Clients {
    authorities: Option<Vec<u8>>,
    revoked: Option<Vec<u8>>,
}

/// What files come to.
pub(crate) struct Configured {
    pub(crate) config: ServerConfig,
    /// When the first certificate of the chain expires, in seconds since the epoch.
    pub(crate) expires: i64,
    /// When the first of the lists of revoked certificates should have been followed by a newer one.
    pub(crate) lists_due: Option<i64>,
}

impl ServerFiles {
    pub(crate) fn contents(&self) -> anyhow::Result<Contents> {
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            clients: Clients {
                authorities: self.client_ca.as_deref().map(read).transpose()?,
                revoked: self.client_crl.as_deref().map(|file| read_up_to(MAX_LISTS, file)).transpose()?,
            },
        })
    }

    /// What these contents come to.
    pub(crate) fn configure(&self, contents: &Contents) -> anyhow::Result<Configured> {
        let identity = Identity::parse((&self.certificate, &contents.certificate), (&self.key, &contents.key))?;
        let versions: &[&rustls::SupportedProtocolVersion] = match self.min_version {
            MinVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            MinVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).context("choose the TLS version")?;
        let mut lists_due = None;
        let config = match (&self.client_ca, &contents.clients.authorities) {
            (Some(file), Some(pem)) if self.client_auth != ClientAuth::Off => {
                let mut roots = RootCertStore::empty();
                for authority in authorities(file, pem)? {
                    roots.add(authority).with_context(|| format!("{} holds a certificate that cannot be an authority", file.display()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                let mut verifier = if self.client_auth == ClientAuth::Optional { verifier.allow_unauthenticated() } else { verifier };
                if let (Some(file), Some(pem)) = (&self.client_crl, &contents.clients.revoked) {
                    let lists = revocations(file, pem)?;
                    lists_due = lists.iter().filter_map(|list| list.due).min();
                    // An authority without a list has revoked nothing. A list that is overdue still says what was revoked: to let nobody in because
                    // the next one did not come would end all shipping at once.
                    verifier = verifier.with_crls(lists.into_iter().map(|list| list.der)).allow_unknown_revocation_status();
                }
                let verifier = verifier.build().with_context(|| {
                    let files: Vec<_> =
                        [Some(file), self.client_crl.as_ref()].into_iter().flatten().map(|file| file.display().to_string()).collect();
                    format!("take {} to judge clients by", files.join(" and "))
                })?;
                config.with_client_cert_verifier(verifier)
            }
            _ => config.with_no_client_auth(),
        };
        let mut config = config
            .with_single_cert(identity.chain, identity.key)
            .with_context(|| format!("{} is not the key of the certificate in {}", self.key.display(), self.certificate.display()))?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(Configured { config, expires: identity.expires, lists_due })
    }
}

/// A certificate chain and its key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    /// Its `Debug` shows nothing of it.
    pub key: PrivateKeyDer<'static>,
    /// When the first certificate of the chain expires, in seconds since the epoch.
    pub expires: i64,
}

impl Identity {
    /// From two files that were read, named for errors.
    ///
    /// # Errors
    /// Where there is no certificate or no key in them, or the key is of another certificate.
    pub fn parse((certificate, chain): (&Path, &[u8]), (key_file, key): (&Path, &[u8])) -> anyhow::Result<Self> {
        let chain = certificates(certificate, chain)?;
        let expires = chain.iter().map(|one| expires(one)).collect::<anyhow::Result<Vec<_>>>();
        let expires = expires.with_context(|| format!("read how long the certificate in {} is good", certificate.display()))?;
        let expires = expires.into_iter().min().context("a chain has a certificate")?;
        // The error of the library names a position in the file, and no part of the key.
        let key = PrivateKeyDer::from_pem_slice(key)
            .with_context(|| format!("{} holds no private key in PEM (one without a passphrase)", key_file.display()))?;
        let signing = provider()
            .key_provider
            .load_private_key(key.clone_key())
            .with_context(|| format!("{} holds a key of a kind that is not known", key_file.display()))?;
        let whole = rustls::sign::CertifiedKey::new(chain.clone(), signing);
        whole
            .keys_match()
            .with_context(|| format!("{} is not the key of the certificate in {}", key_file.display(), certificate.display()))?;
        Ok(Self { chain, key, expires })
    }
}

/// The certificates of authorities.
///
/// # Errors
/// Where there is none, or something that is none.
pub fn authorities(file: &Path, pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found = certificates(file, pem)?;
    for authority in &found {
        expires(authority).with_context(|| format!("{} holds something that is no certificate", file.display()))?;
    }
    Ok(found)
}

/// Reads a file of certificates or keys.
///
/// # Errors
/// Where it cannot be read, or is too long to be one.
pub fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    read_up_to(MAX_FILE, file)
}

fn read_up_to(most: u64, file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).with_context(|| format!("read {}", file.display()))?;
    opened.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("read {}", file.display()))?;
    ensure!(bytes.len() as u64 <= most, "{} has more than {most} bytes: it is another file than it should be", file.display());
    Ok(bytes)
}

/// A list of revoked certificates.
struct Revocations {
    der: CertificateRevocationListDer<'static>,
    /// When there should be a newer one, in seconds since the epoch.
    due: Option<i64>,
}

fn revocations(file: &Path, pem: &[u8]) -> anyhow::Result<Vec<Revocations>> {
    let lists = CertificateRevocationListDer::pem_slice_iter(pem)
        .map(|list| {
            let der = list.with_context(|| format!("{} holds a list that is damaged", file.display()))?;
            let due =
                next_update(&der).with_context(|| format!("{} holds something that is no list of revoked certificates", file.display()))?;
            Ok(Revocations { der, due: due.map(|due| i64::try_from(due.as_secs()).unwrap_or(i64::MAX)) })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    if lists.is_empty() {
        bail!("{} holds no list of revoked certificates in PEM (-----BEGIN X509 CRL-----)", file.display());
    }
    Ok(lists)
}

fn certificates(file: &Path, pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{} holds a certificate that is damaged", file.display()))?;
    if found.is_empty() {
        bail!("{} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", file.display());
    }
    Ok(found)
}

/// When a certificate expires, in seconds since the epoch.
fn expires(certificate: &CertificateDer<'_>) -> anyhow::Result<i64> {
    let not_after = not_after(certificate).context("it is no X.509 certificate")?;
    i64::try_from(not_after.as_secs()).context("its time is out of range")
}

/// The end of a certificate's validity, as RFC 5280, 4.1, places it: of the first part of the certificate the fifth, or the fourth where the
/// version is left out. A library for all of X.509 would be ten times as much code as this.
fn not_after(certificate: &[u8]) -> der::Result<Duration> {
    let certificate = AnyRef::from_der(certificate)?;
    let signed = AnyRef::decode(&mut SliceReader::new(certificate.value())?)?;
    let mut parts = SliceReader::new(signed.value())?;
    let version = AnyRef::decode(&mut parts)?;
    if version.tag().is_context_specific() {
        let _serial = AnyRef::decode(&mut parts)?;
    }
    let (_algorithm, _issuer) = (AnyRef::decode(&mut parts)?, AnyRef::decode(&mut parts)?);
    let validity = AnyRef::decode(&mut parts)?;
    let mut times = SliceReader::new(validity.value())?;
    let (_not_before, not_after) = (AnyRef::decode(&mut times)?, AnyRef::decode(&mut times)?);
    time(not_after)
}

/// When there should be a newer list, as RFC 5280, 5.1, places it: of the first part of the list the fifth, or the fourth where the version is
/// left out. It may be left out too.
fn next_update(list: &[u8]) -> der::Result<Option<Duration>> {
    let list = AnyRef::from_der(list)?;
    let signed = AnyRef::decode(&mut SliceReader::new(list.value())?)?;
    let mut parts = SliceReader::new(signed.value())?;
    let first = AnyRef::decode(&mut parts)?;
    if first.tag() == Tag::Integer {
        let _algorithm = AnyRef::decode(&mut parts)?;
    }
    let (_issuer, this_update) = (AnyRef::decode(&mut parts)?, AnyRef::decode(&mut parts)?);
    time(this_update)?;
    Ok(AnyRef::decode(&mut parts).and_then(time).ok())
}

fn time(part: AnyRef<'_>) -> der::Result<Duration> {
    match part.tag() {
        Tag::UtcTime => Ok(part.decode_as::<UtcTime>()?.to_unix_duration()),
        _ => Ok(part.decode_as::<GeneralizedTime>()?.to_unix_duration()),
    }
}

/// Now, as [`Identity::expires`] counts.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_alone_means_that_certificates_are_required() {
        use ClientAuth::{Off, Optional, Required};
        for (said, has_authorities, meant) in [
            (None, false, Some(Off)),
            (None, true, Some(Required)),
            (Some(Off), true, Some(Off)),
            (Some(Optional), true, Some(Optional)),
            (Some(Optional), false, None),
            (Some(Required), false, None),
        ] {
            assert_eq!(ClientAuth::resolve(said, has_authorities).ok(), meant, "{said:?}, {has_authorities}");
        }
    }

    #[test]
    fn settings_read_as_they_are_shown() {
        for text in ["off", "optional", "required"] {
            assert_eq!(text.parse::<ClientAuth>().map(|auth| auth.to_string()), Ok(text.to_owned()));
        }
        for text in ["1.2", "1.3"] {
            assert_eq!(text.parse::<MinVersion>().map(|version| version.to_string()), Ok(text.to_owned()));
        }
        assert!("1.1".parse::<MinVersion>().is_err() && "yes".parse::<ClientAuth>().is_err());
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read_to_its_end() -> anyhow::Result<()> {
        let error = read(Path::new("/dev/zero")).expect_err("endless").to_string();
        assert!(error.contains("/dev/zero has more than"), "{error}");
        Ok(())
    }
}
