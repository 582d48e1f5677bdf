//! The rustls configuration of a server, made from its files.

use std::sync::Arc;

use anyhow::Context as _;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::crypto::crypto_provider;
use super::identity::Identity;
use super::pem::{authorities, read};
use super::revocations;
use super::settings::{ClientAuth, MinVersion, ServerFiles};

/// HTTP/2 first: a client that supports both shares one connection for many requests.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The contents of the files, to notice changes. There is no `Debug`, since one of the files is a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    pub(crate) clients: Clients,
}

/// The files that decide which client certificates are valid.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Clients {
    authorities: Option<Vec<u8>>,
    revoked: Option<Vec<u8>>,
}

/// The result of checking the files.
pub(crate) struct Configured {
    pub(crate) config: ServerConfig,
    /// When the first certificate of the chain expires: seconds since the epoch.
    pub(crate) expires: i64,
    /// When the first newer revocation list is due: seconds since the epoch.
    pub(crate) lists_due: Option<i64>,
}

impl ServerFiles {
    pub(crate) fn contents(&self) -> anyhow::Result<Contents> {
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            clients: Clients {
                authorities: self.client_ca.as_deref().map(read).transpose()?,
                revoked: self.client_crl.as_deref().map(revocations::read).transpose()?,
            },
        })
    }

    /// Checks the contents, and makes the configuration.
    pub(crate) fn configure(&self, contents: &Contents) -> anyhow::Result<Configured> {
        let identity = Identity::parse((&self.certificate, &contents.certificate), (&self.key, &contents.key))?;
        let versions: &[&rustls::SupportedProtocolVersion] = match self.min_version {
            MinVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            MinVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let config =
            ServerConfig::builder_with_provider(crypto_provider()).with_protocol_versions(versions).context("choose the TLS version")?;
        let mut lists_due = None;
        let config = match (&self.client_ca, &contents.clients.authorities) {
            (Some(file), Some(pem)) if self.client_auth != ClientAuth::Off => {
                let mut roots = RootCertStore::empty();
                for authority in authorities(file, pem)? {
                    roots
                        .add(authority)
                        .with_context(|| format!("{} contains a certificate that cannot be an authority", file.display()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto_provider());
                let mut verifier = if self.client_auth == ClientAuth::Optional { verifier.allow_unauthenticated() } else { verifier };
                if let (Some(file), Some(pem)) = (&self.client_crl, &contents.clients.revoked) {
                    let lists = revocations::revocations(file, pem)?;
                    lists_due = lists.iter().filter_map(|list| list.due).min();
                    // An authority without a list has revoked nothing. An overdue list is still used: to refuse all clients because
                    // the next list is late would stop all shipping at once.
                    verifier = verifier.with_crls(lists.into_iter().map(|list| list.der)).allow_unknown_revocation_status();
                }
                let verifier = verifier.build().with_context(|| {
                    let files: Vec<_> =
                        [Some(file), self.client_crl.as_ref()].into_iter().flatten().map(|file| file.display().to_string()).collect();
                    format!("use {} to verify clients", files.join(" and "))
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
