//! Creating users and tokens. The API uses this, and the command line if no backend runs.

use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::{Meta, MetaError, NewToken, Role, Token, TokenKind};

use crate::error::ApiError;
use crate::secret::{Secret, TokenPrefix, check_password, fingerprint, generate_password, hash_blocking};

/// The first administrator's name.
pub const FIRST_ADMIN: &str = "admin";
/// The default lifetime of an enrolment token: long enough to set up a fleet.
pub const DEFAULT_ENROLMENT_LIFETIME: TimeDelta = TimeDelta::days(7);
/// The most bytes of a name. Names appear in logs, lists and paths.
const MAX_NAME: usize = 100;

/// Checks the name of a user, token or collector.
///
/// # Errors
/// The name is empty or too long, contains a slash or control characters, or begins or ends with a space.
pub fn check_name(what: &str, name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > MAX_NAME || name.trim() != name || name.chars().any(|c| c.is_control() || c == '/') {
        return Err(ApiError::BadRequest {
            message: format!("invalid {what} name"),
            remedy: format!("use 1 to {MAX_NAME} characters, without slashes and without spaces at the beginning or end"),
        });
    }
    Ok(())
}

/// A token to create.
#[derive(Debug, Clone, Copy)]
pub struct NewTokenOptions<'a> {
    pub name: &'a str,
    pub kind: TokenKind,
    /// For an API token only.
    pub role: Option<Role>,
    /// By default an enrolment token expires after [`DEFAULT_ENROLMENT_LIFETIME`], and other tokens never expire.
    pub expires: Option<DateTime<Utc>>,
    /// For an enrolment token only: the number of collectors that may enrol with it.
    pub max_uses: Option<u32>,
}

impl<'a> NewTokenOptions<'a> {
    /// A token with the defaults of its kind.
    #[must_use]
    pub fn new(name: &'a str, kind: TokenKind) -> Self {
        Self { name, kind, role: None, expires: None, max_uses: None }
    }
}

/// Creates a token. Returns its secret, which is not stored anywhere.
///
/// # Errors
/// The name exists or is invalid, the expiry has passed, the kind has no such property, or the store fails.
pub async fn create_token(meta: &Meta, order: NewTokenOptions<'_>) -> Result<(Secret, Token), ApiError> {
    let NewTokenOptions { name, kind, role, expires, max_uses } = order;
    check_name("token", name)?;
    let now = Utc::now();
    let bad = |message: &str, remedy: &str| ApiError::BadRequest { message: message.into(), remedy: remedy.into() };
    match (kind, max_uses) {
        (TokenKind::Enrolment, Some(0)) => {
            return Err(bad("a token with max_uses 0 cannot enrol any collector", "give max_uses of at least 1, or none"));
        }
        (TokenKind::Api | TokenKind::Collector, Some(_)) => return Err(bad("only an enrolment token can have max_uses", "omit it")),
        _ => {}
    }
    if expires.is_some_and(|expires| expires <= now) {
        return Err(bad("the expiry is in the past", "give a later expiry, or none"));
    }
    let (prefix, role) = match (kind, role) {
        (TokenKind::Api, role) => (TokenPrefix::Api, role.unwrap_or(Role::Viewer)),
        // These tokens cannot read anything, so they get the lowest role.
        (TokenKind::Collector, None) => (TokenPrefix::Collector, Role::Viewer),
        (TokenKind::Enrolment, None) => (TokenPrefix::Enrolment, Role::Viewer),
        (TokenKind::Collector | TokenKind::Enrolment, Some(_)) => {
            return Err(bad("tokens of collectors and enrolment tokens have no role", "omit the role"));
        }
    };
    let expires = match kind {
        TokenKind::Enrolment => Some(expires.unwrap_or_else(|| now + DEFAULT_ENROLMENT_LIFETIME)),
        TokenKind::Api | TokenKind::Collector => expires,
    };
    let secret = prefix.generate();
    let hash = fingerprint(secret.expose());
    let token = meta.create_token(NewToken { name, kind, role, hash: &hash, created: now, expires, max_uses }).await?;
    Ok((secret, token))
}

/// Whether a token of this kind exists and is neither revoked nor expired.
///
/// # Errors
/// The store fails.
pub async fn is_live(meta: &Meta, token: &Secret, kind: TokenKind) -> anyhow::Result<bool> {
    let known = meta.token(&fingerprint(token.expose()), Utc::now()).await?;
    Ok(known.is_some_and(|known| known.kind == kind))
}

/// Creates the first administrator if there are no users. Returns a generated password, which must be shown; `None` if there are users, or
/// if a password was given.
///
/// # Errors
/// The given password is invalid, or the store fails.
pub async fn first_admin(meta: &Meta, password: Option<Secret>) -> anyhow::Result<Option<Secret>> {
    if !meta.users().await?.is_empty() {
        return Ok(None);
    }
    if let Some(password) = &password {
        check_password(password).map_err(|error| anyhow::anyhow!("{error}: set another PGANALYTICS_ADMIN_PASSWORD"))?;
    }
    let generated = password.is_none().then(generate_password);
    let Some(secret) = password.or_else(|| generated.clone()) else { return Ok(None) };
    let hash = tokio::task::spawn_blocking(move || hash_blocking(&secret)).await??;
    match meta.create_user(FIRST_ADMIN, Role::Admin, &hash, Utc::now()).await {
        // Another replica created the administrator first.
        Err(MetaError::Exists { .. }) => return Ok(None),
        done => done?,
    };
    tracing::info!(user.name = FIRST_ADMIN, "created the first admin");
    Ok(generated)
}
