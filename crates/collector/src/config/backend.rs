//! Where batches go, and what requests show.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use pganalytics_tls::MinVersion;

use crate::connect::secret::Secret;

/// How often a credential of its own is renewed: a stolen one is of use that long.
pub(super) const DEFAULT_ROTATE_EVERY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where batches go.
#[derive(Debug, Clone)]
pub struct Backend {
    pub url: url::Url,
    pub token: Token,
    /// Authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// A certificate to show; there is a `key_file` then too.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub tls_min_version: MinVersion,
}

impl Backend {
    /// One whose certificate, if it has one, is trusted as the system trusts.
    #[must_use]
    pub fn new(url: url::Url, token: Token) -> Self {
        Self { url, token, ca_file: None, cert_file: None, key_file: None, tls_min_version: MinVersion::default() }
    }
}

/// The collector's credential.
#[derive(Debug, Clone)]
pub enum Token {
    Given(Secret),
    /// Read anew for each request.
    File(PathBuf),
    /// A credential of its own, in the spool's folder. The token is what it is exchanged for; one that is enrolled needs none.
    OwnCredential {
        enrolment: Option<Source>,
        rotate_every: Duration,
    },
}

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub enum Source {
    Given(Secret),
    /// Read when it is needed.
    File(PathBuf),
}

impl Source {
    /// # Errors
    /// Where the file that the key names cannot be read.
    pub fn read(&self, key: &str) -> anyhow::Result<Secret> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::File(file) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("read [backend] {key} {}", file.display()))?;
                Ok(Secret::new(text.trim()))
            }
        }
    }
}
