//! The handle of the meta store. Clones share one store.

use chrono::{DateTime, Utc};

use super::database::{Database, statement};
use super::error::MetaError;
use super::migrations::{self, SchemaState};
use super::remedy::explain;
use super::time::time;

/// The meta store.
#[derive(Debug, Clone)]
pub struct Meta {
    database: Database,
}

impl Meta {
    pub(super) fn of(database: Database) -> Self {
        Self { database }
    }

    /// The schema of the store, compared with this version.
    ///
    /// # Errors
    /// If the store does not answer.
    pub(crate) async fn schema(&self) -> anyhow::Result<SchemaState> {
        migrations::state(&self.database).await
    }

    /// Migrates the schema of a shared store to this version. If several processes migrate at once, one works and the others wait.
    ///
    /// # Errors
    /// If the store refuses, or is newer than this version.
    pub(crate) async fn migrate(&self) -> anyhow::Result<()> {
        migrations::run(&self.database).await
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The current time. A shared store's clock is used, so that the clocks of replicas need not agree; otherwise the clock of this
    /// process.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn now(&self) -> Result<DateTime<Utc>, MetaError> {
        if !self.database.is_shared() {
            return Ok(Utc::now());
        }
        let sql = sqlx::AssertSqlSafe(format!("select {}", self.database.clock()));
        let (now,): (i64,) = self.database.one(statement(sql)).await?;
        Ok(time(now))
    }

    /// Checks that the store answers, for readiness.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        let (_,): (i64,) = self.database.one(statement("select version from history")).await.map_err(explain)?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}
