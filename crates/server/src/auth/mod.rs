//! Who asks, and whether they may.
//!
//! A request shows a session (the cookie [`SESSION_COOKIE`], or its token as a bearer) or a token. The extractors [`Viewer`],
//! [`Admin`] and [`Shipper`] stand in a handler's signature: what a route needs is written where it is served, and
//! a handler without one is public. They answer 401 where nobody is known and 403 where somebody may not.
//!
//! A cookie is sent by a browser without its page's doing, so a request that changes something and shows a cookie must come
//! from one of our own pages: see [`origin`]. A bearer token is exempt: no foreign page has one.
//!
//! Sessions have a fixed expiry ([`crate::ServerOptions::session_lifetime`]) that use does not extend: a stolen cookie ends.

mod client;
pub(crate) mod origin;
mod proof;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use chrono::Utc;
use pganalytics_lake::{Credential, CredentialError, Role, TokenKind};
use pganalytics_tls::{ClientCertificate, Peer};
use subtle::ConstantTimeEq as _;

pub(crate) use client::Client;
pub(crate) use proof::Proof;

use crate::app::App;
use crate::error::ApiError;
use crate::secret::{TokenPrefix, fingerprint};

/// Marks the requests that came in here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local;

/// The session cookie's name.
pub const SESSION_COOKIE: &str = "pganalytics_session";

/// Somebody who was recognised.
#[derive(Debug, Clone)]
pub(crate) enum Principal {
    User {
        name: String,
        role: Role,
        expires: chrono::DateTime<Utc>,
        session: [u8; 32],
    },
    Token {
        name: String,
        role: Role,
    },
    /// `own` is the credential of an enrolled collector, which opens that collector's door only.
    Collector {
        name: String,
        own: Option<Credential>,
    },
}

impl Principal {
    /// What is written beside the deed in the log.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::User { name, .. } | Self::Token { name, .. } | Self::Collector { name, .. } => name,
        }
    }
}

/// Marks, as an extension of a request that never left the process, whoever may open the data folder: the command line where no
/// backend runs. The folder's owner is its administrator; nothing that comes over a connection can carry this.
#[derive(Debug, Clone, Copy)]
pub struct Operator;

/// A token and how it came.
struct Shown<'a> {
    token: &'a str,
    cookie: bool,
}

/// The bearer token, or else the session cookie. A bearer wins: a program that sends one means it.
fn shown(headers: &HeaderMap) -> Option<Shown<'_>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| Shown { token: token.trim(), cookie: false });
    }
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, token)| Shown { token, cookie: true })
}

async fn principal(parts: &Parts, app: &App) -> Result<Principal, ApiError> {
    if parts.extensions.get::<Operator>().is_some() {
        return Ok(Principal::Token { name: "command line".into(), role: Role::Admin });
    }
    let shown = shown(&parts.headers).ok_or(ApiError::Unauthenticated)?;
    let prefix = TokenPrefix::of(shown.token).ok_or(ApiError::Unauthenticated)?;
    let hash = fingerprint(shown.token);
    let meta = app.lake.meta();
    if prefix == TokenPrefix::Session {
        let session = meta.session(&hash, Utc::now()).await?.ok_or(ApiError::Unauthenticated)?;
        if shown.cookie && !is_safe(&parts.method) {
            origin::check(&parts.headers, app.options.trusted_proxy)?;
            origin::check_content_type(&parts.headers)?;
        }
        return Ok(Principal::User { name: session.user.name, role: session.user.role, expires: session.expires, session: hash });
    }
    if shown.cookie {
        // Only sessions travel as cookies.
        return Err(ApiError::Unauthenticated);
    }
    if is_operator_hash(&hash, app) {
        return Ok(Principal::Token { name: "command line".into(), role: Role::Admin });
    }
    match prefix {
        TokenPrefix::Enrolment => return Err(ApiError::EnrolmentToken),
        TokenPrefix::Credential => {
            let own = meta.credential(&hash, Utc::now()).await?;
            if !bool::from(own.hash.ct_eq(&hash[..])) {
                return Err(CredentialError::Unknown.into());
            }
            return Ok(Principal::Collector { name: own.name.clone(), own: Some(own) });
        }
        TokenPrefix::Api | TokenPrefix::Collector | TokenPrefix::Session => {}
    }
    let token = meta.token(&hash, Utc::now()).await?.ok_or(ApiError::Unauthenticated)?;
    Ok(match token.kind {
        TokenKind::Api => Principal::Token { name: token.name, role: token.role },
        TokenKind::Collector => Principal::Collector { name: token.name, own: None },
        TokenKind::Enrolment => return Err(ApiError::EnrolmentToken),
    })
}

fn is_operator_hash(hash: &[u8; 32], app: &App) -> bool {
    app.operator.is_some_and(|operator| bool::from(operator.ct_eq(hash)))
}

/// Whether a request shows the token of `cli.json`.
pub(crate) fn is_operator(headers: &HeaderMap, app: &App) -> bool {
    shown(headers).is_some_and(|shown| !shown.cookie && is_operator_hash(&fingerprint(shown.token), app))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

async fn with_role(parts: &Parts, app: &App, needed: Role) -> Result<Principal, ApiError> {
    let principal = principal(parts, app).await?;
    match &principal {
        Principal::User { role, .. } | Principal::Token { role, .. } if *role >= needed => Ok(principal),
        Principal::User { .. } | Principal::Token { .. } => Err(ApiError::Forbidden(needed)),
        Principal::Collector { .. } => Err(ApiError::WrongToken(TokenKind::Api)),
    }
}

/// Anybody who may read.
pub(crate) struct Viewer(pub(crate) Principal);

impl FromRequestParts<App> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        with_role(parts, app, Role::Viewer).await.map(Self)
    }
}

/// An administrator.
pub(crate) struct Admin(pub(crate) Principal);

impl FromRequestParts<App> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        with_role(parts, app, Role::Admin).await.map(Self)
    }
}

/// Whether a collector should have shown a certificate and has not.
fn lacks_certificate(parts: &Parts, app: &App) -> bool {
    let has_certificate = parts.extensions.get::<Peer>().is_some_and(|peer| peer.certificate.is_some());
    app.wants_certificates() && !has_certificate && !is_local(parts)
}

fn is_local(parts: &Parts) -> bool {
    parts.extensions.get::<Local>().is_some()
}

/// The certificate that a collector shows, where it has to be for the collector's name ([`crate::ServerOptions::client_bind`]).
pub(crate) struct Bond {
    binds: bool,
    certificate: Option<ClientCertificate>,
}

impl Bond {
    fn of(parts: &Parts, app: &App) -> Self {
        let certificate = parts.extensions.get::<Peer>().and_then(|peer| peer.certificate.clone());
        Self { binds: app.options.client_bind && !is_local(parts), certificate }
    }

    /// Sees that the certificate is for a collector of this name.
    pub(crate) fn check(&self, name: &str) -> Result<(), ApiError> {
        match &self.certificate {
            _ if !self.binds => Ok(()),
            None => Err(ApiError::NoCertificate),
            Some(certificate) if certificate.is_for(name) => Ok(()),
            Some(_) => Err(ApiError::ForeignCertificate {
                message: format!("the certificate that the collector shows is not for its name, {name}"),
                remedy: format!("give it one with the DNS name {name} (subjectAltName) as [backend] cert_file and key_file"),
            }),
        }
    }
}

impl FromRequestParts<App> for Bond {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, app))
    }
}

/// A collector that ships. Where certificates are asked for, it has shown one, and where they are bound, its own; the collector in our own
/// process has no need to.
pub(crate) struct Shipper {
    pub(crate) name: String,
    /// Its own credential, where it has one.
    pub(crate) own: Option<Credential>,
    /// Its certificate is for this name, and for no other may it ship.
    pub(crate) bound: bool,
}

impl FromRequestParts<App> for Shipper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match principal(parts, app).await? {
            Principal::Collector { .. } if lacks_certificate(parts, app) => Err(ApiError::NoCertificate),
            Principal::Collector { name, own } => {
                let bond = Bond::of(parts, app);
                match &own {
                    Some(own) => bond.check(&own.name)?,
                    // It says of no collector that it is that one.
                    None if bond.binds => return Err(ApiError::UnboundToken),
                    None => {}
                }
                Ok(Self { name, own, bound: bond.binds })
            }
            Principal::User { .. } | Principal::Token { .. } => Err(ApiError::WrongToken(TokenKind::Collector)),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_bearer_wins_over_a_cookie_and_other_schemes_show_nothing() {
        let mut headers = HeaderMap::new();
        assert!(shown(&headers).is_none());
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; pganalytics_session=c; d"));
        assert!(shown(&headers).is_some_and(|shown| shown.token == "c" && shown.cookie));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("bearer  t"));
        assert!(shown(&headers).is_some_and(|shown| shown.token == "t" && !shown.cookie));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic t"));
        assert!(shown(&headers).is_none());
    }
}
