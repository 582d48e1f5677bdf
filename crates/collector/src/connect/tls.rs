//! TLS that trusts exactly the certificates in `sslrootcert`.
//!
//! # Why
//! sqlx trusts the system's certificates in addition to the given ones. `verify-ca` compares no name, so any holder of a public certificate
//! could then impersonate the server. libpq trusts only the given file, and so does the collector.
//!
//! # How
//! If certificates are named, as a file or as PEM text, this room makes the connection: PostgreSQL's SSLRequest, then the handshake, then a
//! relay. sqlx sends plain bytes to the relay's loopback port, which accepts one connection and then closes. The relay copies bytes until
//! one side ends. If another process on this machine connects to that port first, it gets a connection to the server that is not logged in,
//! and the collector's attempt fails.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::connect::conninfo::{Roots, Trust};

/// The request for TLS to a PostgreSQL server.
pub(crate) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Connects to a server over TLS. The returned address accepts one connection, on which bytes are sent and received in plain text.
///
/// # Errors
/// If the server does not answer, does not support TLS, or has a certificate that is not trusted.
pub(crate) async fn relay(host: &str, port: u16, trust: &Trust) -> anyhow::Result<SocketAddr> {
    let config = config(trust)?;
    let name = ServerName::try_from(host.to_owned()).with_context(|| format!("'{host}' is not a valid host name for a certificate"))?;
    let mut server = TcpStream::connect((host, port)).await?;
    server.set_nodelay(true)?;
    server.write_all(&SSL_REQUEST).await?;
    if server.read_u8().await? != b'S' {
        bail!("server does not support TLS");
    }
    let mut server = TlsConnector::from(Arc::new(config)).connect(name, server).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let Ok((mut client, _)) = listener.accept().await else { return };
        drop(listener);
        let _ = client.set_nodelay(true);
        // The relay ends when either side ends; the client then sees a closed connection.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    Ok(address)
}

fn config(trust: &Trust) -> anyhow::Result<ClientConfig> {
    let (file, certificates) = match &trust.roots {
        Roots::File(file) => {
            (file.display().to_string(), CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>))
        }
        Roots::Pem(pem) => ("of the Secret".into(), CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>()),
    };
    let certificates = certificates.with_context(|| format!("cannot read sslrootcert {file}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).with_context(|| format!("sslrootcert {file} contains an invalid certificate"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .with_context(|| format!("sslrootcert {file} contains no certificate"))?;
    let verifier = Verifier { verifier, certificates, name: trust.name };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(match &trust.certificate {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_file_iter(certificate)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .with_context(|| format!("cannot read sslcert {}", certificate.display()))?;
            let key = PrivateKeyDer::from_pem_file(key).with_context(|| format!("cannot read sslkey {}", key.display()))?;
            config.with_client_auth_cert(chain, key).context("sslkey is not the private key of the certificate in sslcert")?
        }
    })
}

/// Makes the usual checks, but ignores the name if `verify-ca` does not ask for it. If the server's own certificate is among the trusted
/// ones, it is accepted, as in OpenSSL.
#[derive(Debug)]
struct Verifier {
    verifier: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
    name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificates.iter().any(|trusted| trusted.as_ref() == end_entity.as_ref()) {
            if self.name {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }))
                if !self.name =>
            {
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
