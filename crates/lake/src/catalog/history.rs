//! The version of the history. Each change has a version, and versions become visible in order.

use crate::meta::database::{Transaction, statement};
use crate::meta::{Meta, explain};

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

/// Takes the next version of the history in the transaction of a change. Until that transaction ends, no other change can commit.
pub(crate) async fn next_version(transaction: &mut Transaction) -> Result<i64, sqlx::Error> {
    let (version,): (i64,) = transaction.one(statement("update history set version = version + 1 returning version")).await?;
    Ok(version)
}
