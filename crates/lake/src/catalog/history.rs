//! The version of the history. Each change has a version, and versions become visible in order.

use chrono::{DateTime, Utc};

use crate::meta::database::{Transaction, statement};
use crate::meta::{Meta, explain, time};

/// The state of the history.
#[derive(sqlx::FromRow)]
pub(crate) struct History {
    pub(crate) version: i64,
    /// Batches up to this id are in files.
    pub(crate) compacted: i64,
    /// Files retired up to this version are deleted from the catalog.
    pub(crate) purged: i64,
}

/// The state of the history as the transaction sees it.
pub(crate) async fn read(transaction: &mut Transaction) -> anyhow::Result<History> {
    transaction.one(statement("select version, compacted, purged from history")).await.map_err(explain)
}

/// The newest version.
pub(crate) async fn version(meta: &Meta) -> anyhow::Result<i64> {
    let (version,): (i64,) = meta.database().one(statement("select version from history")).await.map_err(explain)?;
    Ok(version)
}

/// As [`next_version`], also with the store's time in microseconds, without another request. `clock` is the SQL for that time.
pub(crate) async fn next_version_at(transaction: &mut Transaction, clock: &str) -> Result<(i64, DateTime<Utc>), sqlx::Error> {
    let sql = sqlx::AssertSqlSafe(format!("update history set version = version + 1 returning version, {clock}"));
    let (version, now): (i64, i64) = transaction.one(statement(sql)).await?;
    Ok((version, time(now)))
}

/// Takes the next version of the history in the transaction of a change. Until that transaction ends, no other change can commit.
pub(crate) async fn next_version(transaction: &mut Transaction) -> Result<i64, sqlx::Error> {
    let (version,): (i64,) = transaction.one(statement("update history set version = version + 1 returning version")).await?;
    Ok(version)
}
