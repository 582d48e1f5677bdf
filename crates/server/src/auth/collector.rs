//! Handlers for collectors: their tokens, credentials and certificates.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use pganalytics_lake::{Credential, TokenKind};
use pganalytics_tls::{ClientCertificate, Peer};

use super::client::is_local;
use super::principal::{Principal, principal};
use crate::app::App;
use crate::error::ApiError;

/// A collector that ships batches. If certificates are required, it has shown a certificate. If certificates are bound to names, the
/// certificate is for its name. The collector in the backend's own process needs no certificate.
pub(crate) struct Shipper {
    pub(crate) name: String,
    /// The collector's own credential, if it has one.
    pub(crate) credential: Option<Credential>,
    /// The id of the shared token that it ships with otherwise.
    pub(crate) token: Option<i64>,
    /// Whether the collector may ship under this name only, because its certificate is bound to the name.
    pub(crate) is_bound: bool,
}

impl FromRequestParts<App> for Shipper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match principal(parts, app).await? {
            Principal::Collector { .. } if lacks_certificate(parts, app) => Err(ApiError::NoCertificate),
            Principal::Collector { name, credential, token } => {
                let binding = CertificateBinding::of(parts, app);
                match &credential {
                    Some(credential) => binding.check(&credential.name)?,
                    // A shared token does not say which collector sends it.
                    None if binding.is_required => return Err(ApiError::UnboundToken),
                    None => {}
                }
                Ok(Self { name, credential, token, is_bound: binding.is_required })
            }
            Principal::User { .. } | Principal::Token { .. } => Err(ApiError::WrongToken(TokenKind::Collector)),
        }
    }
}

/// Whether a collector must show a certificate and has not done so.
pub(super) fn lacks_certificate(parts: &Parts, app: &App) -> bool {
    let has_certificate = parts.extensions.get::<Peer>().is_some_and(|peer| peer.certificate.is_some());
    app.wants_certificates() && !has_certificate && !is_local(parts)
}

/// A collector's certificate, and whether it must be for the collector's name ([`crate::ServerOptions::client_bind`]).
pub(crate) struct CertificateBinding {
    is_required: bool,
    certificate: Option<ClientCertificate>,
}

impl CertificateBinding {
    fn of(parts: &Parts, app: &App) -> Self {
        let certificate = parts.extensions.get::<Peer>().and_then(|peer| peer.certificate.clone());
        Self { is_required: app.options.client_bind && !is_local(parts), certificate }
    }

    /// Checks that the certificate is for a collector of this name.
    pub(crate) fn check(&self, name: &str) -> Result<(), ApiError> {
        match &self.certificate {
            _ if !self.is_required => Ok(()),
            None => Err(ApiError::NoCertificate),
            Some(certificate) if certificate.is_for(name) => Ok(()),
            Some(_) => Err(ApiError::ForeignCertificate {
                message: format!("the collector's certificate is not for the collector's name, {name}"),
                remedy: format!(
                    "give the collector a certificate with the DNS name {name} (subjectAltName): [backend] cert_file and key_file"
                ),
            }),
        }
    }
}

impl FromRequestParts<App> for CertificateBinding {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, app))
    }
}
