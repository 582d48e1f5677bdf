//! The HTTP client. The client is rebuilt when the authority's file changes.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use crate::access::read;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Http {
    /// The file of the only authorities that are trusted for the API.
    ca_file: Option<PathBuf>,
    held: Mutex<Held>,
}

/// The HTTP client, and the content of the authority's file that the client was built from.
struct Held {
    http: reqwest::Client,
    authority: Option<Vec<u8>>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Http {
    /// # Errors
    /// If the authority's file cannot be read or holds no certificate.
    pub(crate) fn new(ca_file: Option<PathBuf>) -> anyhow::Result<Self> {
        // A second installation fails and changes nothing: the all-in-one installs a provider of its own.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authority = ca_file.as_deref().map(read).transpose()?;
        let http = build(ca_file.as_deref(), authority.as_deref())?;
        Ok(Self { ca_file, held: Mutex::new(Held { http, authority }) })
    }

    /// The client for the next request.
    pub(crate) fn current(&self) -> reqwest::Client {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.ca_file
            && let Ok(authority) = read(file)
            && held.authority.as_ref() != Some(&authority)
        {
            // A half-written file is ignored; the next request reads the file again.
            if let Ok(http) = build(Some(file), Some(&authority)) {
                *held = Held { http, authority: Some(authority) };
            }
        }
        held.http.clone()
    }
}

fn build(file: Option<&Path>, authority: Option<&[u8]>) -> anyhow::Result<reqwest::Client> {
    let mut http = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // The API is inside the cluster, so no proxy is used.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("pganalytics/", env!("CARGO_PKG_VERSION")));
    if let (Some(file), Some(authority)) = (file, authority) {
        let place = || format!("take the authorities of {}", file.display());
        let roots = reqwest::Certificate::from_pem_bundle(authority).with_context(place)?;
        anyhow::ensure!(!roots.is_empty(), "{} holds no certificate", file.display());
        http = http.tls_certs_only(roots);
    }
    http.build().context("set up the HTTP client for the Kubernetes API")
}
