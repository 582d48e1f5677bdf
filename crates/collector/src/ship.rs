//! Ships spooled batches to the backend: in order, one in flight, each until the backend has committed it.
//!
//! # Promise
//! | answer | what happens |
//! |---|---|
//! | 200 | the batch leaves the spool |
//! | 400, 413 | it will never be taken: it goes to `rejected/`, is counted, and the next one follows |
//! | 401, 403 | it stays; the remedy is logged once; tried again slowly, with the token read anew |
//! | 422 | the backend does not know a view or column yet: it stays, and is tried again slowly |
//! | 429, 5xx, no answer | it stays; tried again with backoff, or when `Retry-After` says |

pub(crate) mod client;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use pganalytics_views::{clock, wire};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::Backend;
use crate::metrics::{Metrics, now_seconds};
use crate::spool::{Oldest, Spool};
use client::Client;

/// The first wait; it doubles, and a random part of it is waited.
const BACKOFF: Duration = Duration::from_millis(500);
const BACKOFF_CAP: Duration = Duration::from_secs(30);
/// Between tries that only a human can make succeed.
const SLOW: Duration = Duration::from_secs(60);
/// A backend may ask for patience, not for silence.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(300);
/// Bytes of a refusal that are read, for the log.
const REASON_CAP: usize = 500;

/// The backend's word for a collector without a certificate, where it asks for one.
const NO_CERTIFICATE: &str = "\"certificate_required\"";

/// What one try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    /// Never to be taken.
    Refused(String),
    /// Only a human changes the answer: try slowly.
    Remedy(String),
    /// Try again; when, if the backend says.
    Again(String, Option<Duration>),
}

/// Who ships.
#[derive(Debug)]
pub(crate) struct Shipper {
    client: Client,
    backend: Backend,
    ingest: reqwest::Url,
}

impl Shipper {
    /// # Errors
    /// Where the certificates cannot be read or the URL is none.
    pub(crate) fn new(backend: &Backend) -> anyhow::Result<Self> {
        let base = backend.url.as_str().trim_end_matches('/');
        let ingest = format!("{base}/api/v1/ingest").parse().context("[backend] url is no URL")?;
        Ok(Self { client: Client::new(backend)?, backend: backend.clone(), ingest })
    }

    /// Ships one batch, or, with an empty body, asks whether the backend answers and the token is good.
    pub(crate) async fn ship(&self, body: Bytes) -> Outcome {
        let token = match self.backend.token.read() {
            Ok(token) => token,
            Err(error) => return Outcome::Remedy(format!("{error:#}")),
        };
        let request = self
            .client
            .current()
            .post(self.ingest.clone())
            .bearer_auth(token.reveal())
            .header(CONTENT_TYPE, wire::CONTENT_TYPE)
            .header(clock::SENT_AT, crate::target::now_us())
            .body(body);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let tls = pganalytics_tls::explain(&error, "[backend] ca_file", "[backend] cert_file and key_file");
                let reason = tls.map_or_else(|| chain(&error), |reason| format!("reach {}: {reason}", self.backend.url));
                return Outcome::Again(reason, None);
            }
        };
        let status = answer.status();
        if status.is_success() {
            return Outcome::Committed;
        }
        let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let after = after.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_CAP));
        let text = answer.text().await.unwrap_or_default();
        // Something on the way may send back what it was sent, and this goes to the log and into the next header.
        let text = if token.reveal().is_empty() { text } else { text.replace(token.reveal(), "***") };
        let cut = text.floor_char_boundary(REASON_CAP);
        let reason = format!("{status}: {}", text[..cut].trim());
        match status {
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Outcome::Refused(reason),
            StatusCode::FORBIDDEN if text.contains(NO_CERTIFICATE) => Outcome::Remedy(format!(
                "{reason}; the backend asks for a certificate beside the token: give one that it trusts as [backend] cert_file and key_file"
            )),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Remedy(format!(
                "{reason}; the token in [backend] is not taken: make one with `pganalytics token create --kind collector`"
            )),
            StatusCode::UNPROCESSABLE_ENTITY => {
                Outcome::Remedy(format!("{reason}; the backend does not know this view: upgrade it, or give it the same views folder"))
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                Outcome::Remedy(format!("{reason}; nothing takes batches at {}: check [backend] url", self.ingest))
            }
            _ => Outcome::Again(reason, after),
        }
    }
}

/// The error with its causes; reqwest's own text leaves them out. It names the URL, which holds no secret.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// The spool, shared with whoever appends, and the bell that says there is something in it.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub spool: Arc<Mutex<Spool>>,
    pub bell: Arc<Notify>,
}

impl Queue {
    /// Runs something on the spool, off the async threads: it waits for the disk.
    ///
    /// # Errors
    /// Where the process is ending.
    pub(crate) async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Spool) -> T + Send + 'static) -> anyhow::Result<T> {
        let spool = Arc::clone(&self.spool);
        tokio::task::spawn_blocking(move || work(&mut spool.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            .context("work on the spool")
    }
}

/// Ships until told to stop.
pub(crate) async fn run(shipper: &Shipper, queue: &Queue, metrics: &Metrics, stop: &CancellationToken) {
    let mut failures = 0_u32;
    let mut told: Option<String> = None;
    loop {
        let Ok(oldest) = queue.with(Spool::oldest).await else { return };
        let wait = match oldest {
            None => {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = queue.bell.notified() => continue,
                }
            }
            Some(oldest) => {
                let outcome = tokio::select! {
                    () = stop.cancelled() => return,
                    outcome = shipper.ship(oldest.body.clone()) => outcome,
                };
                metrics.client_certificate(shipper.client.certificate());
                let wait = settle(&oldest, &outcome, failures, queue, metrics).await;
                match (&outcome, wait) {
                    (_, None) => {
                        if told.take().is_some() {
                            tracing::info!("batches are shipped again");
                        }
                        failures = 0;
                    }
                    (Outcome::Remedy(reason) | Outcome::Again(reason, _), Some(wait)) => {
                        failures = failures.saturating_add(1);
                        metrics.ship_failed(reason);
                        // Once for each kind of trouble, not once a try.
                        if told.as_deref() != Some(reason) {
                            tracing::warn!(
                                error = reason,
                                retry.after_ms = wait.as_millis(),
                                "batches wait in the spool: the backend did not take one"
                            );
                            told = Some(reason.clone());
                        }
                    }
                    _ => {}
                }
                wait
            }
        };
        if let Some(wait) = wait {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// One try to ship everything, for the end of the process.
pub(crate) async fn drain(shipper: &Shipper, queue: &Queue, metrics: &Metrics) {
    while let Ok(Some(oldest)) = queue.with(Spool::oldest).await {
        let outcome = shipper.ship(oldest.body.clone()).await;
        if settle(&oldest, &outcome, 0, queue, metrics).await.is_some() {
            return;
        }
    }
}

/// Does what the outcome asks for; returns the wait before the next try where the batch stays.
async fn settle(oldest: &Oldest, outcome: &Outcome, failures: u32, queue: &Queue, metrics: &Metrics) -> Option<Duration> {
    let sequence = oldest.sequence;
    match outcome {
        Outcome::Committed => {
            metrics.shipped_batches.inc();
            metrics.shipped_rows.inc_by(oldest.rows);
            metrics.shipped_bytes.inc_by(oldest.body.len() as u64);
            metrics.last_ship.set(now_seconds());
            queue.with(move |spool| spool.shipped(sequence)).await.ok().and(None)
        }
        Outcome::Refused(reason) => {
            tracing::error!(
                batch.sequence = sequence,
                batch.rows = oldest.rows,
                error = reason,
                "the backend refuses a batch; it is kept in rejected/"
            );
            metrics.ship_failed(reason);
            queue.with(move |spool| spool.reject(sequence)).await.ok().and(None)
        }
        Outcome::Remedy(_) => Some(SLOW.mul_f64(0.5 + rand::random::<f64>() / 2.0)),
        Outcome::Again(_, Some(after)) => Some(*after),
        Outcome::Again(_, None) => {
            let most = BACKOFF.saturating_mul(2_u32.saturating_pow(failures)).min(BACKOFF_CAP);
            Some(most.mul_f64(rand::random::<f64>()).max(Duration::from_millis(50)))
        }
    }
}
