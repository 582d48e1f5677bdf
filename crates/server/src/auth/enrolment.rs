//! What a collector shows that wants a credential of its own, before it has one.
//!
//! Each way of showing who one is, is a variant of [`Proof`], told from the others by what the bearer looks like, and becomes a
//! [`pganalytics_lake::Enrolment`]. So far there is one: an enrolment token.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use pganalytics_lake::Enrolment;

use super::{TokenPrefix, fingerprint, lacks_certificate, shown};
use crate::app::App;
use crate::error::ApiError;

/// A claim, not yet looked at: what it is worth is said by the store, in the transaction that enrols.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof {
    /// An enrolment token, by its hash.
    Token([u8; 32]),
}

impl Proof {
    fn of(bearer: &str) -> Option<Self> {
        (TokenPrefix::of(bearer)? == TokenPrefix::Enrolment).then(|| Self::Token(fingerprint(bearer)))
    }

    /// As the store takes it.
    pub(crate) fn enrolment(&self) -> Enrolment<'_> {
        match self {
            Self::Token(hash) => Enrolment::Token(hash),
        }
    }

    /// What a limiter counts it under: not the proof itself, and the same for the same.
    pub(crate) fn key(&self) -> String {
        let Self::Token(hash) = self;
        hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl FromRequestParts<App> for Proof {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let shown = shown(&parts.headers).filter(|shown| !shown.cookie).ok_or(ApiError::Unauthenticated)?;
        let proof = Self::of(shown.token).ok_or(ApiError::Unauthenticated)?;
        if lacks_certificate(parts, app) { Err(ApiError::NoCertificate) } else { Ok(proof) }
    }
}
