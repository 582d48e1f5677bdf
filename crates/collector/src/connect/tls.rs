//! TLS that trusts exactly the authorities that `sslmode` and `sslrootcert` name.
//!
//! # Why
//! sqlx trusts the system's certificates in addition to the given ones. `verify-ca` compares no name, so any holder of a public certificate
//! could then impersonate the server. libpq trusts only the given file, and so does the collector.

use std::sync::Arc;

use anyhow::Context as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect::conninfo::{Roots, Trust};
use crate::connect::failure::Failure;

/// The request for TLS to a PostgreSQL server.
pub(crate) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Asks the server whether it supports TLS. If so, the server waits for the handshake.
pub(super) async fn is_supported(server: &mut TcpStream) -> Result<bool, Failure> {
    server.write_all(&SSL_REQUEST).await?;
    // Exactly one byte is read: bytes behind the answer would be unencrypted and must not be taken for the encrypted session's.
    match server.read_u8().await? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        _ => Err(Failure::Tls("server does not support TLS: its answer is not PostgreSQL's".into())),
    }
}

/// Encrypts the connection.
pub(super) async fn handshake(server: TcpStream, host: &str, trust: &Trust) -> Result<TlsStream<TcpStream>, Failure> {
    let prepared = config(trust).and_then(|config| {
        let name = ServerName::try_from(host.to_owned()).with_context(|| format!("'{host}' is not a valid host name for a certificate"))?;
        Ok((config, name))
    });
    let (config, name) = prepared.map_err(|error| Failure::Tls(format!("{error:#}")))?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, server).await?)
}

fn config(trust: &Trust) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(trust, &provider)?;
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
    /// `None`: any certificate is accepted.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    certificates: Vec<CertificateDer<'static>>,
    name: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> anyhow::Result<Self> {
        let (of, certificates) = match &trust.roots {
            Roots::Unchecked => {
                return Ok(Self { verifier: None, certificates: Vec::new(), name: false, provider: Arc::clone(provider) });
            }
            Roots::System => ("of the system".into(), Ok(rustls_native_certs::load_native_certs().certs)),
            Roots::File(file) => {
                (file.display().to_string(), CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>))
            }
            Roots::Pem(pem) => ("of the Secret".into(), CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>()),
        };
        let certificates = certificates.with_context(|| format!("cannot read sslrootcert {of}"))?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            let added = roots.add(certificate.clone());
            // Some of the system's many certificates may be of a kind that rustls does not know.
            if trust.roots != Roots::System {
                added.with_context(|| format!("sslrootcert {of} contains an invalid certificate"))?;
            }
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .with_context(|| format!("sslrootcert {of} contains no certificate"))?;
        Ok(Self { verifier: Some(verifier), certificates, name: trust.name, provider: Arc::clone(provider) })
    }
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
        let Some(verifier) = &self.verifier else { return Ok(ServerCertVerified::assertion()) };
        if self.certificates.iter().any(|trusted| trusted.as_ref() == end_entity.as_ref()) {
            if self.name {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
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
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
