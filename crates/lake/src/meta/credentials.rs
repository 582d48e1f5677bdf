//! Credentials of enrolled collectors. Each is bound to the id of its collector. Only hashes are stored.
//!
//! # Promise
//! - Enrolment is idempotent by the credential's hash. If an answer was lost, the collector asks again, and this does not use the token
//!   twice.
//! - A collector has one credential in use, and at most one new credential that it has not used yet. The first use of the new credential
//!   replaces the old one. So the credential on the collector's disk is valid at every moment of a rotation.
//! - A revoked collector ([`Meta::revoke_collector`]) can neither ship, rotate nor enrol until it is forgotten.
//!
//! # How
//! Each change locks the row of the token (for enrolment) and then the row of the collector. Replicas wait for each other at these locks,
//! so no two replicas can grant what may be granted only once.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::database::{Transaction, statement};
use super::error::MetaError;
use super::handle::Meta;
use super::time::micros;

/// The number of replaced credentials that are kept per collector, so that a request with one of them gets the error
/// [`CredentialError::Replaced`].
const REPLACED_KEPT: i64 = 4;

/// A valid credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub collector: Uuid,
    /// The collector's name.
    pub name: String,
    /// The stored hash. The caller compares it in constant time with the hash of the request.
    pub hash: Vec<u8>,
}

/// Why a credential is refused, or not issued.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("the credential does not exist")]
    Unknown,
    #[error("the credential was replaced by a newer one of the same collector")]
    Replaced,
    #[error("the collector was revoked")]
    CollectorRevoked,
    #[error("the collector is enrolled with another credential")]
    EnrolledOtherwise,
    #[error("the credential belongs to another collector")]
    Taken,
    #[error("the enrolment token does not exist")]
    TokenUnknown,
    #[error("the enrolment token expired at {0}")]
    TokenExpired(DateTime<Utc>),
    #[error("the enrolment token was revoked")]
    TokenRevoked,
    #[error("the enrolment token was used {0} times, the maximum")]
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
    /// Adds a new credential for the collector of a valid one. A repeated request with the same new credential succeeds again.
    ///
    /// # Errors
    /// If the current credential is not valid, or if the new one exists already and is replaced or belongs to another collector.
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

    /// Finds the valid credential with this hash. Its first use replaces the previous credential.
    ///
    /// # Errors
    /// If the credential is not valid. A first use that cannot be written (a full disk) is not an error.
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
            tracing::warn!(collector.id = %collector, error = %MetaError::from(error), "cannot record the first use of a credential");
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

/// Finds the credential with this hash, of any collector.
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
    /// Checks that the credential belongs to this collector and is not replaced.
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
