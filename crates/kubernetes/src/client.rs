//! One request to the API, bounded, and what its refusals mean.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::access::{Access, read};
use crate::api::{List, Pod, Resource, Status};
use crate::watch::Scope;

/// The API answers in milliseconds; a whole page of pods in a second or two.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A page of 500 objects of the size that etcd allows on average, many times over.
const ANSWER_CAP: usize = 64 << 20;
/// Objects in one page of a list, so that neither side holds thousands at once.
const PAGE: &str = "500";
/// Pages of one list: a hundred thousand objects. Beyond, something is wrong with the selector.
const PAGES: usize = 200;

/// Why the API did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Nobody answers, or not who should.
    #[error("reach the Kubernetes API at {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// The API does not know who asks.
    #[error("the Kubernetes API does not take the token: {0}")]
    Unauthorized(String),
    /// A right is missing.
    #[error("no right to {action}: {message}")]
    Forbidden { action: String, message: String },
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("{0} exists already")]
    Exists(String),
    /// What was asked for lies too far back: list again.
    #[error("the Kubernetes API has forgotten this resource version")]
    Gone,
    /// Try again, when the API says so.
    #[error("the Kubernetes API is busy: {message}")]
    Busy { message: String, after: Option<Duration> },
    #[error("the Kubernetes API refuses to {action}: {message}")]
    Refused { action: String, message: String },
    #[error("the Kubernetes API's answer to {action} was not understood: {reason}")]
    Malformed { action: String, reason: String },
}

/// Which part of a pod's log.
#[derive(Debug, Clone, Copy)]
pub struct LogPiece<'a> {
    /// The pod's only one where `None`.
    pub container: Option<&'a str>,
    /// RFC 3339; the kubelet goes by whole seconds, so that lines of that whole second come.
    pub since: &'a str,
    pub limit_bytes: usize,
    /// Of the container that ran before this one in the pod.
    pub previous: bool,
}

/// Who asks the API.
#[derive(Debug)]
pub struct Client {
    access: Access,
    held: Mutex<Held>,
}

/// The HTTP client, and the authority's file that it was made from.
struct Held {
    http: reqwest::Client,
    authority: Option<Vec<u8>>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Client {
    /// # Errors
    /// Where the authority's file cannot be read or holds no certificate.
    pub fn new(access: Access) -> anyhow::Result<Self> {
        // A second installation (the all-in-one has one of its own) is refused and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authority = access.ca_file.as_deref().map(read).transpose()?;
        let http = build(access.ca_file.as_deref(), authority.as_deref())?;
        Ok(Self { access, held: Mutex::new(Held { http, authority }) })
    }

    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// One object.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn get<K: Resource + DeserializeOwned>(&self, namespace: Option<&str>, name: &str) -> Result<K, ApiError> {
        let action = action::<K>("get", namespace, Some(name));
        self.once(Method::GET, self.url::<K>(namespace, Some(name)), None, action).await
    }

    /// Makes an object; what the API made of it.
    ///
    /// # Errors
    /// See [`ApiError`]; [`ApiError::Exists`] where there is one of that name.
    pub async fn create<K: Resource + Serialize + DeserializeOwned>(&self, namespace: Option<&str>, object: &K) -> Result<K, ApiError> {
        let action = action::<K>("create", namespace, object.meta().name.as_deref());
        let body =
            serde_json::to_value(object).map_err(|error| ApiError::Malformed { action: action.clone(), reason: error.to_string() })?;
        self.once(Method::POST, self.url::<K>(namespace, None), Some(body), action).await
    }

    /// What a container wrote since a moment, each line with its time in front (RFC 3339, nanoseconds); it begins with the oldest.
    ///
    /// # Errors
    /// See [`ApiError`]; [`ApiError::Refused`] where the container has not been started yet, or there is none before it.
    pub async fn logs(&self, namespace: &str, pod: &str, piece: &LogPiece<'_>) -> Result<Bytes, ApiError> {
        let action = format!("get pods/log '{pod}' in namespace {namespace}");
        let mut url = self.url::<Pod>(Some(namespace), Some(pod));
        if let Ok(mut path) = url.path_segments_mut() {
            path.push("log");
        }
        url.query_pairs_mut()
            .append_pair("timestamps", "true")
            .append_pair("sinceTime", piece.since)
            .append_pair("limitBytes", &piece.limit_bytes.to_string())
            .extend_pairs(piece.container.iter().map(|container| ("container", container)))
            .extend_pairs(piece.previous.then_some(("previous", "true")));
        let exchange = async {
            let answer = self.send(Method::GET, url, None, &action).await?;
            self.body(answer, &action).await
        };
        match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(body) => body,
            Err(_) => Err(self.unreachable(format!("no answer within {} s", TIMEOUT.as_secs()))),
        }
    }

    /// All objects of a scope, page by page, and the resource version they are of.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn list<K: Resource + DeserializeOwned>(&self, scope: &Scope) -> Result<(Vec<K>, String), ApiError> {
        let namespace = scope.namespace.as_deref();
        let action = action::<K>("list", namespace, None);
        let mut objects = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES {
            let mut url = self.url::<K>(namespace, None);
            url.query_pairs_mut()
                .append_pair("limit", PAGE)
                .extend_pairs(scope.fields.iter().map(|fields| ("fieldSelector", fields)))
                .extend_pairs(next.iter().map(|token| ("continue", token)));
            let page: List<K> = self.once(Method::GET, url, None, action.clone()).await?;
            objects.extend(page.items.into_iter().flatten());
            next = page.metadata.next.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok((objects, page.metadata.resource_version));
            }
        }
        Err(ApiError::Refused { action, message: format!("there are more than {} of them: name fewer namespaces", objects.len()) })
    }

    /// One request, one answer.
    async fn once<T: DeserializeOwned>(&self, method: Method, url: Url, body: Option<Value>, action: String) -> Result<T, ApiError> {
        let exchange = async {
            let answer = self.send(method, url, body, &action).await?;
            self.body(answer, &action).await
        };
        let body = match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(body) => body?,
            Err(_) => return Err(self.unreachable(format!("no answer within {} s", TIMEOUT.as_secs()))),
        };
        // serde's errors may cite a value, and values may be secret: only where it went wrong is told.
        serde_json::from_slice(&body)
            .map_err(|error| ApiError::Malformed { action, reason: format!("line {} column {} of its JSON", error.line(), error.column()) })
    }

    /// Sends a request; an answer that is no success is an error.
    pub(crate) async fn send(&self, method: Method, url: Url, body: Option<Value>, action: &str) -> Result<reqwest::Response, ApiError> {
        let token = read(&self.access.token_file).map_err(|error| self.unreachable(format!("{error:#}")))?;
        let token = String::from_utf8_lossy(&token);
        let mut request = self.http().request(method, url).bearer_auth(token.trim());
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| self.unreachable(causes(error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = self.body(answer, action).await.unwrap_or_default();
        let said: Status = serde_json::from_slice(&body).unwrap_or_default();
        let message = if said.message.is_empty() { status.to_string() } else { said.message };
        Err(refusal(status.as_u16(), &said.reason, message, action, after.map(Duration::from_secs)))
    }

    async fn body(&self, mut answer: reqwest::Response, action: &str) -> Result<Bytes, ApiError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unreachable(causes(error)))? {
            if body.len() + chunk.len() > ANSWER_CAP {
                let reason = format!("it is larger than {} MiB", ANSWER_CAP >> 20);
                return Err(ApiError::Malformed { action: action.into(), reason });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    pub(crate) fn unreachable(&self, reason: String) -> ApiError {
        ApiError::Unreachable { url: self.access.url.to_string(), reason }
    }

    /// The HTTP client, made anew where the authority's file has changed.
    fn http(&self) -> reqwest::Client {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.access.ca_file
            && let Ok(authority) = read(file)
            && held.authority.as_ref() != Some(&authority)
        {
            // A file that is half written changes nothing: the next request looks again.
            if let Ok(http) = build(Some(file), Some(&authority)) {
                *held = Held { http, authority: Some(authority) };
            }
        }
        held.http.clone()
    }

    /// Where a kind's objects are; names are encoded, whatever they hold.
    pub(crate) fn url<K: Resource>(&self, namespace: Option<&str>, name: Option<&str>) -> Url {
        let mut url = self.access.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            if K::GROUP.is_empty() {
                path.push("api")
            } else {
                path.push("apis").push(K::GROUP)
            };
            path.push(K::VERSION);
            path.extend(namespace.iter().flat_map(|namespace| ["namespaces", namespace]));
            path.push(K::PLURAL).extend(name);
        }
        url
    }
}

fn build(file: Option<&Path>, authority: Option<&[u8]>) -> anyhow::Result<reqwest::Client> {
    let mut http = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // The API is in the cluster, whatever proxy leads out of it.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("pganalytics/", env!("CARGO_PKG_VERSION")));
    if let (Some(file), Some(authority)) = (file, authority) {
        let place = || format!("take the authorities of {}", file.display());
        let roots = reqwest::Certificate::from_pem_bundle(authority).with_context(place)?;
        anyhow::ensure!(!roots.is_empty(), "{} holds no certificate", file.display());
        http = http.tls_certs_only(roots);
    }
    http.build().context("set up the HTTP client for the Kubernetes API")
}

/// A verb on a resource, in the words of a Role: "list pods in namespace db".
pub(crate) fn action<K: Resource>(verb: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    let resource = if K::GROUP.is_empty() { K::PLURAL.into() } else { format!("{}.{}", K::PLURAL, K::GROUP) };
    let name = name.map_or_else(String::new, |name| format!(" '{name}'"));
    match namespace {
        Some(namespace) => format!("{verb} {resource}{name} in namespace {namespace}"),
        None => format!("{verb} {resource}{name}"),
    }
}

fn refusal(status: u16, reason: &str, message: String, action: &str, after: Option<Duration>) -> ApiError {
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

/// The error with its causes; reqwest's own text leaves them out.
fn causes(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::new(error))
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
