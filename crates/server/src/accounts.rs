//! Making users and tokens: shared by the API and, where no backend runs, the command line.

use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::{Meta, MetaError, NewToken, Role, Token, TokenKind};

use crate::error::ApiError;
use crate::secret::{Secret, TokenPrefix, check_password, fingerprint, generate_password, hash_blocking};

/// The first administrator's name.
pub const FIRST_ADMIN: &str = "admin";
/// How long an enrolment token opens the door where nothing is said: long enough to set up a fleet, not for ever.
pub const DEFAULT_ENROLMENT_LIFETIME: TimeDelta = TimeDelta::days(7);
/// Names stand in logs, lists and paths.
const MAX_NAME: usize = 100;

/// Whether a user or token may be called so.
///
/// # Errors
/// An empty or long name, or one with control characters or spaces at its ends.
pub fn check_name(what: &str, name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > MAX_NAME || name.trim() != name || name.chars().any(|c| c.is_control() || c == '/') {
        return Err(ApiError::BadRequest {
            message: format!("a {what} cannot be named so"),
            remedy: format!("use 1 to {MAX_NAME} characters, no slash, no space at an end"),
        });
    }
    Ok(())
}

/// A token to be made.
#[derive(Debug, Clone, Copy)]
pub struct TokenOrder<'a> {
    pub name: &'a str,
    pub kind: TokenKind,
    /// Of an API token.
    pub role: Option<Role>,
    /// Never where none is said, but for an enrolment token: [`DEFAULT_ENROLMENT_LIFETIME`].
    pub expires: Option<DateTime<Utc>>,
    /// Of an enrolment token: how many collectors may be enrolled with it.
    pub max_uses: Option<u32>,
}

impl<'a> TokenOrder<'a> {
    /// One that is like most of its kind.
    #[must_use]
    pub fn new(name: &'a str, kind: TokenKind) -> Self {
        Self { name, kind, role: None, expires: None, max_uses: None }
    }
}

/// Makes a token and answers its secret, which is stored nowhere.
///
/// # Errors
/// A name that is taken or not allowed, an expiry that has passed, what its kind does not have, the store's trouble.
pub async fn create_token(meta: &Meta, order: TokenOrder<'_>) -> Result<(Secret, Token), ApiError> {
    let TokenOrder { name, kind, role, expires, max_uses } = order;
    check_name("token", name)?;
    let now = Utc::now();
    let bad = |message: &str, remedy: &str| ApiError::BadRequest { message: message.into(), remedy: remedy.into() };
    match (kind, max_uses) {
        (TokenKind::Enrolment, Some(0)) => {
            return Err(bad("a token for no collector at all opens nothing", "give a max_uses from 1 on, or none"));
        }
        (TokenKind::Api | TokenKind::Collector, Some(_)) => return Err(bad("only an enrolment token has a max_uses", "leave it out")),
        _ => {}
    }
    if expires.is_some_and(|expires| expires <= now) {
        return Err(bad("the expiry has passed already", "give a later one, or none"));
    }
    let (prefix, role) = match (kind, role) {
        (TokenKind::Api, role) => (TokenPrefix::Api, role.unwrap_or(Role::Viewer)),
        // Neither asks anything, so it has the least role.
        (TokenKind::Collector, None) => (TokenPrefix::Collector, Role::Viewer),
        (TokenKind::Enrolment, None) => (TokenPrefix::Enrolment, Role::Viewer),
        (TokenKind::Collector | TokenKind::Enrolment, Some(_)) => {
            return Err(bad("a collector's token has no role, and neither has an enrolment token", "leave the role out"));
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

/// Whether a token of this kind is neither unknown, revoked nor expired.
///
/// # Errors
/// The store's trouble.
pub async fn is_live(meta: &Meta, token: &Secret, kind: TokenKind) -> anyhow::Result<bool> {
    let known = meta.token(&fingerprint(token.expose()), Utc::now()).await?;
    Ok(known.is_some_and(|known| known.kind == kind))
}

/// Makes the first administrator where there is no user yet. Answers the password where it was made up here and must be
/// shown; `None` where there are users, or the password was given.
///
/// # Errors
/// A given password that is too short; the store's trouble.
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
        // Another replica was first, with its password.
        Err(MetaError::Exists { .. }) => return Ok(None),
        done => done?,
    };
    tracing::info!(user.name = FIRST_ADMIN, "added the first admin");
    Ok(generated)
}
