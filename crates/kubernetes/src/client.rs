//! Sends single requests to the API, bounded in time and bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::access::{Access, read};
use crate::api::{List, Pod, Resource, Status};
use crate::error::{ApiError, action, refusal};
use crate::http::Http;
use crate::scope::Scope;

/// The timeout of a request. The API usually answers in milliseconds, and sends a full page of pods in a second or two.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum bytes of an answer, many times the size of a usual page of 500 objects.
const ANSWER_CAP: usize = 64 << 20;
/// What to do if the API does not answer. The address is a Service's, but policies apply to the API server's own address and port.
const NO_ANSWER: &str = "behind a network policy, the Helm values networkPolicy.apiServerPorts and networkPolicy.apiServerTo must allow the \
    API server's own port and address (kubectl get endpointslices --namespace default --selector kubernetes.io/service-name=kubernetes)";
/// Objects per page of a list, so that neither side holds thousands at once.
const PAGE: &str = "500";
/// The maximum pages of a list: a hundred thousand objects. A longer list means a wrong selector.
const PAGES: usize = 200;

/// The part of a pod's log to read.
#[derive(Debug, Clone, Copy)]
pub struct LogPiece<'a> {
    /// The container. `None`: the pod's only container.
    pub container: Option<&'a str>,
    /// The start time in RFC 3339. The kubelet rounds down to a whole second, so all lines of that second are included.
    pub since: &'a str,
    pub limit_bytes: usize,
    /// Whether to read the log of the previous container instance.
    pub previous: bool,
}

/// A client of the API.
#[derive(Debug)]
pub struct Client {
    access: Access,
    http: Http,
}

impl Client {
    /// # Errors
    /// If the authority's file cannot be read or holds no certificate.
    pub fn new(access: Access) -> anyhow::Result<Self> {
        let http = Http::new(access.ca_file.clone())?;
        Ok(Self { access, http })
    }

    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Reads one object.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn get<K: Resource + DeserializeOwned>(&self, namespace: Option<&str>, name: &str) -> Result<K, ApiError> {
        let action = action::<K>("get", namespace, Some(name));
        self.once(Method::GET, self.url::<K>(namespace, Some(name)), None, action).await
    }

    /// Creates an object. Returns the object as stored by the API.
    ///
    /// # Errors
    /// See [`ApiError`]; [`ApiError::Exists`] if the name is taken.
    pub async fn create<K: Resource + Serialize + DeserializeOwned>(&self, namespace: Option<&str>, object: &K) -> Result<K, ApiError> {
        let action = action::<K>("create", namespace, object.meta().name.as_deref());
        let body =
            serde_json::to_value(object).map_err(|error| ApiError::Malformed { action: action.clone(), reason: error.to_string() })?;
        self.once(Method::POST, self.url::<K>(namespace, None), Some(body), action).await
    }

    /// Reads the log of a container since a moment, oldest lines first. Each line starts with its time (RFC 3339, nanoseconds).
    ///
    /// # Errors
    /// See [`ApiError`]; [`ApiError::Refused`] if the container has not started yet, or has no previous instance.
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
            Err(_) => Err(self.timed_out()),
        }
    }

    /// Lists all objects of a scope, page by page. Returns the objects and their resource version.
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

    /// Sends one request and parses the answer.
    async fn once<T: DeserializeOwned>(&self, method: Method, url: Url, body: Option<Value>, action: String) -> Result<T, ApiError> {
        let exchange = async {
            let answer = self.send(method, url, body, &action).await?;
            self.body(answer, &action).await
        };
        let body = match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(body) => body?,
            Err(_) => return Err(self.timed_out()),
        };
        // serde's errors may quote a value, which may be secret. So the error holds only the position.
        serde_json::from_slice(&body)
            .map_err(|error| ApiError::Malformed { action, reason: format!("line {} column {} of its JSON", error.line(), error.column()) })
    }

    /// Sends a request. An answer without a success status is an error.
    pub(crate) async fn send(&self, method: Method, url: Url, body: Option<Value>, action: &str) -> Result<reqwest::Response, ApiError> {
        let token = read(&self.access.token_file).map_err(|error| self.unreachable(format!("{error:#}")))?;
        let token = String::from_utf8_lossy(&token);
        let mut request = self.http.current().request(method, url).bearer_auth(token.trim());
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| {
            // A certificate that is not trusted is a connection error, too, but no policy's fault.
            let is_policy = error.is_timeout() || error.is_connect() && !is_tls(&error);
            let reason = causes(error);
            self.unreachable(if is_policy { format!("{reason}; {NO_ANSWER}") } else { reason })
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = self.body(answer, action).await.unwrap_or_default();
        let status_body: Status = serde_json::from_slice(&body).unwrap_or_default();
        let message = if status_body.message.is_empty() { status.to_string() } else { status_body.message };
        Err(refusal(status.as_u16(), &status_body.reason, message, action, after.map(Duration::from_secs)))
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

    fn timed_out(&self) -> ApiError {
        self.unreachable(format!("no answer within {} s; {NO_ANSWER}", TIMEOUT.as_secs()))
    }

    pub(crate) fn unreachable(&self, reason: String) -> ApiError {
        ApiError::Unreachable { url: self.access.url.to_string(), reason }
    }

    /// The URL of a kind's objects, or of one object. Names are percent-encoded.
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

/// Whether the connection was made, and TLS failed.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(is_rustls)
}

/// I/O errors hide the error that they carry, which may be an I/O error again.
fn is_rustls(error: &(dyn std::error::Error + 'static)) -> bool {
    let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || carried.is_some_and(|carried| is_rustls(carried))
}

/// The error with its causes, which reqwest's own text leaves out.
fn causes(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Secret;

    #[tokio::test]
    async fn an_api_that_cannot_be_reached_is_named_with_the_values_that_open_the_way() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, "t")?;
        // A port that was free a moment ago refuses connections.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let url: Url = format!("https://127.0.0.1:{port}").parse()?;
        let client = Client::new(Access { url, token_file: token_file.clone(), ca_file: None, namespace: None })?;
        let error = client.get::<Secret>(Some("db"), "a").await.expect_err("nothing listens").to_string();
        for part in ["refused", &format!("https://127.0.0.1:{port}/"), "networkPolicy.apiServerPorts", "networkPolicy.apiServerTo"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        // Something else listens there, and ends the TLS handshake.
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url: Url = format!("https://{}", listener.local_addr()?).parse()?;
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await
        });
        let other = Client::new(Access { url, token_file: token_file.clone(), ca_file: None, namespace: None })?;
        let error = other.get::<Secret>(Some("db"), "a").await.expect_err("no TLS").to_string();
        answering.await??;
        assert!(!error.contains("networkPolicy"), "not a policy's fault: {error}");
        std::fs::remove_file(token_file)?;
        let error = client.get::<Secret>(Some("db"), "a").await.expect_err("no token").to_string();
        assert!(!error.contains("networkPolicy"), "not a policy's fault: {error}");
        Ok(())
    }
}
