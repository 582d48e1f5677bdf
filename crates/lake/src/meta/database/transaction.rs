//! A transaction on either database.

use sqlx::postgres::{PgConnection, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::run::{Record, in_time, postgres, sqlite};
use super::statement::Statement;

/// A transaction. Rolled back if it is dropped before [`Transaction::commit`].
#[derive(Debug)]
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// The connection of a transaction.
enum Connection<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Transaction {
    fn on(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(transaction) => Connection::Sqlite(transaction),
            Self::Postgres(transaction) => Connection::Postgres(transaction),
        }
    }

    /// Runs a statement and returns all rows.
    pub(crate) async fn all<T: Record>(&mut self, statement: Statement) -> Result<Vec<T>, sqlx::Error> {
        match self.on() {
            Connection::Sqlite(connection) => sqlite::all(connection, statement).await,
            Connection::Postgres(connection) => in_time(postgres::all(connection, statement)).await,
        }
    }

    /// Runs a statement and returns its row, if there is one.
    pub(crate) async fn optional<T: Record>(&mut self, statement: Statement) -> Result<Option<T>, sqlx::Error> {
        match self.on() {
            Connection::Sqlite(connection) => sqlite::optional(connection, statement).await,
            Connection::Postgres(connection) => in_time(postgres::optional(connection, statement)).await,
        }
    }

    /// Runs a statement and returns its one row.
    pub(crate) async fn one<T: Record>(&mut self, statement: Statement) -> Result<T, sqlx::Error> {
        self.optional(statement).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Runs a statement and returns the number of changed rows.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, sqlx::Error> {
        match self.on() {
            Connection::Sqlite(connection) => sqlite::execute(connection, statement).await,
            Connection::Postgres(connection) => in_time(postgres::execute(connection, statement)).await,
        }
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => in_time(transaction.commit()).await,
        }
    }
}
