//! Tokens of programs and collectors, for admins.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use pganalytics_lake::{Role, Token, TokenKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{JsonBody, PathOf};
use super::roles::RoleName;
use crate::accounts::{self, NewTokenOptions};
use crate::app::App;
use crate::audit;
use crate::auth::Admin;
use crate::error::{ApiError, ErrorBody};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TokenKind)]
pub(crate) enum KindName {
    /// Uses the API with a role.
    Api,
    /// Only ships batches.
    Collector,
    /// Is exchanged for a collector's own credential.
    Enrolment,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenInfo {
    id: i64,
    name: String,
    #[schema(value_type = KindName)]
    kind: TokenKind,
    /// Only for API tokens.
    #[schema(value_type = Option<RoleName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    created: DateTime<Utc>,
    expires: Option<DateTime<Utc>>,
    /// With a precision of one minute.
    last_used: Option<DateTime<Utc>>,
    revoked: Option<DateTime<Utc>>,
    /// Uses: the collectors enrolled with this token. Only for enrolment tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<u64>,
    /// Maximum uses; unlimited if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_uses: Option<u64>,
}

impl From<Token> for TokenInfo {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            kind: token.kind,
            role: (token.kind == TokenKind::Api).then_some(token.role),
            created: token.created,
            expires: token.expires,
            last_used: token.last_used,
            revoked: token.revoked,
            uses: token.uses,
            max_uses: token.max_uses,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTokenRequest {
    /// The token's name. A name can be used only once, even after the token is revoked.
    name: String,
    #[schema(value_type = KindName)]
    kind: TokenKind,
    /// The role of an API token; viewer by default.
    #[schema(value_type = Option<RoleName>)]
    role: Option<Role>,
    /// When the token expires. By default an enrolment token expires after 7 days, and other tokens never expire.
    expires: Option<DateTime<Utc>>,
    /// Maximum uses of an enrolment token; unlimited by default.
    max_uses: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct NewTokenAnswer {
    /// The token itself. It is shown only now, and is not stored.
    token: String,
    #[serde(flatten)]
    info: TokenInfo,
}

/// All tokens, including revoked and expired ones, newest first.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "administration", operation_id = "list_tokens",
    responses((status = OK, body = Vec<TokenInfo>)))]
async fn list(State(app): State<App>, Admin(_): Admin) -> Result<Json<Vec<TokenInfo>>, ApiError> {
    Ok(Json(app.lake.meta().tokens().await?.into_iter().map(Into::into).collect()))
}

/// Creates a token.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "administration", operation_id = "create_token", request_body = NewTokenRequest, responses(
    (status = CREATED, body = NewTokenAnswer),
    (status = BAD_REQUEST, description = "The name or the expiry is invalid", body = ErrorBody),
    (status = CONFLICT, description = "The name already exists", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
))]
async fn create(
    State(app): State<App>,
    Admin(admin): Admin,
    JsonBody(NewTokenRequest { name, kind, role, expires, max_uses }): JsonBody<NewTokenRequest>,
) -> Result<Response, ApiError> {
    let (secret, token) = accounts::create_token(app.lake.meta(), NewTokenOptions { name: &name, kind, role, expires, max_uses }).await?;
    tracing::info!(target: audit::TARGET, { token.name = name, token.kind = kind.as_str(), token.role = %token.role, by = admin.name() }, "created a token");
    let body = NewTokenAnswer { token: secret.expose().to_owned(), info: token.into() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response())
}

/// Revokes a token immediately and permanently.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "administration", operation_id = "revoke_token",
    params(("id" = i64, Path, description = "The token's id")), responses(
    (status = NO_CONTENT, description = "Revoked"),
    (status = NOT_FOUND, description = "There is no such token, or it is already revoked", body = ErrorBody),
))]
async fn revoke(State(app): State<App>, Admin(admin): Admin, PathOf(id): PathOf<i64>) -> Result<StatusCode, ApiError> {
    if !app.lake.meta().revoke_token(id, Utc::now()).await? {
        return Err(ApiError::NotFound(format!("token {id} that is not revoked")));
    }
    tracing::info!(target: audit::TARGET, { token.id = id, by = admin.name() }, "revoked a token");
    Ok(StatusCode::NO_CONTENT)
}
