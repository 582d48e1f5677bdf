//! Opens the meta store: a SQLite file, or connections to a PostgreSQL server.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::Connection as _;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::address::DatabaseUrl;
use super::database::Database;
use super::handle::Meta;
use super::hosts::takes_writes;
use super::migrations::{self, SchemaState};
use super::remedy::explain;

/// The name of the SQLite file in the data folder.
pub(crate) const FILE: &str = "meta.db";
/// Reading connections beside SQLite's one writer. Reads are short, and SQLite serves them from the page cache.
const READERS: u32 = 4;
/// The size to which the write-ahead log is truncated after a large commit, in bytes.
const WAL_BYTES: &str = "67108864";
/// How long a statement on SQLite waits for a lock of another process, such as a backup or a person with sqlite3.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections of one replica to PostgreSQL. Three replicas use 30 of the 100 connections that a server allows by default.
const CONNECTIONS: u32 = 10;
/// How long a request waits for a connection. After that the request fails, and the collector or browser tries again.
const ACQUIRE: Duration = Duration::from_secs(5);
/// A connection that was idle this long is checked for writes before it is used: its server may have become a standby meanwhile.
const RESTED: Duration = Duration::from_secs(1);
/// How long the check of a connection may take. Shorter than [`ACQUIRE`], so that a request can still get another connection after one dead
/// connection.
const LOOK: Duration = Duration::from_secs(2);

impl Meta {
    /// Opens or creates the SQLite file in a folder, and migrates its schema.
    pub(crate) async fn open_folder(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("journal_size_limit", WAL_BYTES)
            .busy_timeout(BUSY_TIMEOUT);
        let keep = SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None);
        let writer = keep
            .clone()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .with_context(|| format!("cannot open the meta store {}", path.display()))?;
        migrations::sqlite().run(&writer).await.with_context(|| {
            format!("cannot migrate the meta store {}; a newer version of pgAnalytics may have written it", path.display())
        })?;
        let readers = keep.max_connections(READERS).connect_with(options.read_only(true).create_if_missing(false)).await;
        let readers = readers.with_context(|| format!("cannot open the meta store {} for reading", path.display()))?;
        Ok(Self::of(Database::Sqlite { writer, readers }))
    }

    /// Connects to a PostgreSQL server. Does not check the schema.
    ///
    /// # Errors
    /// If none of its hosts answers and accepts writes, or the server is older than 14. The error contains a remedy.
    pub(crate) async fn connect(url: &DatabaseUrl) -> anyhow::Result<Self> {
        let first = url.writable().await?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            // The check below has a timeout. The pool's own check waits as long as TCP does.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(in_time(async move {
                    if meta.idle_for < RESTED {
                        return connection.ping().await.map(|()| true);
                    }
                    takes_writes(connection).await
                }))
            })
            // A connection is also checked when it is released. It keeps its place in the pool until it has answered.
            .after_release(|connection, _| Box::pin(in_time(async move { connection.ping().await.map(|()| true) })))
            .connect_with(first)
            .await
            .map_err(explain)
            .with_context(|| format!("cannot connect to the meta store {url}"))?;
        url.follow(&pool);
        Ok(Self::of(Database::Postgres(pool)))
    }

    /// Opens the SQLite file in a folder for reading, without a migration. A backend may have it open at the same time.
    ///
    /// # Errors
    /// If there is no such file.
    pub(crate) async fn read_folder(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let options = SqliteConnectOptions::new().filename(&path).read_only(true).busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await;
        let pool = pool.with_context(|| format!("cannot open the meta store {}", path.display()))?;
        Ok(Self::of(Database::Sqlite { writer: pool.clone(), readers: pool }))
    }

    /// The state of the schema of a folder's store. Changes and creates nothing.
    ///
    /// # Errors
    /// If the file exists and is not a meta store.
    pub(crate) async fn schema_of_folder(folder: &Path) -> anyhow::Result<SchemaState> {
        if !folder.join(FILE).exists() {
            return Ok(migrations::nothing_yet());
        }
        let meta = Self::read_folder(folder).await?;
        let state = meta.schema().await;
        meta.close().await;
        state
    }
}

/// Ends the check of a connection after [`LOOK`] if the server does not answer: packets are lost, or its machine is gone.
async fn in_time(look: impl Future<Output = Result<bool, sqlx::Error>>) -> Result<bool, sqlx::Error> {
    tokio::time::timeout(LOOK, look).await.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}
