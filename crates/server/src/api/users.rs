//! Users, for admins.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use pganalytics_lake::{Role, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{JsonBody, PathOf};
use super::roles::RoleName;
use crate::accounts::check_name;
use crate::app::App;
use crate::audit;
use crate::auth::Admin;
use crate::error::{ApiError, ErrorBody};
use crate::secret::{Secret, check_password};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(change, remove))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserInfo {
    name: String,
    #[schema(value_type = RoleName)]
    role: Role,
    created: DateTime<Utc>,
    disabled: bool,
}

impl From<User> for UserInfo {
    fn from(user: User) -> Self {
        Self { name: user.name, role: user.role, created: user.created, disabled: user.disabled }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    name: String,
    #[schema(value_type = RoleName)]
    role: Role,
    /// At least 12 characters.
    #[schema(value_type = String, format = Password, min_length = 12)]
    password: Secret,
}

/// The changes. Omitted properties stay as they are.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    #[schema(value_type = Option<RoleName>)]
    role: Option<Role>,
    /// The new password. This ends the user's sessions.
    #[schema(value_type = Option<String>, format = Password, min_length = 12)]
    password: Option<Secret>,
    /// Whether the user is disabled. Disabling ends the user's sessions.
    disabled: Option<bool>,
}

/// All users, sorted by name.
#[utoipa::path(get, path = "/api/v1/users", tag = "administration", operation_id = "list_users",
    responses((status = OK, body = Vec<UserInfo>)))]
async fn list(State(app): State<App>, Admin(_): Admin) -> Result<Json<Vec<UserInfo>>, ApiError> {
    Ok(Json(app.lake.meta().users().await?.into_iter().map(Into::into).collect()))
}

/// Creates a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "administration", operation_id = "create_user", request_body = NewUser, responses(
    (status = CREATED, body = UserInfo),
    (status = BAD_REQUEST, description = "The name or the password is invalid", body = ErrorBody),
    (status = CONFLICT, description = "The name already exists", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
))]
async fn create(
    State(app): State<App>,
    Admin(admin): Admin,
    JsonBody(NewUser { name, role, password }): JsonBody<NewUser>,
) -> Result<(StatusCode, Json<UserInfo>), ApiError> {
    check_name("user", &name)?;
    check_password(&password)?;
    let hash = app.passwords.hash(password).await??;
    let user = app.lake.meta().create_user(&name, role, &hash, Utc::now()).await?;
    tracing::info!(target: audit::TARGET, { user.name = name, user.role = %role, by = admin.name() }, "created a user");
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// Changes a user's role or password, or disables or enables the user.
#[utoipa::path(patch, path = "/api/v1/users/{name}", tag = "administration", operation_id = "change_user",
    params(("name" = String, Path, description = "The user's name")), request_body = UserChange, responses(
    (status = NO_CONTENT, description = "Changed"),
    (status = BAD_REQUEST, description = "The password is invalid", body = ErrorBody),
    (status = NOT_FOUND, description = "There is no such user", body = ErrorBody),
    (status = CONFLICT, description = "The user is the last enabled admin", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
))]
async fn change(
    State(app): State<App>,
    Admin(admin): Admin,
    PathOf(name): PathOf<String>,
    JsonBody(UserChange { role, password, disabled }): JsonBody<UserChange>,
) -> Result<StatusCode, ApiError> {
    let meta = app.lake.meta();
    let missing = || ApiError::NotFound(format!("user '{name}'"));
    // Everything is checked before anything changes.
    let hash = match password {
        Some(password) => {
            check_password(&password)?;
            Some(app.passwords.hash(password).await??)
        }
        None => None,
    };
    meta.credentials(&name).await?.ok_or_else(missing)?;
    if let Some(role) = role {
        meta.set_role(&name, role).await?.then_some(()).ok_or_else(missing)?;
        tracing::info!(target: audit::TARGET, { user.name = name, user.role = %role, by = admin.name() }, "changed a user's role");
    }
    if let Some(disabled) = disabled {
        meta.set_disabled(&name, disabled).await?.then_some(()).ok_or_else(missing)?;
        tracing::info!(target: audit::TARGET, { user.name = name, user.disabled = disabled, by = admin.name() }, "disabled or enabled a user");
    }
    if let Some(hash) = hash {
        meta.set_password(&name, &hash).await?.then_some(()).ok_or_else(missing)?;
        tracing::info!(target: audit::TARGET, { user.name = name, by = admin.name() }, "set a user's password");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a user and ends the user's sessions.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "administration", operation_id = "remove_user",
    params(("name" = String, Path, description = "The user's name")), responses(
    (status = NO_CONTENT, description = "Deleted"),
    (status = NOT_FOUND, description = "There is no such user", body = ErrorBody),
    (status = CONFLICT, description = "The user is the last enabled admin", body = ErrorBody),
))]
async fn remove(State(app): State<App>, Admin(admin): Admin, PathOf(name): PathOf<String>) -> Result<StatusCode, ApiError> {
    if !app.lake.meta().delete_user(&name).await? {
        return Err(ApiError::NotFound(format!("user '{name}'")));
    }
    tracing::info!(target: audit::TARGET, { user.name = name, by = admin.name() }, "deleted a user");
    Ok(StatusCode::NO_CONTENT)
}
