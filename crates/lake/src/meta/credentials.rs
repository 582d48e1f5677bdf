//! Credentials: what an enrolled collector ships with, each bound to that collector's id. Only hashes come here.
//!
//! # Promise
//! - Enrolling is idempotent by the credential's hash: an answer that was lost is asked for again, and costs the token no second use.
//! - A collector has one credential, and beside it at most one that it has not used yet. The first use of the new one replaces the other, so
//!   that at every moment of a rotation what the collector has on disk is good.
//! - Who is shut out ([`Meta::revoke_collector`]) neither ships, rotates nor enrols until it is forgotten.
//!
//! # How
//! Each change locks the token's row (enrolling) and then the collector's, so that replicas wait for each other here and no two grant what
//! one may.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::database::{Transaction, statement};
use super::error::MetaError;
use super::handle::Meta;
use super::time::micros;

/// Replaced credentials that are kept of a collector, so that one of them is told what it is.
const REPLACED_KEPT: i64 = 4;

/// A credential that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub collector: Uuid,
    /// The collector's name.
    pub name: String,
    /// As stored, to be compared with what was shown in constant time.
    pub hash: Vec<u8>,
}

/// Why a credential is not taken, or not given.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("no such credential")]
    Unknown,
    #[error("the credential was replaced by a newer one of the same collector")]
    Replaced,
    #[error("the collector was revoked")]
    CollectorRevoked,
    #[error("the collector is enrolled with another credential")]
    EnrolledOtherwise,
    #[error("the credential is another collector's")]
    Taken,
    #[error("no such enrolment token")]
    TokenUnknown,
    #[error("the enrolment token expired at {0}")]
    TokenExpired(DateTime<Utc>),
    #[error("the enrolment token was revoked")]
    TokenRevoked,
    #[error("the enrolment token was used {0} times, as often as it may be")]
    TokenUsedUp(u64),
    #[error(transparent)]
    Store(#[from] MetaError),
}

impl From<sqlx::Error> for CredentialError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Meta {
    /// Gives the collector of a good credential a fresh one beside it. Asked again with the same one it says yes again.
    ///
    /// # Errors
    /// When the current one is not good, or the fresh one is somebody's.
    pub async fn rotate_credential(&self, current: &Credential, fresh: &[u8], now: DateTime<Utc>) -> Result<(), CredentialError> {
        let id = current.collector.as_bytes().as_slice();
        let mut transaction = self.database().begin().await?;
        let lock = statement("update collectors set revoked = revoked where id = $1 returning revoked").bind(id);
        let locked: Option<(Option<i64>,)> = transaction.optional(lock).await?;
        if matches!(locked, Some((Some(_),))) {
            return Err(CredentialError::CollectorRevoked);
        }
        find(&mut transaction, &current.hash).await?.ok_or(CredentialError::Unknown)?.is_of(current.collector)?;
        if let Some(known) = find(&mut transaction, fresh).await? {
            return known.is_of(current.collector);
        }
        let unused = statement("delete from credentials where collector = $1 and used is null and replaced is null and hash <> $2");
        transaction.execute(unused.bind(id).bind(current.hash.as_slice())).await?;
        let old = statement(
            "delete from credentials where collector = $1 and replaced is not null and hash not in (
                 select kept.hash from credentials kept where kept.collector = $1 and kept.replaced is not null
                 order by kept.replaced desc, kept.hash limit $2)",
        );
        transaction.execute(old.bind(id).bind(REPLACED_KEPT)).await?;
        insert(&mut transaction, fresh, current.collector, None, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The credential of this hash. Its first use replaces the one before.
    ///
    /// # Errors
    /// When it is not good. That a first use cannot be written (a full disk) is no reason to refuse it.
    pub async fn credential(&self, hash: &[u8], now: DateTime<Utc>) -> Result<Credential, CredentialError> {
        let select = statement(
            "select credentials.hash, credentials.collector, credentials.used, credentials.replaced, collectors.name, collectors.revoked
             from credentials join collectors on collectors.id = credentials.collector where credentials.hash = $1",
        );
        let found: Option<CredentialRow> = self.database().optional(select.bind(hash)).await?;
        let found = found.ok_or(CredentialError::Unknown)?;
        match (found.revoked, found.replaced) {
            (Some(_), _) => return Err(CredentialError::CollectorRevoked),
            (None, Some(_)) => return Err(CredentialError::Replaced),
            (None, None) => {}
        }
        let collector = uuid(&found.collector)?;
        if found.used.is_none()
            && let Err(error) = self.note_first_use(&found, now).await
        {
            tracing::warn!(collector.id = %collector, error = %MetaError::from(error), "note the first use of a credential");
        }
        Ok(Credential { collector, name: found.name, hash: found.hash })
    }

    async fn note_first_use(&self, credential: &CredentialRow, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        let mut transaction = self.database().begin().await?;
        let (id, hash) = (credential.collector.as_slice(), credential.hash.as_slice());
        let lock = statement("update collectors set revoked = revoked where id = $1").bind(id);
        transaction.execute(lock).await?;
        let used = statement("update credentials set used = $2 where hash = $1 and used is null").bind(hash).bind(micros(now));
        if transaction.execute(used).await? > 0 {
            let others = statement(
                "update credentials set replaced = $3 where collector = $1 and hash <> $2 and used is not null and replaced is null",
            );
            transaction.execute(others.bind(id).bind(hash).bind(micros(now))).await?;
        }
        transaction.commit().await
    }
}

/// The credential of a hash, whoever has it.
pub(super) async fn find(transaction: &mut Transaction, hash: &[u8]) -> Result<Option<StoredCredential>, sqlx::Error> {
    transaction.optional(statement("select collector, replaced from credentials where hash = $1").bind(hash)).await
}

/// Adds a credential that is not used yet.
pub(super) async fn insert(
    transaction: &mut Transaction,
    hash: &[u8],
    collector: Uuid,
    token: Option<i64>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let insert = statement("insert into credentials (hash, collector, token, created) values ($1, $2, $3, $4)");
    let insert = insert.bind(hash).bind(collector.as_bytes().as_slice()).bind(token).bind(micros(now));
    transaction.execute(insert).await.map(drop)
}

fn uuid(bytes: &[u8]) -> Result<Uuid, MetaError> {
    Uuid::from_slice(bytes).map_err(|error| MetaError::Store(error.into()))
}

#[derive(sqlx::FromRow)]
pub(super) struct StoredCredential {
    collector: Vec<u8>,
    replaced: Option<i64>,
}

impl StoredCredential {
    /// Whether it is this collector's, and the newest.
    pub(super) fn is_of(&self, collector: Uuid) -> Result<(), CredentialError> {
        match self.replaced {
            _ if uuid(&self.collector)? != collector => Err(CredentialError::Taken),
            Some(_) => Err(CredentialError::Replaced),
            None => Ok(()),
        }
    }
}

#[derive(sqlx::FromRow)]
struct CredentialRow {
    hash: Vec<u8>,
    collector: Vec<u8>,
    used: Option<i64>,
    replaced: Option<i64>,
    name: String,
    revoked: Option<i64>,
}
