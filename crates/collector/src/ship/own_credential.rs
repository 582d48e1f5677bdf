//! Manages the collector's own credential: the collector enrols at first, renews the credential when a renewal is due, and enrols again if
//! the backend has forgotten the credential.
//!
//! If enrolment fails, batches stay in the spool, as with a token that is not accepted. If a renewal fails, shipping goes on: the current
//! credential stays valid, and the renewal is retried later.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use pganalytics_views::enrol::{ENROL, ROTATE};
use reqwest::StatusCode;
use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::credential::{Credential, hash_of_none};
use super::outcome::{Failed, Outcome};
use super::request::Requests;
use crate::clock::now_us;
use crate::config::Source;
use crate::connect::secret::Secret;

/// The wait between attempts to renew a credential.
const RENEW_AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct OwnCredential {
    collector: Uuid,
    name: String,
    token: Option<Source>,
    rotate_every: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    credential: Credential,
    /// The time and the reason of the latest failed renewal.
    failed: Option<(Instant, String)>,
}

impl OwnCredential {
    /// # Errors
    /// If the credential cannot be read.
    pub(crate) fn new(folder: &Path, collector: Uuid, name: &str, token: Option<Source>, rotate_every: Duration) -> anyhow::Result<Self> {
        let state = Mutex::new(State { credential: Credential::read(folder, collector)?, failed: None });
        Ok(Self { collector, name: name.into(), token, rotate_every: spread(rotate_every, collector), state })
    }

    /// The secret for batches of this collector. Enrols or renews first if needed.
    pub(super) async fn secret(&self, requests: &Requests, collector: Uuid) -> Result<Secret, Outcome> {
        let mut state = self.state.lock().await;
        if collector != self.collector
            && let Some(secret) = state.credential.secret_for(collector)
        {
            return Ok(secret.clone());
        }
        if state.credential.current().is_none() {
            self.enrol(requests, &mut state).await?;
        } else if self.is_due(&state) {
            self.renew(requests, &mut state).await;
        }
        state.credential.current().cloned().ok_or_else(|| Outcome::Remedy("this collector has no credential".into()))
    }

    /// Enrols again, because the backend does not know the credential. The old credential is kept until the backend accepts a new one: the URL
    /// may name the wrong backend.
    pub(super) async fn enrol_anew(&self, requests: &Requests) -> Result<(), Outcome> {
        let mut state = self.state.lock().await;
        self.enrol(requests, &mut state).await
    }

    async fn enrol(&self, requests: &Requests, state: &mut State) -> Result<(), Outcome> {
        let keep = |error: anyhow::Error| Outcome::Remedy(format!("{error:#}"));
        let token = self.token()?;
        let hash = state.credential.prepare().map_err(keep)?;
        requests.post(ENROL, &token, self.collector, &self.application(&hash, false)).await.map_err(refused)?;
        state.credential.promote(now_us()).map_err(keep)?;
        tracing::info!(
            collector = %self.collector,
            backend = %requests.backend.url,
            "enrolled: this collector has its own credential now"
        );
        Ok(())
    }

    async fn renew(&self, requests: &Requests, state: &mut State) {
        let renewed = async {
            let hash = state.credential.prepare()?;
            let Some(current) = state.credential.current().cloned() else { return Ok(()) };
            let body = json!({"credential_sha256": hash});
            requests.post(ROTATE, &current, self.collector, &body).await.map_err(|failed| anyhow::anyhow!("{}", failed.reason()))?;
            state.credential.promote(now_us())
        };
        match renewed.await.context("cannot renew the collector's credential") {
            Ok(()) => {
                tracing::info!(collector = %self.collector, "the collector's credential was renewed");
                state.failed = None;
            }
            Err(error) => {
                let reason = format!("{error:#}");
                if state.failed.as_ref().is_none_or(|(_, before)| *before != reason) {
                    tracing::warn!(error = reason, "the collector's credential could not be renewed; the current one stays in use");
                }
                state.failed = Some((Instant::now(), reason));
            }
        }
    }

    fn is_due(&self, state: &State) -> bool {
        let age_us = state.credential.since_us().map_or(0, |since_us| now_us().saturating_sub(since_us));
        let is_old = Duration::from_micros(u64::try_from(age_us).unwrap_or_default()) >= self.rotate_every;
        let again = RENEW_AGAIN.min(self.rotate_every);
        is_old && state.failed.as_ref().is_none_or(|(at, _)| at.elapsed() >= again)
    }

    fn token(&self) -> Result<Secret, Outcome> {
        let Some(source) = &self.token else {
            return Err(Outcome::Remedy(
                "this collector is not enrolled; create a token with `pganalytics token create NAME --kind enrolment` and set [backend] \
                 enrolment_token or enrolment_token_file"
                    .into(),
            ));
        };
        source.read("enrolment_token_file").map_err(|error| Outcome::Remedy(format!("{error:#}")))
    }

    fn application(&self, hash: &str, dry_run: bool) -> serde_json::Value {
        json!({
            "collector": self.collector,
            "name": self.name,
            "version": env!("CARGO_PKG_VERSION"),
            "credential_sha256": hash,
            "dry_run": dry_run,
        })
    }

    /// For `doctor`: the current secret. If the collector is not enrolled, checks with a dry run that enrolment would succeed. Changes nothing.
    pub(super) async fn examine(&self, requests: &Requests) -> Result<Option<Secret>, Outcome> {
        let state = self.state.lock().await;
        if let Some(secret) = state.credential.current() {
            return Ok(Some(secret.clone()));
        }
        let hash = state.credential.pending_hash().unwrap_or_else(hash_of_none);
        requests.post(ENROL, &self.token()?, self.collector, &self.application(&hash, true)).await.map_err(refused)?;
        Ok(None)
    }
}

/// The outcome for waiting batches after a failed enrolment.
fn refused(failed: Failed) -> Outcome {
    match failed {
        Failed::Unreached(reason) | Failed::Strange(reason) => Outcome::Again(reason, None),
        Failed::Answered { status: StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, reason, .. } => {
            Outcome::Remedy(format!("{reason}; no service enrols collectors there: check [backend] url, or upgrade the backend"))
        }
        Failed::Answered { status, reason, after, .. } if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            Outcome::Again(reason, after)
        }
        Failed::Answered { reason, .. } => Outcome::Remedy(format!("enrol: {reason}")),
    }
}

/// Shortens the time by up to a tenth, differently for each collector: collectors that start together do not renew together.
fn spread(every: Duration, collector: Uuid) -> Duration {
    let part = u32::from(collector.as_bytes()[15]);
    every - every / 10 * part / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewals_are_spread_over_a_tenth_of_the_time() {
        let day = Duration::from_secs(86_400);
        assert_eq!(spread(day, Uuid::from_u128(0)), day);
        let last = spread(day, Uuid::from_u128(255));
        assert!(last > day * 9 / 10 && last < day * 91 / 100, "{last:?}");
    }
}
