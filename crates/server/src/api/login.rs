//! Login and logout.
//!
//! An attempt costs the same whether or not the user exists: the limiter, then one argon2 verification, then the same answer for every kind
//! of wrong input. Only the audit log says which it was.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use pganalytics_lake::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::roles::RoleName;
use crate::app::App;
use crate::audit::{self, Trail};
use crate::auth::{Client, DEVICE_COOKIE, Principal, SESSION_COOKIE, SecondProof, Viewer, origin};
use crate::error::{ApiError, ErrorBody};
use crate::limiter::DEVICE_KNOWN_FOR;
use crate::secret::{Secret, TokenPrefix, fingerprint};

/// The most bytes of a user name.
const MAX_NAME: usize = 200;
/// The audit log's message.
const FAILED: &str = "login failed";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(logout)).routes(routes!(me))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    #[schema(example = "admin")]
    username: String,
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoggedIn {
    /// The session's token, which is also set as a cookie. Programs send it as a bearer token.
    token: String,
    /// When the session expires. Use does not extend it.
    expires: DateTime<Utc>,
    user: Me,
}

/// The sender of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The name of the user or token.
    name: String,
    #[schema(value_type = RoleName)]
    role: Role,
    /// When the session expires; absent for a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<DateTime<Utc>>,
}

/// Logs in with user name and password.
///
/// Returns a session's token, and sets it as an HttpOnly, SameSite=Strict cookie. After 5 failures, further logins of the same user from
/// the same network must wait, longer each time, at most a minute. Failures of other users from the network, or of the user from other
/// networks, delay a login by seconds. None of them affects a login that also presents an open session of the user, a token of the role
/// admin, or the cookie of a browser in which the user logged in within 30 days.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "login", security(()), request_body = Login, responses(
    (status = OK, body = LoggedIn),
    (status = BAD_REQUEST, description = "The body is invalid", body = ErrorBody),
    (status = UNAUTHORIZED, description = "Wrong user name or password, or the user is disabled", body = ErrorBody),
    (status = FORBIDDEN, description = "The request comes from a page of another origin", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
    (status = TOO_MANY_REQUESTS, description = "Too many failed attempts; see Retry-After", body = ErrorBody),
    (status = SERVICE_UNAVAILABLE, description = "Too many concurrent logins, or the store is unavailable", body = ErrorBody),
))]
async fn login(
    State(app): State<App>,
    client: Client,
    proof: SecondProof,
    trail: Trail,
    headers: HeaderMap,
    JsonBody(Login { username, password }): JsonBody<Login>,
) -> Result<Response, ApiError> {
    origin::check(&headers, app.options.trusted_proxy)?;
    if username.len() > MAX_NAME {
        trail.refused(FAILED);
        trail.cause("the user name is too long");
        return Err(ApiError::BadCredentials);
    }
    let meta = app.lake.meta();
    let credentials = meta.credentials(&username).await?;
    if credentials.is_some() {
        // Only names of users are logged: people type passwords into that field.
        trail.by(&username);
    }
    let attempt = match proof.is_admin_token() {
        true => None,
        false => Some(app.limiter.begin(&username, client.address, proof.of_user(&username)).await.inspect_err(|refusal| {
            if matches!(refusal, ApiError::TooManyAttempts(_)) {
                app.metrics.login("limited");
                trail.refused("login refused: too many failed attempts");
            }
        })?),
    };
    let cause = match &credentials {
        None => "no such user",
        Some(credentials) if credentials.user.disabled => "the user is disabled",
        Some(_) => "wrong password",
    };
    let credentials = credentials.filter(|credentials| !credentials.user.disabled);
    let hash = credentials.as_ref().map(|credentials| credentials.password_hash.clone());
    let verified = app.passwords.verify(password, hash).await??;
    let (Some(credentials), true) = (credentials, verified) else {
        app.metrics.login("failed");
        trail.refused(FAILED);
        trail.cause(cause);
        return Err(ApiError::BadCredentials);
    };
    if let Some(attempt) = &attempt {
        app.limiter.succeeded(attempt).await?;
    }
    app.metrics.login("succeeded");

    let user = credentials.user;
    let token = TokenPrefix::Session.generate();
    // With the precision of the store, so that all responses contain the same time.
    let now = Utc::now().trunc_subsecs(6);
    let lifetime = TimeDelta::from_std(app.options.session_lifetime).unwrap_or(TimeDelta::MAX);
    let expires = now.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC);
    meta.create_session(&fingerprint(token.expose()), user.id, now, expires).await?;
    tracing::info!(target: audit::TARGET, { user.name, client.address = %client.address }, "logged in");
    let mut cookies =
        vec![(header::SET_COOKIE, cookie(SESSION_COOKIE, token.expose(), app.options.session_lifetime.as_secs(), client.https)?)];
    if let Some(device) = proof.remembered(&user.name, &app).await? {
        let lifetime = DEVICE_KNOWN_FOR.num_seconds().unsigned_abs();
        cookies.push((header::SET_COOKIE, cookie(DEVICE_COOKIE, device.expose(), lifetime, client.https)?));
    }
    let body =
        LoggedIn { token: token.expose().to_owned(), expires, user: Me { name: user.name, role: user.role, expires: Some(expires) } };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((AppendHeaders(cookies), no_store, Json(body)).into_response())
}

/// Logs out and ends the session. The browser stays known: its cookie gives no access.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "login", responses(
    (status = NO_CONTENT, description = "The session has ended; the cookie is removed"),
))]
async fn logout(State(app): State<App>, client: Client, Viewer(principal): Viewer) -> Result<Response, ApiError> {
    if let Principal::User { session, name, .. } = principal {
        app.lake.meta().delete_session(&session).await?;
        tracing::info!(target: audit::TARGET, { user.name = name, client.address = %client.address }, "logged out");
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(SESSION_COOKIE, "", 0, client.https)?)]).into_response())
}

/// The user or token of this request.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "login", responses((status = OK, body = Me)))]
async fn me(Viewer(principal): Viewer) -> Result<Json<Me>, ApiError> {
    match principal {
        Principal::User { name, role, expires, .. } => Ok(Json(Me { name, role, expires: Some(expires) })),
        Principal::Token { name, role } => Ok(Json(Me { name, role, expires: None })),
        Principal::Collector { .. } => Err(ApiError::WrongToken(pganalytics_lake::TokenKind::Api)),
    }
}

/// The cookie has `Path=/`, since only a proxy in front knows the path prefix.
fn cookie(name: &str, token: &str, max_age_s: u64, https: bool) -> Result<HeaderValue, ApiError> {
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{name}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).map_err(|error| ApiError::Internal(error.into()))
}
