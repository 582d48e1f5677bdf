//! Ships spooled batches to the backend: in order, one in flight, each until the backend has committed it.
//!
//! # Promise
//! | answer | what happens |
//! |---|---|
//! | 200 | the batch leaves the spool |
//! | 400, 413 | it will never be taken: it goes to `rejected/`, is counted, and the next one follows |
//! | 401, 403 | it stays; the remedy is logged once; tried again slowly, with the token read anew |
//! | 401 `credential_unknown` | the collector enrols anew, where it has an enrolment token, and tries once more |
//! | 403 `foreign_collector` | as 400: the spool's state was lost, and with it the credential of this batch's identity |
//! | 422 | the backend does not know a view or column yet: it stays, and is tried again slowly |
//! | 429, 5xx, no answer | it stays; tried again with backoff, or when `Retry-After` says |

pub mod batch;
pub(crate) mod client;
pub(crate) mod credential;
mod own;
pub mod spool;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use pganalytics_views::enrol::code;
use pganalytics_views::{clock, wire};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::{Backend, Config, Source, Token};
use crate::connect::secret::Secret;
use crate::operate::metrics::{Metrics, now_seconds};
use crate::ship::spool::{Oldest, Spool};
use client::Client;
use own::Own;

/// The first wait; it doubles, and a random part of it is waited.
const BACKOFF: Duration = Duration::from_millis(500);
const BACKOFF_CAP: Duration = Duration::from_secs(30);
/// Between tries that only a human can make succeed.
const SLOW: Duration = Duration::from_secs(60);
/// A backend may ask for patience, not for silence.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(300);
/// Bytes of a refusal that are read, for the log.
const REASON_CAP: usize = 500;

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
    shown: Shown,
}

/// What requests show.
#[derive(Debug)]
enum Shown {
    Token(Source, &'static str),
    Own(Box<Own>),
}

/// Why a request did not do.
#[derive(Debug)]
pub(crate) enum Failed {
    /// There was no answer.
    Unreached(String),
    /// The answer was no.
    Answered {
        status: StatusCode,
        /// For programs, where the backend gave one.
        code: String,
        /// What the backend said, with its remedy.
        reason: String,
        after: Option<Duration>,
    },
}

impl Failed {
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Unreached(reason) | Self::Answered { reason, .. } => reason,
        }
    }
}

/// An error as the backend says it.
#[derive(Deserialize)]
struct Said {
    error: SaidError,
}

#[derive(Deserialize)]
struct SaidError {
    code: String,
    message: String,
    remedy: Option<String>,
}

impl Shipper {
    /// One that ships what the spool of this identity holds.
    ///
    /// # Errors
    /// Where the collector's credential cannot be read.
    pub(crate) fn new(config: &Config, client: Client, collector: Uuid) -> anyhow::Result<Self> {
        let shown = match config.backend.token.clone() {
            Token::Given(token) => Shown::Token(Source::Given(token), "token"),
            Token::File(file) => Shown::Token(Source::File(file), "token_file"),
            Token::Own { enrolment, rotate_every } => {
                Shown::Own(Box::new(Own::new(&config.spool.folder, collector, &config.name, enrolment, rotate_every)?))
            }
        };
        Ok(Self { client, backend: config.backend.clone(), shown })
    }

    /// Whether there is something to show; a collector that is not enrolled enrols. For when there is nothing to ship.
    pub(crate) async fn ready(&self, collector: Uuid) -> Result<(), Outcome> {
        self.secret(collector).await.map(drop)
    }

    /// Ships one batch of this collector.
    pub(crate) async fn ship(&self, body: Bytes, collector: Uuid) -> Outcome {
        for again in [false, true] {
            let secret = match self.secret(collector).await {
                Ok(secret) => secret,
                Err(outcome) => return outcome,
            };
            match (self.try_ship(body.clone(), &secret).await, &self.shown) {
                (Ok(()), _) => return Outcome::Committed,
                (Err(Failed::Answered { code, .. }), Shown::Own(own)) if code == code::CREDENTIAL_UNKNOWN && !again => {
                    if let Err(outcome) = own.enrol_anew(self).await {
                        return outcome;
                    }
                }
                (Err(failed), _) => return self.outcome(failed),
            }
        }
        Outcome::Again("the backend does not know the credential it has just taken".into(), None)
    }

    /// Asks whether the backend answers and takes what requests show, without changing anything: an empty body is no batch, and to be told
    /// so is proof. What it is that is taken.
    pub(crate) async fn ask(&self) -> Result<&'static str, Outcome> {
        let (secret, what) = match &self.shown {
            Shown::Token(..) => (self.secret(Uuid::nil()).await?, "the token"),
            Shown::Own(own) => match own.examine(self).await? {
                Some(secret) => (secret, "this collector's own credential"),
                None => return Ok("the enrolment token; the collector enrols when it runs"),
            },
        };
        match self.try_ship(Bytes::new(), &secret).await.map_err(|failed| self.outcome(failed)) {
            Ok(()) | Err(Outcome::Committed | Outcome::Refused(_)) => Ok(what),
            Err(outcome) => Err(outcome),
        }
    }

    async fn secret(&self, collector: Uuid) -> Result<Secret, Outcome> {
        match &self.shown {
            Shown::Token(source, key) => source.read(key).map_err(|error| Outcome::Remedy(format!("{error:#}"))),
            Shown::Own(own) => own.secret(self, collector).await,
        }
    }

    async fn try_ship(&self, body: Bytes, secret: &Secret) -> Result<(), Failed> {
        let url = self.url("/api/v1/ingest");
        let request = self.client.current().post(url).header(CONTENT_TYPE, wire::CONTENT_TYPE);
        self.send(request.header(clock::SENT_AT, crate::read::target::now_us()).body(body), secret).await
    }

    /// Sends JSON to a path of the backend.
    pub(crate) async fn tell(&self, path: &str, secret: &Secret, body: &serde_json::Value) -> Result<(), Failed> {
        let request = self.client.current().post(self.url(path)).header(CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string()), secret).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.backend.url.as_str().trim_end_matches('/'))
    }

    async fn send(&self, request: reqwest::RequestBuilder, secret: &Secret) -> Result<(), Failed> {
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
            return Ok(());
        }
        let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let after = after.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_CAP));
        let text = answer.text().await.unwrap_or_default();
        // Something on the way may send back what it was sent, and this goes to the log and into the next header.
        let text = if secret.reveal().is_empty() { text } else { text.replace(secret.reveal(), "***") };
        let (code, said) = match serde_json::from_str::<Said>(&text) {
            Ok(Said { error: SaidError { code, message, remedy: Some(remedy) } }) => (code, format!("{message}; {remedy}")),
            Ok(Said { error: SaidError { code, message, remedy: None } }) => (code, message),
            Err(_) => (String::new(), text),
        };
        let cut = said.floor_char_boundary(REASON_CAP);
        Err(Failed::Answered { status, code, reason: format!("{status}: {}", said[..cut].trim()), after })
    }

    /// What a batch that was not taken means for it.
    fn outcome(&self, failed: Failed) -> Outcome {
        let (status, code, reason, after) = match failed {
            Failed::Unreached(reason) => return Outcome::Again(reason, None),
            Failed::Answered { status, code, reason, after } => (status, code, reason, after),
        };
        match status {
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Outcome::Refused(reason),
            // It has no credential that this batch could come with, and never will.
            StatusCode::FORBIDDEN if code == code::FOREIGN_COLLECTOR => Outcome::Refused(reason),
            StatusCode::FORBIDDEN if code == code::CERTIFICATE_REQUIRED => Outcome::Remedy(format!(
                "{reason}; the backend asks for a certificate beside the token: give one that it trusts as [backend] cert_file and key_file"
            )),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match self.shown {
                // The backend says what to do.
                Shown::Own(_) => Outcome::Remedy(reason),
                Shown::Token(..) if code == code::COLLECTOR_REVOKED => Outcome::Remedy(reason),
                Shown::Token(..) => Outcome::Remedy(format!(
                    "{reason}; the token in [backend] is not taken: make one with `pganalytics token create --kind collector`"
                )),
            },
            StatusCode::UNPROCESSABLE_ENTITY => {
                Outcome::Remedy(format!("{reason}; the backend does not know this view: upgrade it, or give it the same views folder"))
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                Outcome::Remedy(format!("{reason}; nothing takes batches at {}: check [backend] url", self.url("/api/v1/ingest")))
            }
            _ => Outcome::Again(reason, after),
        }
    }
}

/// The error with its causes; reqwest's own text leaves them out. It names the URL, which holds no secret.
fn chain(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::new(error))
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
        let Ok((collector, oldest)) = queue.with(|spool| (spool.identity(), spool.oldest())).await else { return };
        let tried = async {
            match &oldest {
                Some(oldest) => Some(shipper.ship(oldest.body.clone(), oldest.collector).await),
                // What can be known before there is a batch is told before.
                None => shipper.ready(collector).await.err(),
            }
        };
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = tried => outcome,
        };
        let Some(outcome) = outcome else {
            tokio::select! {
                () = stop.cancelled() => return,
                () = queue.bell.notified() => continue,
            }
        };
        metrics.client_certificate(shipper.client.certificate());
        let wait = match &oldest {
            Some(oldest) => settle(oldest, &outcome, failures, queue, metrics).await,
            None => pause(&outcome, failures),
        };
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
        let outcome = shipper.ship(oldest.body.clone(), oldest.collector).await;
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
        Outcome::Remedy(_) | Outcome::Again(..) => pause(outcome, failures),
    }
}

/// How long to wait before the next try, after one that failed.
fn pause(outcome: &Outcome, failures: u32) -> Option<Duration> {
    match outcome {
        Outcome::Committed | Outcome::Refused(_) => None,
        Outcome::Remedy(_) => Some(SLOW.mul_f64(0.5 + rand::random::<f64>() / 2.0)),
        Outcome::Again(_, Some(after)) => Some(*after),
        Outcome::Again(_, None) => {
            let most = BACKOFF.saturating_mul(2_u32.saturating_pow(failures)).min(BACKOFF_CAP);
            Some(most.mul_f64(rand::random::<f64>()).max(Duration::from_millis(50)))
        }
    }
}
