//! The client of a connection, as handlers see it.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;

/// The client of a connection. Each request has it as an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Whether the connection uses TLS that ends here.
    pub tls: bool,
    /// The client's certificate. It has been verified.
    pub certificate: Option<ClientCertificate>,
}

impl Peer {
    pub(crate) fn plain() -> Self {
        Self { tls: false, certificate: None }
    }

    /// The client of a TLS connection.
    pub(crate) fn encrypted(connection: &rustls::ServerConnection) -> Self {
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        Self { tls: true, certificate: certificate.map(|certificate| ClientCertificate(Arc::new(certificate.clone()))) }
    }
}

/// A client's own certificate, without its issuers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate(Arc<CertificateDer<'static>>);

impl ClientCertificate {
    /// Whether the certificate is for this name: one of its `subjectAltName`s is this DNS name or IP address, by the rules for server
    /// certificates. The common name does not count.
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        let Ok(name) = ServerName::try_from(name) else { return false };
        ParsedCertificate::try_from(&*self.0).is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
    }
}
