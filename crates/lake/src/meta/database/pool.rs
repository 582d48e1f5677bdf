//! SQLite and PostgreSQL behind one set of methods.

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

use super::run::{Record, in_time, postgres, sqlite};
use super::statement::Statement;
use super::transaction::Transaction;

/// Begins a transaction that may write. Replicas wait for each other's writes. If a replica is cut off or stopped within its transaction,
/// the server ends that transaction after this time, so that the other replicas do not wait longer.
const BEGIN_WRITING: &str = "begin; set local idle_in_transaction_session_timeout = '5s'";

/// The database: SQLite or PostgreSQL.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

impl Database {
    /// Runs a reading statement and returns all rows.
    pub(crate) async fn all<T: Record>(&self, statement: Statement) -> Result<Vec<T>, sqlx::Error> {
        match self {
            Self::Sqlite { readers, .. } => sqlite::all(readers, statement).await,
            Self::Postgres(pool) => in_time(postgres::all(pool, statement)).await,
        }
    }

    /// Runs a reading statement and returns its row, if there is one.
    pub(crate) async fn optional<T: Record>(&self, statement: Statement) -> Result<Option<T>, sqlx::Error> {
        match self {
            Self::Sqlite { readers, .. } => sqlite::optional(readers, statement).await,
            Self::Postgres(pool) => in_time(postgres::optional(pool, statement)).await,
        }
    }

    /// Runs a reading statement and returns its one row.
    pub(crate) async fn one<T: Record>(&self, statement: Statement) -> Result<T, sqlx::Error> {
        self.optional(statement).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Runs a changing statement in its own transaction and returns the number of changed rows.
    pub(crate) async fn execute(&self, statement: Statement) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite { writer, .. } => sqlite::execute(writer, statement).await,
            Self::Postgres(pool) => in_time(postgres::execute(pool, statement)).await,
        }
    }

    /// Runs a changing statement in its own transaction and returns its row, if there is one.
    pub(crate) async fn returning<T: Record>(&self, statement: Statement) -> Result<Option<T>, sqlx::Error> {
        match self {
            Self::Sqlite { writer, .. } => sqlite::optional(writer, statement).await,
            Self::Postgres(pool) => in_time(postgres::optional(pool, statement)).await,
        }
    }

    /// Begins a transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Transaction::Sqlite(writer.begin().await?),
            Self::Postgres(pool) => Transaction::Postgres(in_time(pool.begin_with(BEGIN_WRITING)).await?),
        })
    }

    /// Begins a reading transaction. All its statements see the same state.
    pub(crate) async fn begin_reading(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Transaction::Sqlite(readers.begin().await?),
            Self::Postgres(pool) => {
                Transaction::Postgres(in_time(pool.begin_with("begin isolation level repeatable read, read only")).await?)
            }
        })
    }

    /// Whether other processes use the database too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// SQL for the time of the database's clock, in microseconds. The clocks of replicas may differ; this clock is the same for all.
    pub(crate) fn clock(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "cast(unixepoch('subsec') * 1000000 as integer)",
            Self::Postgres(_) => "cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)",
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
