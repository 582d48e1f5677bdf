//! Roles, as the API names them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The role of a user or an API token. Each role includes the ones before it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub(crate) enum RoleName {
    Viewer,
    Editor,
    Admin,
}
