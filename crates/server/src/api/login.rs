//! Login and logout.
//!
//! An attempt costs the same whether or not the user exists: the limiter, then one argon2 verification, then the same answer for every kind
//! of wrong input.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use pganalytics_lake::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::roles::RoleName;
use crate::app::App;
use crate::audit;
use crate::auth::{Client, Principal, SESSION_COOKIE, Viewer, origin};
use crate::error::{ApiError, ErrorBody};
use crate::secret::{Secret, TokenPrefix, fingerprint};

/// The most bytes of a user name.
const MAX_NAME: usize = 200;

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
/// the same address must wait, longer each time.
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
    headers: HeaderMap,
    JsonBody(Login { username, password }): JsonBody<Login>,
) -> Result<Response, ApiError> {
    origin::check(&headers, app.options.trusted_proxy)?;
    if username.len() > MAX_NAME {
        return Err(ApiError::BadCredentials);
    }
    if let Err(refusal) = app.limiter.begin(&username, client.address).await {
        if let ApiError::TooManyAttempts(wait) = &refusal {
            app.metrics.login("limited");
            tracing::warn!(target: audit::TARGET, { client.address = %client.address, wait_s = wait.as_secs() }, "login refused: too many failed attempts");
        }
        return Err(refusal);
    }
    let meta = app.lake.meta();
    let credentials = meta.credentials(&username).await?.filter(|credentials| !credentials.user.disabled);
    let hash = credentials.as_ref().map(|credentials| credentials.password_hash.clone());
    let verified = app.passwords.verify(password, hash).await??;
    let (Some(credentials), true) = (credentials, verified) else {
        app.metrics.login("failed");
        // The name is not logged: people type passwords into that field.
        tracing::warn!(target: audit::TARGET, { client.address = %client.address }, "login failed");
        return Err(ApiError::BadCredentials);
    };
    app.limiter.succeeded(&username, client.address).await?;
    app.metrics.login("succeeded");

    let user = credentials.user;
    let token = TokenPrefix::Session.generate();
    // With the precision of the store, so that all responses contain the same time.
    let now = Utc::now().trunc_subsecs(6);
    let lifetime = TimeDelta::from_std(app.options.session_lifetime).unwrap_or(TimeDelta::MAX);
    let expires = now.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC);
    meta.create_session(&fingerprint(token.expose()), user.id, now, expires).await?;
    tracing::info!(target: audit::TARGET, { user.name, client.address = %client.address }, "logged in");
    let cookie = cookie(token.expose(), app.options.session_lifetime.as_secs(), client.https)?;
    let body =
        LoggedIn { token: token.expose().to_owned(), expires, user: Me { name: user.name, role: user.role, expires: Some(expires) } };
    Ok(([(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response())
}

/// Logs out and ends the session.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "login", responses(
    (status = NO_CONTENT, description = "The session has ended; the cookie is removed"),
))]
async fn logout(State(app): State<App>, client: Client, Viewer(principal): Viewer) -> Result<Response, ApiError> {
    if let Principal::User { session, name, .. } = principal {
        app.lake.meta().delete_session(&session).await?;
        tracing::info!(target: audit::TARGET, { user.name = name, client.address = %client.address }, "logged out");
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie("", 0, client.https)?)]).into_response())
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
fn cookie(token: &str, max_age_s: u64, https: bool) -> Result<HeaderValue, ApiError> {
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{SESSION_COOKIE}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).map_err(|error| ApiError::Internal(error.into()))
}
