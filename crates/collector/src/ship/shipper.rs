//! Ships one batch, with what the collector shows for it.

use bytes::Bytes;
use pganalytics_views::enrol::code;
use reqwest::StatusCode;
use uuid::Uuid;

use super::client::{Certificate, Client};
use super::outcome::{Failed, Outcome};
use super::own_credential::OwnCredential;
use super::request::Requests;
use crate::config::{Config, Source, Token};
use crate::connect::secret::Secret;

/// Who ships.
#[derive(Debug)]
pub(crate) struct Shipper {
    requests: Requests,
    shown: Shown,
}

/// What requests show.
#[derive(Debug)]
enum Shown {
    Token(Source, &'static str),
    OwnCredential(Box<OwnCredential>),
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
            Token::OwnCredential { enrolment, rotate_every } => {
                Shown::OwnCredential(Box::new(OwnCredential::new(&config.spool.folder, collector, &config.name, enrolment, rotate_every)?))
            }
        };
        Ok(Self { requests: Requests { client, backend: config.backend.clone() }, shown })
    }

    /// The certificate that is shown.
    pub(crate) fn certificate(&self) -> Certificate {
        self.requests.client.certificate()
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
            match (self.requests.ship(body.clone(), &secret).await, &self.shown) {
                (Ok(()), _) => return Outcome::Committed,
                (Err(Failed::Answered { code, .. }), Shown::OwnCredential(own)) if code == code::CREDENTIAL_UNKNOWN && !again => {
                    if let Err(outcome) = own.enrol_anew(&self.requests).await {
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
            Shown::OwnCredential(own) => match own.examine(&self.requests).await? {
                Some(secret) => (secret, "this collector's own credential"),
                None => return Ok("the enrolment token; the collector enrols when it runs"),
            },
        };
        match self.requests.ship(Bytes::new(), &secret).await.map_err(|failed| self.outcome(failed)) {
            Ok(()) | Err(Outcome::Committed | Outcome::Refused(_)) => Ok(what),
            Err(outcome) => Err(outcome),
        }
    }

    async fn secret(&self, collector: Uuid) -> Result<Secret, Outcome> {
        match &self.shown {
            Shown::Token(source, key) => source.read(key).map_err(|error| Outcome::Remedy(format!("{error:#}"))),
            Shown::OwnCredential(own) => own.secret(&self.requests, collector).await,
        }
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
                Shown::OwnCredential(_) => Outcome::Remedy(reason),
                Shown::Token(..) if code == code::COLLECTOR_REVOKED => Outcome::Remedy(reason),
                Shown::Token(..) => Outcome::Remedy(format!(
                    "{reason}; the token in [backend] is not taken: make one with `pganalytics token create --kind collector`"
                )),
            },
            StatusCode::UNPROCESSABLE_ENTITY => {
                Outcome::Remedy(format!("{reason}; the backend does not know this view: upgrade it, or give it the same views folder"))
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                Outcome::Remedy(format!("{reason}; nothing takes batches at {}: check [backend] url", self.requests.url("/api/v1/ingest")))
            }
            _ => Outcome::Again(reason, after),
        }
    }
}
