//! The history's version: every change has one, and versions become visible in their order.

use crate::meta::database::{Transaction, statement};
use crate::meta::{Meta, explain};

/// Where the history is.
#[derive(sqlx::FromRow)]
pub(crate) struct History {
    pub(crate) version: i64,
    /// Hot batches up to this id are in files.
    pub(crate) compacted: i64,
    /// Retired files up to this version are forgotten.
    pub(crate) purged: i64,
}

/// The history as a transaction sees it.
pub(crate) async fn read(transaction: &mut Transaction) -> anyhow::Result<History> {
    transaction.one(statement("select version, compacted, purged from history")).await.map_err(explain)
}

/// The newest version.
pub(crate) async fn version(meta: &Meta) -> anyhow::Result<i64> {
    let (version,): (i64,) = meta.database().one(statement("select version from history")).await.map_err(explain)?;
    Ok(version)
}

/// Takes the next version of the history, within the transaction of a change. No other change commits before this one.
pub(crate) async fn next_version(transaction: &mut Transaction) -> Result<i64, sqlx::Error> {
    let (version,): (i64,) = transaction.one(statement("update history set version = version + 1 returning version")).await?;
    Ok(version)
}
