//! The proof with which a collector asks for a credential of its own.
//!
//! Each kind of proof is a variant of [`Proof`] and is recognised by the form of the bearer token. After verification it becomes a
//! [`pganalytics_lake::Enrolment`]. The store looks up enrolment tokens. The Kubernetes API reviews ServiceAccount tokens.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use pganalytics_lake::Enrolment;

use super::collector::lacks_certificate;
use super::presented::presented;
use crate::app::App;
use crate::audit::Trail;
use crate::error::ApiError;
use crate::secret::{Secret, TokenPrefix, fingerprint};
use crate::service_account::looks_like_token;

/// An unverified proof.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// The hash of an enrolment token. The store checks it in the transaction that enrols the collector.
    Token([u8; 32]),
    /// A projected ServiceAccount token. The Kubernetes API knows whose it is.
    ServiceAccount(Secret),
}

/// A proof, verified as far as possible without the store.
#[derive(Debug, Clone)]
pub(crate) enum Verified {
    Token([u8; 32]),
    /// The name of the ServiceAccount.
    ServiceAccount(String),
}

impl Proof {
    fn of(bearer: &str, app: &App) -> Option<Self> {
        if TokenPrefix::of(bearer) == Some(TokenPrefix::Enrolment) {
            return Some(Self::Token(fingerprint(bearer)));
        }
        (app.options.service_accounts.is_some() && looks_like_token(bearer)).then(|| Self::ServiceAccount(Secret::new(bearer)))
    }

    /// Verifies the proof. A ServiceAccount token costs a request to the Kubernetes API, so the limiter comes first.
    pub(crate) async fn verify(self, app: &App) -> Result<Verified, ApiError> {
        match (self, &app.options.service_accounts) {
            (Self::Token(hash), _) => Ok(Verified::Token(hash)),
            (Self::ServiceAccount(token), Some(accounts)) => accounts.review(&token).await.map(Verified::ServiceAccount),
            (Self::ServiceAccount(_), None) => Err(ApiError::Unauthenticated),
        }
    }

    /// The name of the enrolment token, if it is one of this backend, also if it has ended.
    pub(crate) async fn known_token(&self, app: &App) -> Result<Option<String>, ApiError> {
        match self {
            Self::Token(hash) => Ok(app.lake.meta().token_of(hash).await?.map(|token| token.name)),
            Self::ServiceAccount(_) => Ok(None),
        }
    }

    /// The key under which a limiter counts attempts: a part of the proof's hash.
    pub(crate) fn key(&self) -> String {
        let hash = match self {
            Self::Token(hash) => *hash,
            Self::ServiceAccount(token) => fingerprint(token.expose()),
        };
        hex::encode(&hash[..8])
    }
}

impl Verified {
    /// The form that the store takes.
    pub(crate) fn enrolment(&self) -> Enrolment<'_> {
        match self {
            Self::Token(hash) => Enrolment::Token(hash),
            Self::ServiceAccount(name) => Enrolment::Vouched(name),
        }
    }
}

impl FromRequestParts<App> for Proof {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let presented = presented(&parts.headers).filter(|presented| !presented.in_cookie).ok_or(ApiError::Unauthenticated)?;
        let proof = Self::of(presented.token, app).ok_or_else(|| {
            Trail::of(parts).cause("neither an enrolment token nor a ServiceAccount token");
            ApiError::Unauthenticated
        })?;
        if lacks_certificate(parts, app) { Err(ApiError::NoCertificate) } else { Ok(proof) }
    }
}
