//! What a login shows in addition to the name and the password, so that guesses by others do not lock the user out.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::header::ORIGIN;
use axum::http::request::Parts;
use pganalytics_lake::Role;

use super::presented::{device, presented};
use super::principal::{Principal, authenticate};
use crate::app::App;
use crate::audit::Trail;
use crate::error::ApiError;
use crate::limiter;
use crate::secret::{Secret, TokenPrefix, fingerprint};

/// The second proofs of a login.
pub(crate) struct SecondProof {
    /// A session or a token that the request presents, too.
    principal: Option<Principal>,
    /// The browser's token.
    device: Option<Secret>,
    /// Whether a browser sends the request, which keeps cookies.
    is_browser: bool,
}

impl SecondProof {
    /// Whether the sender has the role admin already: a password would give no more.
    pub(crate) fn is_admin_token(&self) -> bool {
        matches!(self.principal, Some(Principal::Token { role: Role::Admin, .. }))
    }

    /// The proof for this user. A session of another user proves nothing.
    pub(crate) fn of_user(&self, user: &str) -> limiter::SecondProof {
        match (&self.principal, &self.device) {
            (Some(Principal::User { name, session, .. }), _) if name == user => limiter::SecondProof::Session(*session),
            (_, Some(device)) => limiter::SecondProof::Device(fingerprint(device.expose())),
            _ => limiter::SecondProof::Nothing,
        }
    }

    /// The token by which the browser is known from now on: its own if it is known for this user, else a new one. `None` if the client is not
    /// a browser. A new token for each user, so that a token that somebody else put into the browser becomes nobody's proof.
    pub(crate) async fn remembered(&self, user: &str, app: &App) -> Result<Option<Secret>, ApiError> {
        let token = match &self.device {
            Some(device) if app.limiter.is_known_device(user, &fingerprint(device.expose())).await? => device.clone(),
            _ if self.is_browser => TokenPrefix::Device.generate(),
            _ => return Ok(None),
        };
        app.limiter.remember(user, &fingerprint(token.expose())).await?;
        Ok(Some(token))
    }
}

impl FromRequestParts<App> for SecondProof {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let principal = match presented(&parts.headers) {
            // An invalid session or token is no proof, and no error either.
            Some(_) => match authenticate(parts, app, &Trail::default()).await {
                Ok(principal) => Some(principal),
                Err(error @ ApiError::Store(_)) => return Err(error),
                Err(_) => None,
            },
            None => None,
        };
        let is_browser = parts.headers.contains_key(ORIGIN) || parts.headers.contains_key(HeaderName::from_static("sec-fetch-site"));
        Ok(Self { principal, device: device(&parts.headers).map(Secret::new), is_browser })
    }
}
