//! Errors of the API, with verb, resource and namespace as in a Role.

use std::time::Duration;

use crate::api::{Resource, Status};

/// Why a request to the API failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// There is no answer, or the other end is not the API.
    #[error("reach the Kubernetes API at {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// The API does not accept the token.
    #[error("the Kubernetes API does not take the token: {0}")]
    Unauthorized(String),
    /// A right is missing.
    #[error("no right to {action}: {message}")]
    Forbidden { action: String, message: String },
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("{0} exists already")]
    Exists(String),
    /// The resource version is too old: list again.
    #[error("the Kubernetes API has forgotten this resource version")]
    Gone,
    /// The API is busy: retry after the given time, if any.
    #[error("the Kubernetes API is busy: {message}")]
    Busy { message: String, after: Option<Duration> },
    #[error("the Kubernetes API refuses to {action}: {message}")]
    Refused { action: String, message: String },
    #[error("the Kubernetes API's answer to {action} was not understood: {reason}")]
    Malformed { action: String, reason: String },
}

/// A verb on a resource, as in a Role: "list pods in namespace db".
pub(crate) fn action<K: Resource>(verb: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    let resource = if K::GROUP.is_empty() { K::PLURAL.into() } else { format!("{}.{}", K::PLURAL, K::GROUP) };
    let name = name.map_or_else(String::new, |name| format!(" '{name}'"));
    match namespace {
        Some(namespace) => format!("{verb} {resource}{name} in namespace {namespace}"),
        None => format!("{verb} {resource}{name}"),
    }
}

pub(crate) fn refusal(status: u16, reason: &str, message: String, action: &str, after: Option<Duration>) -> ApiError {
    match status {
        401 => ApiError::Unauthorized(message),
        403 => ApiError::Forbidden { action: action.into(), message },
        404 => ApiError::NotFound(object_of(action)),
        409 if reason == "AlreadyExists" => ApiError::Exists(object_of(action)),
        410 => ApiError::Gone,
        429 | 500..=599 => ApiError::Busy { message, after },
        _ => ApiError::Refused { action: action.into(), message },
    }
}

/// The action without its verb.
fn object_of(action: &str) -> String {
    action.split_once(' ').map_or(action, |(_, object)| object).to_owned()
}

pub(crate) fn status_error(status: &Status, action: &str) -> ApiError {
    refusal(status.code, &status.reason, status.message.clone(), action, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Secret, SelfSubjectAccessReview};

    #[test]
    fn an_action_is_told_in_the_words_of_a_role() {
        assert_eq!(action::<Secret>("get", Some("db"), Some("a-app")), "get secrets 'a-app' in namespace db");
        assert_eq!(action::<SelfSubjectAccessReview>("create", None, None), "create selfsubjectaccessreviews.authorization.k8s.io");
    }

    #[test]
    fn each_refusal_is_what_it_means() {
        let of = |status, reason| refusal(status, reason, "m".into(), "get secrets 'a' in namespace db", None);
        assert_eq!(of(404, "NotFound"), ApiError::NotFound("secrets 'a' in namespace db".into()));
        assert_eq!(of(409, "AlreadyExists"), ApiError::Exists("secrets 'a' in namespace db".into()));
        assert!(matches!(of(409, "Conflict"), ApiError::Refused { .. }));
        assert!(matches!(of(403, "Forbidden"), ApiError::Forbidden { .. }));
        assert_eq!(of(410, "Expired"), ApiError::Gone);
        assert!(matches!(of(503, ""), ApiError::Busy { .. }));
    }
}
