//! One request to the backend, and the parsing of its errors.

use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use pganalytics_views::{clock, wire};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::acknowledgement::{Acknowledgement, Named, content, text};
use super::client::Client;
use super::outcome::Failed;
use crate::clock::now_us;
use crate::config::Backend;
use crate::connect::secret::Secret;

/// The maximum wait that `Retry-After` can ask for.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(300);
/// The maximum bytes of an error message in the log.
const REASON_CAP: usize = 500;

/// Sends requests to the backend.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) client: Client,
    pub(super) backend: Backend,
}

/// The backend's time.
#[derive(Deserialize)]
struct Stated {
    timestamp: String,
}

/// An error in the format of the backend.
#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    code: String,
    message: String,
    remedy: Option<String>,
}

impl Requests {
    /// Sends a batch that has waited for this long, if that is known.
    pub(super) async fn ship(&self, body: Bytes, waited: Option<Duration>, secret: &Secret) -> Result<Acknowledgement, Failed> {
        let url = self.url("/api/v1/ingest");
        let mut request = self.client.current().post(url).header(CONTENT_TYPE, wire::CONTENT_TYPE);
        if let Some(waited) = waited {
            request = request.header(clock::WAITED, waited.as_millis().to_string());
        }
        self.send(request.header(clock::SENT_AT, now_us()).body(body), secret).await
    }

    /// Sends JSON to a path of the backend. The answer must name the same collector.
    pub(super) async fn post(&self, path: &str, secret: &Secret, collector: Uuid, body: &serde_json::Value) -> Result<(), Failed> {
        let request = self.client.current().post(self.url(path)).header(CONTENT_TYPE, "application/json");
        let named: Named = self.send(request.body(body.to_string()), secret).await?;
        if named.collector == collector {
            return Ok(());
        }
        Err(Failed::Strange(format!("the backend answered for collector {} instead of {collector}", named.collector)))
    }

    /// How far this machine's clock is ahead of the backend's, in microseconds. `None`: the backend does not state its time.
    pub(super) async fn skew_us(&self) -> Option<i64> {
        let answer = self.client.current().get(self.url("/api/v1/health")).send().await.ok()?;
        let stated: Stated = content(answer).await.ok()?;
        let theirs = DateTime::parse_from_rfc3339(&stated.timestamp).ok()?;
        clock::skew_us(Some(now_us()), 0, theirs.timestamp_micros())
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.backend.url.as_str().trim_end_matches('/'))
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder, secret: &Secret) -> Result<T, Failed> {
        let answer = match request.bearer_auth(secret.reveal()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let tls = pganalytics_tls::explain(&error, "[backend] ca_file", "[backend] cert_file and key_file");
                let reason = tls.map_or_else(|| chain(error), |reason| format!("reach {}: {reason}", self.backend.url));
                return Err(Failed::Unreached(reason));
            }
        };
        let status = answer.status();
        if status.is_success() {
            return content(answer).await.map_err(Failed::Strange);
        }
        if status.is_redirection() {
            let reason = format!("the answer {status} is a redirect, which is not followed: check [backend] url and the proxies");
            return Err(Failed::Strange(reason));
        }
        let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let after = after.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_CAP));
        let text = text(answer).await;
        // A proxy may echo the request. The text goes to the log and into the next header, so the secret is masked.
        let text = if secret.reveal().is_empty() { text } else { text.replace(secret.reveal(), "***") };
        let (code, reason) = match serde_json::from_str::<Refusal>(&text) {
            Ok(Refusal { error: RefusalError { code, message, remedy: Some(remedy) } }) => (code, format!("{message}; {remedy}")),
            Ok(Refusal { error: RefusalError { code, message, remedy: None } }) => (code, message),
            Err(_) => (String::new(), text),
        };
        let cut = reason.floor_char_boundary(REASON_CAP);
        Err(Failed::Answered { status, code, reason: format!("{status}: {}", reason[..cut].trim()), after })
    }
}

/// The error with its causes, which reqwest's own text leaves out. The text names the URL, which holds no secret.
fn chain(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::new(error))
}
