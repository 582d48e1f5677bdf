//! The sender of a request.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use chrono::Utc;
use pganalytics_lake::{Credential, CredentialError, Role, Token, TokenKind};
use subtle::ConstantTimeEq as _;

use super::origin;
use super::presented::presented;
use crate::app::App;
use crate::audit::Trail;
use crate::error::ApiError;
use crate::secret::{TokenPrefix, fingerprint};

/// An authenticated sender.
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
    /// A collector with a shared token, or with a credential of its own. The credential is valid for that collector only.
    Collector {
        name: String,
        credential: Option<Credential>,
        /// The id of the shared token.
        token: Option<i64>,
    },
}

impl Principal {
    /// The name in log lines.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::User { name, .. } | Self::Token { name, .. } | Self::Collector { name, .. } => name,
        }
    }

    /// Whose turns a query takes. All sessions of a user share their turns.
    pub(crate) fn caller(&self) -> String {
        match self {
            Self::User { name, .. } => format!("user {name}"),
            Self::Token { name, .. } => format!("token {name}"),
            Self::Collector { name, .. } => format!("collector {name}"),
        }
    }
}

/// An extension that marks requests of the command line when no backend runs. These requests never leave the process. The command line has
/// opened the data folder, and its owner is its administrator. Requests over a connection cannot carry this extension.
#[derive(Debug, Clone, Copy)]
pub struct Operator;

/// Authenticates a request, and notes its sender for the audit log.
pub(super) async fn principal(parts: &Parts, app: &App) -> Result<Principal, ApiError> {
    let trail = Trail::of(parts);
    let principal = authenticate(parts, app, &trail).await?;
    trail.by(principal.name());
    Ok(principal)
}

/// Authenticates a request.
pub(super) async fn authenticate(parts: &Parts, app: &App, trail: &Trail) -> Result<Principal, ApiError> {
    if parts.extensions.get::<Operator>().is_some() {
        return Ok(Principal::Token { name: "command line".into(), role: Role::Admin });
    }
    let refused = |cause: &str| {
        trail.cause(cause);
        ApiError::Unauthenticated
    };
    let Some(presented) = presented(&parts.headers) else {
        return Err(match parts.headers.contains_key(AUTHORIZATION) {
            true => refused("the Authorization header is not 'Bearer <token>'"),
            // Browsers do this before each login.
            false => ApiError::Unauthenticated,
        });
    };
    let prefix = TokenPrefix::of(presented.token).ok_or_else(|| refused("not a token of pgAnalytics"))?;
    let hash = fingerprint(presented.token);
    let meta = app.lake.meta();
    if prefix == TokenPrefix::Session {
        let session = meta.session(&hash, Utc::now()).await?.ok_or_else(|| refused("the session has ended, or never existed"))?;
        if presented.in_cookie && !is_safe(&parts.method) {
            trail.by(&session.user.name);
            origin::check(&parts.headers, app.options.trusted_proxy)?;
            origin::check_content_type(&parts.headers)?;
        }
        return Ok(Principal::User { name: session.user.name, role: session.user.role, expires: session.expires, session: hash });
    }
    if presented.in_cookie {
        return Err(refused("only sessions are sent as cookies"));
    }
    if is_operator_hash(&hash, app) {
        return Ok(Principal::Token { name: "command line".into(), role: Role::Admin });
    }
    match prefix {
        TokenPrefix::Enrolment => {
            if let Some(known) = meta.token_of(&hash).await? {
                trail.by(&known.name);
            }
            return Err(ApiError::EnrolmentToken);
        }
        TokenPrefix::Credential => {
            let credential = meta.credential(&hash, Utc::now()).await?;
            if !bool::from(credential.hash.ct_eq(&hash[..])) {
                return Err(CredentialError::Unknown.into());
            }
            return Ok(Principal::Collector { name: credential.name.clone(), credential: Some(credential), token: None });
        }
        TokenPrefix::Device => return Err(refused("a browser's token gives no access")),
        TokenPrefix::Api | TokenPrefix::Collector | TokenPrefix::Session => {}
    }
    let Some(token) = meta.token(&hash, Utc::now()).await? else {
        // Who still uses a token that ended is worth knowing.
        let known = meta.token_of(&hash).await?;
        if let Some(known) = &known {
            trail.by(&known.name);
        }
        return Err(refused(match known {
            Some(Token { revoked: Some(_), .. }) => "the token is revoked",
            Some(_) => "the token has expired",
            None => "unknown token",
        }));
    };
    Ok(match token.kind {
        TokenKind::Api => Principal::Token { name: token.name, role: token.role },
        TokenKind::Collector => Principal::Collector { name: token.name, credential: None, token: Some(token.id) },
        TokenKind::Enrolment => return Err(ApiError::EnrolmentToken),
    })
}

/// Whether a request presents the token of `cli.json`.
pub(crate) fn is_operator(headers: &HeaderMap, app: &App) -> bool {
    presented(headers).is_some_and(|presented| !presented.in_cookie && is_operator_hash(&fingerprint(presented.token), app))
}

fn is_operator_hash(hash: &[u8; 32], app: &App) -> bool {
    app.operator.is_some_and(|operator| bool::from(operator.ct_eq(hash)))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
