//! Asks the API whether this process has a right, and who owns a token.

use crate::api::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, TokenReview, TokenReviewSpec};
use crate::client::Client;
use crate::error::ApiError;

/// A verb on a resource, as in a Role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    pub verb: &'static str,
    pub group: &'static str,
    /// The resource. A subresource is written as in a Role: `pods/log`.
    pub resource: &'static str,
    pub namespace: Option<String>,
    pub name: Option<String>,
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if let Some(name) = &self.name {
            write!(f, " '{name}'")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => f.write_str(" in all namespaces"),
        }
    }
}

/// Whether the right is granted, and the API's message about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    pub reason: Option<String>,
}

/// The owner of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reviewed {
    /// A ServiceAccount.
    ServiceAccount { namespace: String, name: String },
    /// A user that is not a ServiceAccount.
    Other(String),
    /// No valid token: expired, for another audience, or not a token.
    Nobody(String),
}

impl Client {
    /// Asks whether this process has a right.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn may(&self, right: &Right) -> Result<Verdict, ApiError> {
        let (resource, subresource) = right.resource.split_once('/').map_or((right.resource, None), |(of, part)| (of, Some(part)));
        let attributes = ResourceAttributes {
            verb: right.verb.into(),
            group: right.group.into(),
            resource: resource.into(),
            subresource: subresource.map(Into::into),
            namespace: right.namespace.clone(),
            name: right.name.clone(),
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec { resource_attributes: attributes },
            ..SelfSubjectAccessReview::default()
        };
        let status = self.create(None, &review).await?.status.unwrap_or_default();
        Ok(Verdict { allowed: status.allowed, reason: status.reason.filter(|reason| !reason.is_empty()) })
    }

    /// Asks for the owner of a token, which must be for `audience`. Needs the right to create tokenreviews (ClusterRole `system:auth-delegator`).
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn review_token(&self, token: &str, audience: &str) -> Result<Reviewed, ApiError> {
        let review =
            TokenReview { spec: TokenReviewSpec { token: token.into(), audiences: vec![audience.into()] }, ..TokenReview::default() };
        let status = self.create(None, &review).await?.status.unwrap_or_default();
        // An API without support for audiences leaves them out and accepts any token.
        let ours = status.audiences.is_some_and(|audiences| audiences.iter().any(|is| is == audience));
        if !status.authenticated || !ours {
            return Ok(Reviewed::Nobody(status.error.unwrap_or_else(|| format!("it is no valid token for audience {audience}"))));
        }
        let user = status.user.and_then(|user| user.username).unwrap_or_default();
        let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        Ok(match account {
            Some((namespace, name)) => Reviewed::ServiceAccount { namespace: namespace.into(), name: name.into() },
            None => Reviewed::Other(user),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_reads_as_a_role_does() {
        let right = Right { verb: "get", group: "", resource: "secrets", namespace: Some("db".into()), name: Some("a-app".into()) };
        assert_eq!(right.to_string(), "get secrets 'a-app' in namespace db");
        let right = Right { verb: "list", group: "", resource: "pods", namespace: None, name: None };
        assert_eq!(right.to_string(), "list pods in all namespaces");
    }
}
