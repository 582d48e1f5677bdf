//! Ships one batch with the token or credential of the collector.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use pganalytics_views::enrol::code;
use pganalytics_views::wire::Limits;
use reqwest::StatusCode;
use uuid::Uuid;

use super::acknowledgement::Acknowledgement;
use super::client::{Certificate, Client};
use super::outcome::{Failed, Outcome};
use super::own_credential::OwnCredential;
use super::request::Requests;
use super::spool::Oldest;
use crate::config::{Config, Source, Token};
use crate::connect::secret::Secret;

/// Ships batches to the backend.
#[derive(Debug)]
pub(crate) struct Shipper {
    requests: Requests,
    shown: Shown,
    /// The views and columns that the backend does not know, and that are logged already.
    unknown: Mutex<BTreeSet<String>>,
}

/// The secret of requests: a token, or the collector's own credential.
#[derive(Debug)]
enum Shown {
    Token(Source, &'static str),
    OwnCredential(Box<OwnCredential>),
}

impl Shipper {
    /// Makes a shipper for the spool with this identity.
    ///
    /// # Errors
    /// If the collector's credential cannot be read.
    pub(crate) fn new(config: &Config, client: Client, collector: Uuid) -> anyhow::Result<Self> {
        let shown = match config.backend.token.clone() {
            Token::Given(token) => Shown::Token(Source::Given(token), "token"),
            Token::File(file) => Shown::Token(Source::File(file), "token_file"),
            Token::OwnCredential { enrolment, rotate_every } => {
                Shown::OwnCredential(Box::new(OwnCredential::new(&config.spool.folder, collector, &config.name, enrolment, rotate_every)?))
            }
        };
        Ok(Self { requests: Requests { client, backend: config.backend.clone() }, shown, unknown: Mutex::default() })
    }

    /// The figures of the client certificate.
    pub(crate) fn certificate(&self) -> Certificate {
        self.requests.client.certificate()
    }

    /// Checks that requests have a secret, while there is nothing to ship. A collector that is not enrolled enrols.
    pub(crate) async fn ready(&self, collector: Uuid) -> Result<(), Outcome> {
        self.secret(collector).await.map(drop)
    }

    /// Ships the oldest batch.
    pub(crate) async fn ship(&self, oldest: &Oldest) -> Outcome {
        let (body, collector) = (&oldest.body, oldest.collector);
        for again in [false, true] {
            let secret = match self.secret(collector).await {
                Ok(secret) => secret,
                Err(outcome) => return outcome,
            };
            match (self.requests.ship(body.clone(), oldest.waited(), &secret).await, &self.shown) {
                (Ok(acknowledgement), _) => {
                    self.note_unknown(&acknowledgement.unknown);
                    return judge(oldest, &acknowledgement);
                }
                (Err(Failed::Answered { code, .. }), Shown::OwnCredential(own)) if code == code::CREDENTIAL_UNKNOWN && !again => {
                    if let Err(outcome) = own.enrol_anew(&self.requests).await {
                        return outcome;
                    }
                }
                (Err(failed), _) => return self.outcome(failed),
            }
        }
        Outcome::Again("the backend does not know the credential that it has just accepted".into(), None)
    }

    /// Logs each view and column once that the backend does not know.
    fn note_unknown(&self, unknown: &[String]) {
        let mut logged = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        for what in unknown {
            if logged.insert(what.clone()) {
                tracing::warn!(
                    unknown = what,
                    "the backend does not know a view or column, and keeps its rows for a newer one: upgrade the backend, or give it the same views \
                     folder"
                );
            }
        }
    }

    /// Checks that the backend answers and accepts the secret, without changing anything: the backend must refuse an empty body as a bad
    /// batch. Returns a description of the accepted secret.
    pub(crate) async fn ask(&self) -> Result<&'static str, Outcome> {
        let (secret, what) = match &self.shown {
            Shown::Token(..) => (self.secret(Uuid::nil()).await?, "the token"),
            Shown::OwnCredential(own) => match own.examine(&self.requests).await? {
                Some(secret) => (secret, "the collector's own credential"),
                None => return Ok("the enrolment token; the collector enrols when it runs"),
            },
        };
        match self.requests.ship(Bytes::new(), None, &secret).await {
            Ok(_) => {
                Err(Outcome::Again("an empty body was acknowledged as a batch: something other than the backend answers".into(), None))
            }
            Err(failed) => match self.outcome(failed) {
                Outcome::Refused(_) => Ok(what),
                outcome => Err(outcome),
            },
        }
    }

    /// How far this machine's clock is ahead of the backend's, in microseconds, if the backend states its time.
    pub(crate) async fn skew_us(&self) -> Option<i64> {
        self.requests.skew_us().await
    }

    async fn secret(&self, collector: Uuid) -> Result<Secret, Outcome> {
        match &self.shown {
            Shown::Token(source, key) => source.read(key).map_err(|error| Outcome::Remedy(format!("{error:#}"))),
            Shown::OwnCredential(own) => own.secret(&self.requests, collector).await,
        }
    }

    /// The outcome for a batch after a failed request.
    fn outcome(&self, failed: Failed) -> Outcome {
        let (status, code, reason, after) = match failed {
            Failed::Unreached(reason) | Failed::Strange(reason) => return Outcome::Again(reason, None),
            Failed::Answered { status, code, reason, after } => (status, code, reason, after),
        };
        match status {
            StatusCode::BAD_REQUEST if code == code::BAD_BATCH => Outcome::Refused(reason),
            StatusCode::PAYLOAD_TOO_LARGE if code == code::TOO_LARGE => Outcome::Refused(reason),
            // A proxy refuses the batch. Its size limit may be raised.
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE if code.is_empty() => Outcome::Remedy(format!(
                "{reason}; the answer does not come from the backend: let the proxies in front of it pass bodies of {} MiB unchanged",
                Limits::default().encoded >> 20
            )),
            // The reason includes the remedy.
            StatusCode::CONFLICT => Outcome::Remedy(reason),
            // The collector has no credential for the identity of this batch, and never will.
            StatusCode::FORBIDDEN if code == code::FOREIGN_COLLECTOR => Outcome::Refused(reason),
            StatusCode::FORBIDDEN if code == code::CERTIFICATE_REQUIRED => Outcome::Remedy(format!(
                "{reason}; the backend requires a client certificate in addition to the token: set [backend] cert_file and key_file to a \
                 certificate that it trusts"
            )),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match self.shown {
                // The reason includes the remedy.
                Shown::OwnCredential(_) => Outcome::Remedy(reason),
                Shown::Token(..) if [code::COLLECTOR_REVOKED, code::COLLECTOR_ENROLLED, code::COLLECTOR_BOUND].contains(&code.as_str()) => {
                    Outcome::Remedy(reason)
                }
                Shown::Token(..) => Outcome::Remedy(format!(
                    "{reason}; the backend does not accept the token in [backend]: create one with `pganalytics token create --kind \
                     collector`"
                )),
            },
            StatusCode::UNPROCESSABLE_ENTITY => Outcome::Remedy(format!(
                "{reason}; the backend does not know this view: upgrade the backend, or use the same folder of views on both sides"
            )),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Outcome::Remedy(format!(
                "{reason}; no service accepts batches at {}: check [backend] url",
                self.requests.url("/api/v1/ingest")
            )),
            _ => Outcome::Again(reason, after),
        }
    }
}

/// Checks that an acknowledgement is for this batch and is plausible.
fn judge(oldest: &Oldest, acknowledgement: &Acknowledgement) -> Outcome {
    let Acknowledgement { collector, sequence, duplicate, mark, .. } = *acknowledgement;
    if (collector, sequence) != (oldest.collector, oldest.sequence) {
        let (own, number) = (oldest.collector, oldest.sequence);
        return Outcome::Again(
            format!("the backend acknowledged batch {sequence} of collector {collector} instead of batch {number} of collector {own}"),
            None,
        );
    }
    match mark.filter(|mark| duplicate && oldest.cannot_be_below(*mark)) {
        None => Outcome::Committed,
        Some(mark) => Outcome::Remedy(format!(
            "the backend has committed batch {mark} of this collector, but this collector never shipped it: another process ships as \
             {collector} (a copied spool, or someone else with the shared token); find that process, then run: pganalytics collector \
             reset-mark {collector} {}",
            sequence.saturating_sub(1)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oldest(is_new: bool) -> Oldest {
        let closed = is_new.then(crate::clock::since_boot);
        Oldest { collector: Uuid::from_u128(1), sequence: 5, rows: 1, body: Bytes::new(), closed, next: 8 }
    }

    fn acknowledgement(duplicate: bool, mark: Option<u64>) -> Acknowledgement {
        Acknowledgement { collector: Uuid::from_u128(1), sequence: 5, duplicate, mark, unknown: Vec::new() }
    }

    #[test]
    fn a_batch_leaves_the_spool_only_after_its_own_acknowledgement() {
        for (duplicate, mark) in [(false, None), (true, None)] {
            assert_eq!(judge(&oldest(true), &acknowledgement(duplicate, mark)), Outcome::Committed);
        }
        let other = Acknowledgement { collector: Uuid::from_u128(2), ..acknowledgement(false, None) };
        assert!(matches!(judge(&oldest(true), &other), Outcome::Again(..)));
        let other = Acknowledgement { sequence: 4, ..acknowledgement(false, None) };
        assert!(matches!(judge(&oldest(true), &other), Outcome::Again(..)));
    }

    #[test]
    fn a_duplicate_below_a_mark_of_another_process_stays_in_the_spool() {
        let outcome = judge(&oldest(true), &acknowledgement(true, Some(6)));
        assert!(matches!(&outcome, Outcome::Remedy(reason) if reason.contains("reset-mark") && reason.ends_with(" 4")), "{outcome:?}");
        assert!(matches!(judge(&oldest(false), &acknowledgement(true, Some(8))), Outcome::Remedy(_)));
        // After a crash the spool may still hold a batch that the previous run has shipped.
        assert_eq!(judge(&oldest(false), &acknowledgement(true, Some(7))), Outcome::Committed);
    }
}
