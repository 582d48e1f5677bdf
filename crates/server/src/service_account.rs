//! Enrolment of collectors by their Kubernetes ServiceAccount, without a shared key.
//!
//! The collector presents a projected token for the audience [`AUDIENCE`], which is valid for an hour. The Kubernetes API says whose token
//! it is (TokenReview). The settings say which ServiceAccounts may enrol collectors. Tokens for other audiences and tokens of other pods
//! are refused.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use pganalytics_kubernetes::{ApiError as KubernetesError, Client, Reviewed};

use crate::error::ApiError;
use crate::secret::Secret;

/// The audience of a collector's token.
pub const AUDIENCE: &str = "pganalytics-backend";
/// The most bytes of a token. A projected token has about a thousand.
const MAX_TOKEN: usize = 8 * 1024;
/// How long a review may take. The API normally answers in milliseconds, and a collector asks again.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(5);

/// A ServiceAccount, as `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceAccount {
    pub namespace: String,
    pub name: String,
}

impl FromStr for ServiceAccount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'));
        match text.trim().split_once('/') {
            Some((namespace, name)) if plain(namespace) && plain(name) => Ok(Self { namespace: namespace.into(), name: name.into() }),
            _ => Err("give a ServiceAccount as namespace/name".into()),
        }
    }
}

impl std::fmt::Display for ServiceAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The ServiceAccounts whose collectors may enrol, and the API that reviews tokens.
#[derive(Debug, Clone)]
pub struct ServiceAccounts {
    client: Arc<Client>,
    allowed: BTreeSet<ServiceAccount>,
}

impl ServiceAccounts {
    #[must_use]
    pub fn new(client: Client, allowed: impl IntoIterator<Item = ServiceAccount>) -> Self {
        Self { client: Arc::new(client), allowed: allowed.into_iter().collect() }
    }

    /// The name of the token's ServiceAccount, if its collectors may enrol.
    pub(crate) async fn review(&self, token: &Secret) -> Result<String, ApiError> {
        let review = tokio::time::timeout(REVIEW_TIMEOUT, self.client.review_token(token.expose(), AUDIENCE)).await;
        match review {
            Ok(Ok(Reviewed::ServiceAccount { namespace, name })) => {
                let account = ServiceAccount { namespace, name };
                if self.allowed.contains(&account) {
                    return Ok(format!("ServiceAccount {account}"));
                }
                Err(ApiError::ServiceAccount(account.to_string()))
            }
            Ok(Ok(Reviewed::Other(_) | Reviewed::Nobody(_))) => Err(ApiError::ServiceAccountToken),
            Ok(Err(error @ KubernetesError::Forbidden { .. })) => {
                Err(ApiError::Reviewer(format!("{error}; give the backend's ServiceAccount a ClusterRole that may create tokenreviews")))
            }
            Ok(Err(error)) => Err(ApiError::Reviewer(error.to_string())),
            Err(_) => Err(ApiError::Reviewer(format!("the Kubernetes API did not answer within {} s", REVIEW_TIMEOUT.as_secs()))),
        }
    }
}

/// Whether a bearer has the form of a ServiceAccount token: three parts of base64url. Only the API can tell whether it is one.
pub(crate) fn looks_like_token(bearer: &str) -> bool {
    let part = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    bearer.len() <= MAX_TOKEN && bearer.split('.').count() == 3 && bearer.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_a_namespace_and_a_name() {
        assert!("pganalytics/collector".parse::<ServiceAccount>().is_ok_and(|account| account.to_string() == "pganalytics/collector"));
        for text in ["", "collector", "a/", "/b", "a/b/c", "A/b", "system:serviceaccount:a:b"] {
            assert!(text.parse::<ServiceAccount>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_bearer_in_the_form_of_a_token_is_sent_to_the_api() {
        assert!(looks_like_token("eyJh.eyJp-_.c2ln"));
        for text in ["", "a.b", "a.b.c.d", "a..c", "a.b.c d", "pga_e_00", &format!("a.b.{}", "c".repeat(MAX_TOKEN))] {
            assert!(!looks_like_token(text), "{text}");
        }
    }
}
