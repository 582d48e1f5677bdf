//! The meta store as its users hold it: clones share one.

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

    /// How the schema of the store stands beside what this version knows.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn schema(&self) -> anyhow::Result<SchemaState> {
        migrations::state(&self.database).await
    }

    /// Brings the schema of a shared store to this version. Several may ask at once: one works, the others wait for it.
    ///
    /// # Errors
    /// When the store refuses, or is newer than this version.
    pub(crate) async fn migrate(&self) -> anyhow::Result<()> {
        migrations::run(&self.database).await
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The moment by the store's own clock where replicas share it, so that their clocks need not agree; else by this process's.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn now(&self) -> Result<DateTime<Utc>, MetaError> {
        if !self.database.is_shared() {
            return Ok(Utc::now());
        }
        let sql = sqlx::AssertSqlSafe(format!("select {}", self.database.clock()));
        let (now,): (i64,) = self.database.one(statement(sql)).await?;
        Ok(time(now))
    }

    /// Readiness: the store answers.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        let (_,): (i64,) = self.database.one(statement("select version from history")).await.map_err(explain)?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}
