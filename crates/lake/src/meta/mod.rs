//! The meta store: users, sessions, tokens, collectors, servers, hot batches and the catalog of files.
//!
//! # Promise
//! What a method has returned is durable. The store is one SQLite file in the data folder, or a PostgreSQL that replicas share; the
//! statements are the same ([`database`]). Nothing here knows HTTP or how a hash is made.

mod address;
mod attempts;
mod collectors;
mod credentials;
pub(crate) mod database;
mod migrations;
mod servers;
mod sessions;
mod settings;
mod tokens;
mod users;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use address::{DatabaseUrl, DatabaseUrlError};
pub use attempts::Attempts;
pub(crate) use collectors::Progress;
pub use collectors::{Collector, CredentialState};
pub use credentials::{Applicant, Credential, CredentialError, Enrolled, Enrolment};
use database::{Database, statement};
pub use migrations::SchemaState;
pub(crate) use servers::Sighting;
pub use servers::{Server, ServerRole};
pub use sessions::Session;
pub use tokens::{NewToken, Token, TokenKind};
pub use users::{Credentials, User};

/// The name of the SQLite file in the data folder.
pub(crate) const FILE: &str = "meta.db";
/// Readers beside SQLite's one writer: reads are short, and SQLite serves them from the page cache.
const READERS: u32 = 4;
/// What the write-ahead log shrinks to after a large commit, in bytes.
const WAL_BYTES: &str = "67108864";
/// How long a statement on SQLite waits for another process (a backup, a person with sqlite3) to let go.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections of one replica to PostgreSQL: three replicas then take 30 of the 100 that a server has by default.
const CONNECTIONS: u32 = 10;
/// How long a request waits for a connection: a collector or a browser tries again sooner than it would wait longer.
const ACQUIRE: Duration = Duration::from_secs(5);
/// A connection that rested so long is looked at before it is used: its server may have become a standby meanwhile.
const RESTED: Duration = Duration::from_secs(1);
/// How long a connection may take to show that somebody is at its other end. Shorter than [`ACQUIRE`], so that a request outlives a look at a
/// dead one.
const LOOK: Duration = Duration::from_secs(2);

/// What a user or an API token may do; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Viewer,
    Editor,
    Admin,
}

impl Role {
    /// As written in the store and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        [Self::Viewer, Self::Editor, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or_else(|| UnknownWord { word: word.into(), known: "viewer, editor, admin" })
    }
}

/// A word that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is unknown; use one of {known}")]
pub struct UnknownWord {
    pub word: String,
    pub known: &'static str,
}

/// Why a change of the meta store was refused.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// A name is taken.
    #[error("a {what} '{name}' exists already; choose another name")]
    Exists { what: &'static str, name: String },
    /// The change would leave nobody who may administrate.
    #[error("'{0}' is the last enabled admin; make another user an admin first")]
    LastAdmin(String),
    /// The store itself failed.
    #[error("the meta store: {0:#}")]
    Store(anyhow::Error),
}

impl From<sqlx::Error> for MetaError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(explain(error))
    }
}

/// The meta store.
#[derive(Debug, Clone)]
pub struct Meta {
    database: Database,
}

impl Meta {
    /// Opens or creates the SQLite file in a folder and migrates it.
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
            .with_context(|| format!("open the meta store {}", path.display()))?;
        migrations::sqlite()
            .run(&writer)
            .await
            .with_context(|| format!("migrate the meta store {}; a newer version may have written it", path.display()))?;
        let readers = keep.max_connections(READERS).connect_with(options.read_only(true).create_if_missing(false)).await;
        let readers = readers.with_context(|| format!("open the meta store {} for reading", path.display()))?;
        Ok(Self { database: Database::Sqlite { writer, readers } })
    }

    /// Connects to a PostgreSQL, whatever its schema.
    ///
    /// # Errors
    /// When none of its hosts answers and takes writes, or it is older than 14; with what to do about it.
    pub(crate) async fn connect(url: &DatabaseUrl) -> anyhow::Result<Self> {
        let first = url.writable().await?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            // Looked at here, and in time: the pool's own look waits for as long as TCP does.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(in_time(async move {
                    if meta.idle_for < RESTED {
                        return connection.ping().await.map(|()| true);
                    }
                    takes_writes(connection).await
                }))
            })
            // A connection is also looked at when it is given back, and keeps its place in the pool until it has answered.
            .after_release(|connection, _| Box::pin(in_time(async move { connection.ping().await.map(|()| true) })))
            .connect_with(first)
            .await
            .map_err(explain)
            .with_context(|| format!("connect to the meta store {url}"))?;
        url.follow(&pool);
        Ok(Self { database: Database::Postgres(pool) })
    }

    /// Opens the SQLite file in a folder for reading, as it is; a backend may have it open.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn read_folder(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let options = SqliteConnectOptions::new().filename(&path).read_only(true).busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await;
        let pool = pool.with_context(|| format!("open the meta store {}", path.display()))?;
        Ok(Self { database: Database::Sqlite { writer: pool.clone(), readers: pool } })
    }

    /// How the schema of a folder's store stands, without changing or making anything.
    ///
    /// # Errors
    /// When the file is there and is no store.
    pub(crate) async fn schema_of_folder(folder: &Path) -> anyhow::Result<SchemaState> {
        if !folder.join(FILE).exists() {
            return Ok(migrations::nothing_yet());
        }
        let meta = Self::read_folder(folder).await?;
        let state = meta.schema().await;
        meta.close().await;
        state
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

/// Gives a look at a connection up where its other end says nothing: packets to it are lost, or its machine is gone.
async fn in_time(look: impl Future<Output = Result<bool, sqlx::Error>>) -> Result<bool, sqlx::Error> {
    tokio::time::timeout(LOOK, look).await.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// Whether a server takes writes: a standby does not, and neither does one set to read-only.
async fn takes_writes(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let read_only: bool = sqlx::query_scalar("select pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool")
        .fetch_one(connection)
        .await?;
    Ok(!read_only)
}

/// What to do about trouble with the store. It names no host, user or value, so whoever asked the backend may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remedy(pub(crate) &'static str);

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// The database's complaint with what to do about it, a [`Remedy`].
pub(crate) fn explain(error: sqlx::Error) -> anyhow::Error {
    let remedy = remedy(&error);
    let error = anyhow::Error::new(error);
    match remedy {
        Some(remedy) => error.context(remedy),
        None => error,
    }
}

/// What helps against a complaint of the database, where that is known.
pub(crate) fn remedy(error: &sqlx::Error) -> Option<Remedy> {
    let remedy = match error {
        sqlx::Error::Database(database) => {
            let code = database.code();
            let code = code.as_deref().unwrap_or_default();
            match code.parse::<i32>() {
                Ok(code) if code.to_string().len() < 5 => of_sqlite(code & 0xff),
                _ => of_postgres(code),
            }
        }
        sqlx::Error::PoolTimedOut => {
            Some("no connection to the meta store's PostgreSQL in time: is it up, and are its max_connections enough?")
        }
        sqlx::Error::Io(_) => Some("the meta store's PostgreSQL does not answer: is it up, and is the address right?"),
        sqlx::Error::Tls(_) => Some("TLS with the meta store's PostgreSQL failed: see sslmode and sslrootcert in the database URL"),
        _ => None,
    };
    remedy.map(Remedy)
}

fn of_sqlite(code: i32) -> Option<&'static str> {
    match code {
        13 => Some("the disk is full: free space in the data folder, shorten the retention, or grow the volume"),
        10 => Some("reading or writing the data folder failed (disk full, a file size limit, or a broken disk): see the system's log"),
        8 => Some("the data folder is read-only: mount it writable"),
        11 | 26 => Some("meta.db is damaged: restore the data folder from a backup"),
        _ => None,
    }
}

fn of_postgres(code: &str) -> Option<&'static str> {
    match code {
        "53100" => {
            Some("the meta store's PostgreSQL has no disk left: grow its volume; nothing is lost meanwhile, collectors keep their batches")
        }
        "25006" => Some("the meta store's PostgreSQL is read-only: name the primary, or all hosts with target_session_attrs=read-write"),
        "53300" => Some("the meta store's PostgreSQL has no connection left: raise max_connections"),
        "28P01" | "28000" => Some("the meta store's PostgreSQL does not take this user and password: see the database URL"),
        "3D000" => Some("the database does not exist: create it, or name another in the database URL"),
        "42501" => Some("the user lacks a right in the meta store's database: let it own the schema"),
        "42P01" | "42703" => Some("the meta store is not at this version: run pganalytics migrate"),
        "57P01" | "57P02" | "57P03" => Some("the meta store's PostgreSQL is stopping or starting; it is tried again"),
        _ => None,
    }
}

/// A time as the store holds it.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// A time from the store; one that no calendar has reads as the epoch.
pub(crate) fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
