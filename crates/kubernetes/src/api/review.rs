//! Reviews of rights and of tokens.

use serde::{Deserialize, Serialize};

use super::object::ObjectMeta;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SelfSubjectAccessReview {
    pub metadata: ObjectMeta,
    pub spec: SelfSubjectAccessReviewSpec,
    #[serde(skip_serializing)]
    pub status: Option<SubjectAccessReviewStatus>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SelfSubjectAccessReviewSpec {
    pub resource_attributes: ResourceAttributes,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ResourceAttributes {
    pub verb: String,
    pub group: String,
    pub resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SubjectAccessReviewStatus {
    pub allowed: bool,
    pub reason: Option<String>,
}

#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct TokenReview {
    pub metadata: ObjectMeta,
    pub spec: TokenReviewSpec,
    #[serde(skip_serializing)]
    pub status: Option<TokenReviewStatus>,
}

/// The request of a token review. Not `Debug`, because it holds a token.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct TokenReviewSpec {
    pub token: String,
    pub audiences: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TokenReviewStatus {
    pub authenticated: bool,
    pub audiences: Option<Vec<String>>,
    pub error: Option<String>,
    pub user: Option<UserInfo>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct UserInfo {
    pub username: Option<String>,
}
