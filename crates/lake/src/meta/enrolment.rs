//! Enrolment: a collector presents a token, or another system vouches for it. From then on its own credential is valid.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::credentials::{CredentialError, find, insert};
use super::database::statement;
use super::handle::Meta;
use super::time::micros;
use super::tokens::{COLUMNS, Row as TokenRow};

/// The proof that a collector may be enrolled. Each kind of proof is a variant here and a check in the server.
#[derive(Debug, Clone, Copy)]
pub enum Enrolment<'a> {
    /// The hash of an enrolment token. An enrolment uses the token once.
    Token(&'a [u8]),
    /// The name of an identity that another system has confirmed to the server, such as a Kubernetes ServiceAccount. No use is counted.
    Vouched(&'a str),
}

/// The result of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Whether the collector was already enrolled with the same credential, so that nothing changed.
    pub again: bool,
    /// The name of the token or identity, for the log.
    pub by: String,
}

/// A collector that asks to be enrolled: its id, its name, its version, and the hash of the credential that it created.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    pub collector: Uuid,
    pub name: &'a str,
    pub version: &'a str,
    pub hash: &'a [u8],
}

impl Meta {
    /// Enrols a collector. With `dry_run`, only checks whether it could be enrolled.
    ///
    /// # Errors
    /// If the token, the collector's id or the credential's hash cannot be used, or if the store fails.
    pub async fn enrol(
        &self,
        by: Enrolment<'_>,
        applicant: Applicant<'_>,
        now: DateTime<Utc>,
        dry_run: bool,
    ) -> Result<Enrolled, CredentialError> {
        let mut transaction = self.database().begin().await?;
        let (token, by) = match by {
            Enrolment::Token(hash) => {
                // Changes nothing, but locks the row.
                let lock = statement(sqlx::AssertSqlSafe(format!(
                    "update tokens set uses = uses where hash = $1 and uses is not null returning {COLUMNS}"
                )));
                let token = transaction.optional::<TokenRow>(lock.bind(hash)).await?.ok_or(CredentialError::TokenUnknown)?.token()?;
                let name = token.name.clone();
                (Some(token), name)
            }
            Enrolment::Vouched(name) => (None, name.to_owned()),
        };
        let id = applicant.collector.as_bytes().as_slice();
        let seen = statement(
            "insert into collectors (id, name, version, first_seen, last_seen, sequence, rows, dropped_rows)
             values ($1, $2, $3, $4, $4, 0, 0, 0)
             on conflict (id) do update set name = excluded.name, version = excluded.version, last_seen = excluded.last_seen
             returning revoked",
        );
        let seen = seen.bind(id).bind(applicant.name).bind(applicant.version).bind(micros(now));
        let (revoked,): (Option<i64>,) = transaction.one(seen).await?;
        if revoked.is_some() {
            return Err(CredentialError::CollectorRevoked);
        }
        if let Some(known) = find(&mut transaction, applicant.hash).await? {
            known.is_of(applicant.collector)?;
            return Ok(Enrolled { again: true, by });
        }
        let others = statement("select count(*) from credentials where collector = $1 and replaced is null").bind(id);
        let (others,): (i64,) = transaction.one(others).await?;
        if others > 0 {
            return Err(CredentialError::EnrolledOtherwise);
        }
        if let Some(token) = &token {
            match (token.revoked, token.expires, token.max_uses) {
                (Some(_), ..) => return Err(CredentialError::TokenRevoked),
                (None, Some(expires), _) if expires <= now => return Err(CredentialError::TokenExpired(expires)),
                (None, _, Some(max)) if token.uses.unwrap_or_default() >= max => return Err(CredentialError::TokenUsedUp(max)),
                _ => {}
            }
        }
        if dry_run {
            return Ok(Enrolled { again: false, by });
        }
        if let Some(token) = &token {
            let used = statement("update tokens set uses = uses + 1, last_used = $2 where id = $1").bind(token.id).bind(micros(now));
            transaction.execute(used).await?;
        }
        insert(&mut transaction, applicant.hash, applicant.collector, token.map(|token| token.id), now).await?;
        transaction.commit().await?;
        Ok(Enrolled { again: false, by })
    }
}
