//! The meta store: one SQLite file with users, sessions, tokens, collectors, servers, hot batches and the catalog of files.
//!
//! # Promise
//! What a method has returned is on disk (WAL, `synchronous=FULL`). There is one writer connection, so writes queue in this process
//! and never meet `SQLITE_BUSY`; readers see the last commit. Nothing here knows HTTP or how a hash is made.

mod collectors;
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
use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

pub use collectors::Collector;
pub(crate) use collectors::Progress;
pub(crate) use servers::Sighting;
pub use servers::{Server, ServerRole};
pub use sessions::Session;
pub use tokens::{NewToken, Token, TokenKind};
pub use users::{Credentials, User};

/// The name of the SQLite file in the data folder.
pub(crate) const FILE: &str = "meta.db";
/// Readers beside the one writer: reads are short, and SQLite serves them from the page cache.
const READERS: u32 = 4;
/// What the write-ahead log shrinks to after a large commit, in bytes.
const WAL_BYTES: &str = "67108864";
/// How long a statement waits for another process (a backup, a person with sqlite3) to let go.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Migrations, oldest first; append only, and each works while the version before still runs.
const MIGRATIONS: &[(i64, &str, &str)] =
    &[(1, "initial", include_str!("../../migrations/0001_initial.sql")), (2, "rollups", include_str!("../../migrations/0002_rollups.sql"))];

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
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Meta {
    /// Opens or creates the store in a folder and migrates it.
    pub(crate) async fn open(folder: &Path) -> anyhow::Result<Self> {
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
        let migrations = MIGRATIONS
            .iter()
            .map(|(version, name, sql)| Migration::new(*version, (*name).into(), MigrationType::Simple, SqlStr::from_static(sql), false));
        Migrator::with_migrations(migrations.collect())
            .run(&writer)
            .await
            .with_context(|| format!("migrate the meta store {}; a newer version may have written it", path.display()))?;
        let readers = keep.max_connections(READERS).connect_with(options.read_only(true).create_if_missing(false)).await;
        let readers = readers.with_context(|| format!("open the meta store {} for reading", path.display()))?;
        Ok(Self { writer, readers })
    }

    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Readiness: the store answers.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        sqlx::query("select count(*) from collectors").execute(&self.readers).await.map_err(explain)?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// SQLite's complaint with what to do about it.
pub(crate) fn explain(error: sqlx::Error) -> anyhow::Error {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).and_then(|code| code.parse::<i32>().ok());
    let remedy = match code.map(|code| code & 0xff) {
        Some(13) => Some("the disk is full: free space in the data folder, shorten the retention, or grow the volume"),
        Some(10) => {
            Some("reading or writing the data folder failed (disk full, a file size limit, or a broken disk): see the system's log")
        }
        Some(8) => Some("the data folder is read-only: mount it writable"),
        Some(11 | 26) => Some("meta.db is damaged: restore the data folder from a backup"),
        _ => None,
    };
    let error = anyhow::Error::new(error);
    match remedy {
        Some(remedy) => error.context(remedy),
        None => error,
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
