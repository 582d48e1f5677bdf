//! The HTTP client for the backend. The client is rebuilt when one of its certificate or key files changes.
//!
//! The files are read before each request, like the token: batches leave every few seconds, and the files are small. Invalid files (half
//! written, or a key of another certificate) are ignored: the error is logged once, and the previous client stays in use.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use pganalytics_tls::{Identity, MinVersion, authorities, read};

use crate::config::Backend;

/// The timeout of a whole request. A batch has at most 16 MiB.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Client {
    ca: Option<PathBuf>,
    /// The files of the client certificate and its key.
    identity: Option<(PathBuf, PathBuf)>,
    min_version: MinVersion,
    held: Mutex<Held>,
}

struct Held {
    client: reqwest::Client,
    /// The result of the latest read, valid or not.
    seen: Result<Contents, String>,
    certificate: Certificate,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The content of the files. Not `Debug`, because one file is a key.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Figures about the client certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The expiry in seconds since the epoch. `None`: no client certificate.
    pub expires: Option<i64>,
    /// How often changed files were invalid.
    pub failures: u64,
}

impl Client {
    /// # Errors
    /// If a file cannot be read or has invalid content.
    pub(crate) fn new(backend: &Backend) -> anyhow::Result<Self> {
        // A second installation fails and changes nothing: the all-in-one installs a provider of its own.
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
                tracing::info!(certificate.expires_s = expires, "the new certificates of [backend] are in use");
            }
            Err(error) => {
                held.certificate.failures += 1;
                let error = format!("{error:#}");
                tracing::error!(
                    error,
                    "the changed certificates of [backend] cannot be loaded; the old ones stay in use: correct the files"
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

/// Builds the client, and returns the expiry of its certificate.
fn build(
    ca: &Option<PathBuf>,
    identity: &Option<(PathBuf, PathBuf)>,
    min_version: MinVersion,
    contents: &Contents,
) -> anyhow::Result<(reqwest::Client, Option<i64>)> {
    let mut client = reqwest::Client::builder()
        // Following a redirect would send the batch and the token to another host, whose answer would then count.
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
    Ok((client.build().context("cannot set up the HTTP client")?, expires))
}
