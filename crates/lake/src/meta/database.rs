//! The database under the meta store: SQLite in the data folder of one process, or a PostgreSQL that several replicas share.
//!
//! # Promise
//! A statement is written once and means the same on both: `$n` for values, `on conflict`, `returning`, times as microseconds, columns
//! qualified where `excluded` stands beside them. What differs is a word or two, and stands here ([`Database::clock`]). A change is
//! durable when it returns: `synchronous=FULL` on SQLite, `synchronous_commit` on PostgreSQL.
//!
//! On SQLite there is one writer connection, so writes queue in this process and never meet `SQLITE_BUSY`; readers see the last commit.
//! Nothing waits without end on PostgreSQL: its own timeouts end a statement, and [`OPERATION`] one whose server no longer answers.

use std::time::Duration;

use bytes::Bytes;
use sqlx::postgres::{PgConnection, PgPool, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Executor, FromRow, SqlSafeStr, SqlStr};

/// The longest a statement may take here, beyond the server's own `statement_timeout`: its host may be gone.
const OPERATION: Duration = Duration::from_secs(40);

/// Begins a transaction that may write. Replicas wait for each other's writes, so one that was cut off or stopped in the middle of its own must
/// not keep the others waiting: the server ends it when it hears nothing for so long.
const BEGIN_WRITING: &str = "begin; set local idle_in_transaction_session_timeout = '5s'";

/// One of the two.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// A statement with its values.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    sql: SqlStr,
    values: Vec<Value>,
}

/// A value as both databases know it.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
    Bytes(Option<Bytes>),
}

/// A row that both databases can give.
pub(crate) trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Record for T {}

/// A statement without values yet.
pub(crate) fn statement(sql: impl SqlSafeStr) -> Statement {
    Statement { sql: sql.into_sql_str(), values: Vec::new() }
}

impl Statement {
    /// Gives the next `$n` its value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

/// The statement as one database's query.
macro_rules! bound {
    ($query:expr, $statement:expr) => {{
        let mut query = $query;
        for value in $statement.values {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::Bool(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value.map(Vec::from)),
            };
        }
        query
    }};
}

/// Defines how one database runs statements, on whatever runs them.
macro_rules! runs {
    ($module:ident, $database:ty) => {
        mod $module {
            use super::*;

            pub(super) async fn all<'c, T: Record>(
                on: impl Executor<'c, Database = $database>,
                statement: Statement,
            ) -> Result<Vec<T>, sqlx::Error> {
                bound!(sqlx::query_as::<$database, T>(statement.sql), statement).fetch_all(on).await
            }

            pub(super) async fn optional<'c, T: Record>(
                on: impl Executor<'c, Database = $database>,
                statement: Statement,
            ) -> Result<Option<T>, sqlx::Error> {
                bound!(sqlx::query_as::<$database, T>(statement.sql), statement).fetch_optional(on).await
            }

            pub(super) async fn execute<'c>(on: impl Executor<'c, Database = $database>, statement: Statement) -> Result<u64, sqlx::Error> {
                Ok(bound!(sqlx::query::<$database>(statement.sql), statement).execute(on).await?.rows_affected())
            }
        }
    };
}

runs!(sqlite, Sqlite);
runs!(postgres, Postgres);

/// Ends what no longer ends by itself.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(OPERATION, work).await {
        Ok(done) => done,
        Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("the database did not answer within {} s", OPERATION.as_secs()),
        ))),
    }
}

impl Database {
    /// All rows of a reading statement.
    pub(crate) async fn all<T: Record>(&self, statement: Statement) -> Result<Vec<T>, sqlx::Error> {
        match self {
            Self::Sqlite { readers, .. } => sqlite::all(readers, statement).await,
            Self::Postgres(pool) => in_time(postgres::all(pool, statement)).await,
        }
    }

    /// The row of a reading statement, if there is one.
    pub(crate) async fn optional<T: Record>(&self, statement: Statement) -> Result<Option<T>, sqlx::Error> {
        match self {
            Self::Sqlite { readers, .. } => sqlite::optional(readers, statement).await,
            Self::Postgres(pool) => in_time(postgres::optional(pool, statement)).await,
        }
    }

    /// The one row of a reading statement.
    pub(crate) async fn one<T: Record>(&self, statement: Statement) -> Result<T, sqlx::Error> {
        self.optional(statement).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Runs a changing statement by itself; how many rows it changed.
    pub(crate) async fn execute(&self, statement: Statement) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite { writer, .. } => sqlite::execute(writer, statement).await,
            Self::Postgres(pool) => in_time(postgres::execute(pool, statement)).await,
        }
    }

    /// Runs a changing statement by itself and answers the row it returns, if any.
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

    /// Begins a transaction that reads one moment.
    pub(crate) async fn begin_reading(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Transaction::Sqlite(readers.begin().await?),
            Self::Postgres(pool) => {
                Transaction::Postgres(in_time(pool.begin_with("begin isolation level repeatable read, read only")).await?)
            }
        })
    }

    /// Whether other processes work on it too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// SQL for the microseconds of the database's own clock: replicas' clocks may differ, and this one is the same for all.
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

/// A transaction; dropped before [`Transaction::commit`], nothing of it happened.
#[derive(Debug)]
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// What a transaction runs on.
enum On<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Transaction {
    fn on(&mut self) -> On<'_> {
        match self {
            Self::Sqlite(transaction) => On::Sqlite(transaction),
            Self::Postgres(transaction) => On::Postgres(transaction),
        }
    }

    /// All rows.
    pub(crate) async fn all<T: Record>(&mut self, statement: Statement) -> Result<Vec<T>, sqlx::Error> {
        match self.on() {
            On::Sqlite(connection) => sqlite::all(connection, statement).await,
            On::Postgres(connection) => in_time(postgres::all(connection, statement)).await,
        }
    }

    /// The row, if there is one.
    pub(crate) async fn optional<T: Record>(&mut self, statement: Statement) -> Result<Option<T>, sqlx::Error> {
        match self.on() {
            On::Sqlite(connection) => sqlite::optional(connection, statement).await,
            On::Postgres(connection) => in_time(postgres::optional(connection, statement)).await,
        }
    }

    /// The one row.
    pub(crate) async fn one<T: Record>(&mut self, statement: Statement) -> Result<T, sqlx::Error> {
        self.optional(statement).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// How many rows it changed.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, sqlx::Error> {
        match self.on() {
            On::Sqlite(connection) => sqlite::execute(connection, statement).await,
            On::Postgres(connection) => in_time(postgres::execute(connection, statement)).await,
        }
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => in_time(transaction.commit()).await,
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(Some(value))
    }
}

impl From<Option<bool>> for Value {
    fn from(value: Option<bool>) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(Some(Bytes::copy_from_slice(value)))
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self::Bytes(Some(value))
    }
}
