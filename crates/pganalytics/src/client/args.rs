//! The flags of commands that call the API.

use std::path::PathBuf;

use anyhow::Context as _;
use pganalytics_server::Secret;
use pganalytics_server::tls::{self, MinVersion};
use reqwest::Url;

use crate::access::DEFAULT_DATA;

/// How to reach the backend.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Backend")]
pub(crate) struct ClientArgs {
    /// The backend's address, as in <https://pganalytics.example.com>
    #[arg(long, env = "PGANALYTICS_URL", value_name = "URL")]
    pub(super) url: Option<Url>,
    /// The token; prefer the environment or a file, since process lists show arguments
    #[arg(long, env = "PGANALYTICS_TOKEN", value_name = "TOKEN", hide_env_values = true, requires = "url")]
    pub(super) token: Option<Secret>,
    /// A file with the token
    #[arg(long, env = "PGANALYTICS_TOKEN_FILE", value_name = "FILE", requires = "url", conflicts_with = "token")]
    pub(super) token_file: Option<PathBuf>,
    /// Authorities to trust in addition to the system's (PEM), for a backend with its own authority
    #[arg(long, env = "PGANALYTICS_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A client certificate (PEM), for a backend that requires one (--tls-client-auth required)
    #[arg(long, env = "PGANALYTICS_CERT_FILE", value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// The private key of the client certificate (PEM)
    #[arg(long, env = "PGANALYTICS_KEY_FILE", value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
    /// The oldest TLS version: 1.2, for an old load balancer in between, or 1.3
    #[arg(long, env = "PGANALYTICS_CLIENT_TLS_MIN_VERSION", value_name = "VERSION", default_value_t = MinVersion::Tls13)]
    tls_min_version: MinVersion,
    /// Without --url: the data folder of a backend on this machine
    #[arg(long, env = "PGANALYTICS_DATA", value_name = "DIR", default_value = DEFAULT_DATA)]
    pub(super) data: PathBuf,
}

impl ClientArgs {
    /// Adds the certificates and the oldest TLS version. Redirects are not followed.
    pub(super) fn trusting(&self, mut builder: reqwest::ClientBuilder) -> anyhow::Result<reqwest::ClientBuilder> {
        // A redirect would send the token or the password to another place.
        builder = builder.redirect(reqwest::redirect::Policy::none()).tls_version_min(match self.tls_min_version {
            MinVersion::Tls12 => reqwest::tls::Version::TLS_1_2,
            MinVersion::Tls13 => reqwest::tls::Version::TLS_1_3,
        });
        if let Some(file) = &self.ca_file {
            let pem = tls::read(file)?;
            tls::authorities(file, &pem).context("use the authorities of --ca-file")?;
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem).context("use the authorities of --ca-file")?);
        }
        if let (Some(certificate), Some(key)) = (&self.cert_file, &self.key_file) {
            let (chain, secret) = (tls::read(certificate)?, tls::read(key)?);
            tls::Identity::parse((certificate, &chain), (key, &secret)).context("use --cert-file and --key-file")?;
            let both = [&chain[..], b"\n", &secret[..]].concat();
            builder = builder.identity(reqwest::Identity::from_pem(&both).context("use --cert-file and --key-file")?);
        }
        Ok(builder)
    }
}
