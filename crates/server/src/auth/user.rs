//! Handlers for people and programs with a role.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use pganalytics_lake::{Role, TokenKind};

use super::principal::{Principal, principal};
use crate::app::App;
use crate::error::ApiError;

/// A sender that may read.
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

async fn with_role(parts: &Parts, app: &App, needed: Role) -> Result<Principal, ApiError> {
    let principal = principal(parts, app).await?;
    match &principal {
        Principal::User { role, .. } | Principal::Token { role, .. } if *role >= needed => Ok(principal),
        Principal::User { .. } | Principal::Token { .. } => Err(ApiError::Forbidden(needed)),
        Principal::Collector { .. } => Err(ApiError::WrongToken(TokenKind::Api)),
    }
}
