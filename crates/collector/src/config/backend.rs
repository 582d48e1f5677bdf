//! The backend: its URL, and the credentials of requests.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use pganalytics_tls::MinVersion;

use crate::connect::secret::Secret;

/// How often the collector renews its own credential. A stolen credential is valid no longer than this.
pub(super) const DEFAULT_ROTATE_EVERY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where batches go.
#[derive(Debug, Clone)]
pub struct Backend {
    pub url: url::Url,
    pub token: Token,
    /// A file of authorities that are trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The client certificate. Set together with `key_file`.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub tls_min_version: MinVersion,
}

impl Backend {
    /// A backend with the defaults: its certificate is verified with the system's authorities.
    #[must_use]
    pub fn new(url: url::Url, token: Token) -> Self {
        Self { url, token, ca_file: None, cert_file: None, key_file: None, tls_min_version: MinVersion::default() }
    }
}

/// The collector's credential.
#[derive(Debug, Clone)]
pub enum Token {
    Given(Secret),
    /// A file that is read again for each request.
    File(PathBuf),
    /// The collector's own credential, in the spool's folder. The enrolment token is exchanged for it; an enrolled collector needs no token.
    OwnCredential {
        enrolment: Option<Source>,
        rotate_every: Duration,
    },
}

/// The source of a secret.
#[derive(Debug, Clone)]
pub enum Source {
    Given(Secret),
    /// A file that is read when the secret is needed.
    File(PathBuf),
}

impl Source {
    /// # Errors
    /// If the named file cannot be read.
    pub fn read(&self, key: &str) -> anyhow::Result<Secret> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::File(file) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("cannot read [backend] {key} {}", file.display()))?;
                Ok(Secret::new(text.trim()))
            }
        }
    }
}
