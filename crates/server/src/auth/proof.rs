//! What a collector shows that wants a credential of its own, before it has one.
//!
//! Each way of showing who one is, is a variant of [`Proof`], told from the others by what the bearer looks like, and becomes a
//! [`pganalytics_lake::Enrolment`]. An enrolment token is looked up by the store; a ServiceAccount's token is shown to the Kubernetes API.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use pganalytics_lake::Enrolment;

use super::{lacks_certificate, shown};
use crate::app::App;
use crate::error::ApiError;
use crate::secret::{Secret, TokenPrefix, fingerprint};
use crate::service_account::looks_like_one;

/// A claim, not yet looked at.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// An enrolment token, by its hash: what it is worth is said by the store, in the transaction that enrols.
    Token([u8; 32]),
    /// A ServiceAccount's projected token: whose it is, the Kubernetes API says.
    ServiceAccount(Secret),
}

/// A claim that was looked at, as far as it can be without the store.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    Token([u8; 32]),
    /// What the ServiceAccount is called.
    ServiceAccount(String),
}

impl Proof {
    fn of(bearer: &str, app: &App) -> Option<Self> {
        if TokenPrefix::of(bearer) == Some(TokenPrefix::Enrolment) {
            return Some(Self::Token(fingerprint(bearer)));
        }
        (app.options.service_accounts.is_some() && looks_like_one(bearer)).then(|| Self::ServiceAccount(Secret::new(bearer)))
    }

    /// Asks whoever knows. For after the limiter: each question is a request of its own.
    pub(crate) async fn look(self, app: &App) -> Result<Shown, ApiError> {
        match (self, &app.options.service_accounts) {
            (Self::Token(hash), _) => Ok(Shown::Token(hash)),
            (Self::ServiceAccount(token), Some(accounts)) => accounts.review(&token).await.map(Shown::ServiceAccount),
            (Self::ServiceAccount(_), None) => Err(ApiError::Unauthenticated),
        }
    }

    /// What a limiter counts it under: not the proof itself, and the same for the same.
    pub(crate) fn key(&self) -> String {
        let hash = match self {
            Self::Token(hash) => *hash,
            Self::ServiceAccount(token) => fingerprint(token.expose()),
        };
        hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Shown {
    /// As the store takes it.
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
        let shown = shown(&parts.headers).filter(|shown| !shown.cookie).ok_or(ApiError::Unauthenticated)?;
        let proof = Self::of(shown.token, app).ok_or(ApiError::Unauthenticated)?;
        if lacks_certificate(parts, app) { Err(ApiError::NoCertificate) } else { Ok(proof) }
    }
}
