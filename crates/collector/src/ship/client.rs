//! The HTTP client that ships, made anew when a file of certificates or keys that it was made from has changed.
//!
//! The files are read before each request, as the token is: a batch leaves every few seconds, and they are small. Files that do not do (half
//! written, the key of another certificate) change nothing: that is told once, and the client of before ships on.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use pganalytics_tls::{Identity, MinVersion, authorities, read};

use crate::config::Backend;

/// The whole exchange; a batch has at most 16 MiB.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Client {
    ca: Option<PathBuf>,
    /// The certificate's file and the key's.
    identity: Option<(PathBuf, PathBuf)>,
    min_version: MinVersion,
    held: Mutex<Held>,
}

struct Held {
    client: reqwest::Client,
    /// What was read last, good or not.
    seen: Result<Contents, String>,
    certificate: Certificate,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The files as they are. No `Debug`: one is a key.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// What can be told about the certificate that is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// In seconds since the epoch; where one is shown.
    pub expires: Option<i64>,
    /// Changed files that could not be taken.
    pub failures: u64,
}

impl Client {
    /// # Errors
    /// Where a file cannot be read or does not hold what it should.
    pub(crate) fn new(backend: &Backend) -> anyhow::Result<Self> {
        // A second installation (the all-in-one has one of its own) is refused and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let identity = backend.cert_file.clone().zip(backend.key_file.clone());
        let files = (backend.ca_file.clone(), identity);
        let contents = contents(&files.0, &files.1)?;
        let (client, expires) = build(&files.0, &files.1, backend.tls_min_version, &contents)?;
        let held = Held { client, seen: Ok(contents), certificate: Certificate { expires, failures: 0 } };
        Ok(Self { ca: files.0, identity: files.1, min_version: backend.tls_min_version, held: Mutex::new(held) })
    }

    /// The client for the next request.
    pub(crate) fn current(&self) -> reqwest::Client {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let read = contents(&self.ca, &self.identity);
        let seen = read.as_ref().map(Clone::clone).map_err(|error| format!("{error:#}"));
        if held.seen == seen {
            return held.client.clone();
        }
        held.seen = seen;
        match read.and_then(|contents| build(&self.ca, &self.identity, self.min_version, &contents)) {
            Ok((client, expires)) => {
                (held.client, held.certificate.expires) = (client, expires);
                tracing::info!(certificate.expires_s = expires, "shipping with the new certificates of [backend]");
            }
            Err(error) => {
                held.certificate.failures += 1;
                let error = format!("{error:#}");
                tracing::error!(
                    error,
                    "the changed certificates of [backend] cannot be taken; shipping goes on with the old ones: correct the files"
                );
            }
        }
        held.client.clone()
    }

    pub(crate) fn certificate(&self) -> Certificate {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).certificate
    }
}

fn contents(ca: &Option<PathBuf>, identity: &Option<(PathBuf, PathBuf)>) -> anyhow::Result<Contents> {
    let ca = ca.as_deref().map(read).transpose().context("[backend] ca_file")?;
    let identity = match identity {
        Some((certificate, key)) => Some((read(certificate).context("[backend] cert_file")?, read(key).context("[backend] key_file")?)),
        None => None,
    };
    Ok(Contents { ca, identity })
}

/// The client, and when its certificate expires.
fn build(
    ca: &Option<PathBuf>,
    identity: &Option<(PathBuf, PathBuf)>,
    min_version: MinVersion,
    contents: &Contents,
) -> anyhow::Result<(reqwest::Client, Option<i64>)> {
    let mut client = reqwest::Client::builder()
        // A redirect would send the batch and the token to another place, and the answer would come from there.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .tls_version_min(match min_version {
            MinVersion::Tls12 => reqwest::tls::Version::TLS_1_2,
            MinVersion::Tls13 => reqwest::tls::Version::TLS_1_3,
        })
        .user_agent(concat!("pganalytics-collector/", env!("CARGO_PKG_VERSION")));
    if let (Some(file), Some(pem)) = (ca, &contents.ca) {
        authorities(file, pem).context("[backend] ca_file")?;
        client = client.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem).context("[backend] ca_file")?);
    }
    let mut expires = None;
    if let (Some((certificate, key_file)), Some((chain, key))) = (identity, &contents.identity) {
        let parsed = Identity::parse((certificate, chain), (key_file, key)).context("[backend] cert_file and key_file")?;
        expires = Some(parsed.expires);
        let both = [&chain[..], b"\n", &key[..]].concat();
        client = client.identity(reqwest::Identity::from_pem(&both).context("[backend] cert_file and key_file")?);
    }
    Ok((client.build().context("set up the HTTP client")?, expires))
}
