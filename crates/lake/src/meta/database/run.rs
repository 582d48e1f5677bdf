//! Runs statements on each of the two databases.

use std::time::Duration;

use sqlx::postgres::{PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Executor, FromRow};

use super::statement::{Statement, Value};

/// The longest time that this process waits for a statement. Longer than the server's `statement_timeout`, for a host that is gone.
const OPERATION: Duration = Duration::from_secs(40);

/// A row that both databases can return.
pub(crate) trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Record for T {}

/// Makes a query for one database from a statement.
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

/// Defines the functions that run statements on one database, on a pool or a connection.
macro_rules! runs {
    ($module:ident, $database:ty) => {
        pub(super) mod $module {
            use super::*;

            pub(in super::super) async fn all<'c, T: Record>(
                on: impl Executor<'c, Database = $database>,
                statement: Statement,
            ) -> Result<Vec<T>, sqlx::Error> {
                bound!(sqlx::query_as::<$database, T>(statement.sql), statement).fetch_all(on).await
            }

            pub(in super::super) async fn optional<'c, T: Record>(
                on: impl Executor<'c, Database = $database>,
                statement: Statement,
            ) -> Result<Option<T>, sqlx::Error> {
                bound!(sqlx::query_as::<$database, T>(statement.sql), statement).fetch_optional(on).await
            }

            pub(in super::super) async fn execute<'c>(
                on: impl Executor<'c, Database = $database>,
                statement: Statement,
            ) -> Result<u64, sqlx::Error> {
                Ok(bound!(sqlx::query::<$database>(statement.sql), statement).execute(on).await?.rows_affected())
            }
        }
    };
}

runs!(sqlite, Sqlite);
runs!(postgres, Postgres);

/// Fails if the work takes longer than [`OPERATION`].
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(OPERATION, work).await {
        Ok(done) => done,
        Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("the database did not answer within {} s", OPERATION.as_secs()),
        ))),
    }
}
