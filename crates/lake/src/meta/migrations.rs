//! Migrations. They are append-only. A migration that both databases need has the same number on both. Each migration is compatible with
//! the previous version, which may still be running.
//!
//! The store in a folder is migrated when it is opened. A shared store is migrated by `pganalytics migrate`, under an advisory lock. A
//! backend refuses to serve on a schema of another version.

use anyhow::{Context as _, bail};
use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::database::{Database, statement};
use super::remedy::explain;

type Migrations = &'static [(i64, &'static str, &'static str)];

const SQLITE: Migrations = &[
    (1, "initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
    (2, "versions", include_str!("../../migrations/sqlite/0002_versions.sql")),
    (3, "rollups", include_str!("../../migrations/sqlite/0003_rollups.sql")),
    (4, "attempts", include_str!("../../migrations/sqlite/0004_attempts.sql")),
    (5, "enrolment", include_str!("../../migrations/sqlite/0005_enrolment.sql")),
    (6, "unknown_parts", include_str!("../../migrations/sqlite/0006_unknown_parts.sql")),
];
const POSTGRES: Migrations = &[
    (1, "initial", include_str!("../../migrations/postgres/0001_initial.sql")),
    (2, "rollups", include_str!("../../migrations/postgres/0002_rollups.sql")),
    (3, "attempts", include_str!("../../migrations/postgres/0003_attempts.sql")),
    (4, "enrolment", include_str!("../../migrations/postgres/0004_enrolment.sql")),
    (5, "unknown_parts", include_str!("../../migrations/postgres/0005_unknown_parts.sql")),
];

/// The schema of a store, compared with this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// The schema is the one of this version.
    Current,
    /// Migrations are missing: the store's version, this program's version.
    Behind(i64, i64),
    /// A newer program has migrated the store: this program's version, the store's version.
    Ahead(i64, i64),
    /// A migration started and did not finish.
    Half(i64),
}

impl SchemaState {
    /// Checks whether a backend may serve on this schema.
    ///
    /// # Errors
    /// If it may not: the reason, and the command to run.
    pub fn check(self) -> anyhow::Result<()> {
        match self {
            Self::Current => Ok(()),
            Self::Behind(from, to) => {
                bail!(
                    "the meta store has schema version {from}, but this version needs {to}: run pganalytics migrate with the same settings"
                )
            }
            Self::Ahead(knows, has) => bail!(
                "the meta store has schema version {has}, but this version knows versions up to {knows}: a newer pgAnalytics has migrated it; run \
                 that version, or restore a backup of the database from before the upgrade"
            ),
            Self::Half(version) => bail!(
                "migration {version} of the meta store started but did not finish: its error is in the log of pganalytics migrate; run \
                 pganalytics migrate again"
            ),
        }
    }
}

pub(super) fn sqlite() -> Migrator {
    migrator(SQLITE)
}

fn migrator(known: Migrations) -> Migrator {
    let migrations = known
        .iter()
        .map(|(version, name, sql)| Migration::new(*version, (*name).into(), MigrationType::Simple, SqlStr::from_static(sql), false));
    Migrator::with_migrations(migrations.collect())
}

/// The state of a folder that has no store yet.
pub(super) fn nothing_yet() -> SchemaState {
    SchemaState::Behind(0, newest(SQLITE))
}

fn newest(known: Migrations) -> i64 {
    known.last().map_or(0, |(version, _, _)| *version)
}

/// The state of a database's schema. Without the table of migrations, none has been applied.
pub(super) async fn state(database: &Database) -> anyhow::Result<SchemaState> {
    let (known, exists) = match database {
        Database::Postgres(_) => (POSTGRES, "select to_regclass('_sqlx_migrations') is not null"),
        Database::Sqlite { .. } => (SQLITE, "select exists (select 1 from sqlite_master where name = '_sqlx_migrations')"),
    };
    let known = newest(known);
    let (exists,): (bool,) = database.one(statement(exists)).await.map_err(explain)?;
    if !exists {
        return Ok(SchemaState::Behind(0, known));
    }
    let applied: Vec<(i64, bool)> =
        database.all(statement("select version, success from _sqlx_migrations order by version")).await.map_err(explain)?;
    if let Some((version, _)) = applied.iter().find(|(_, success)| !success) {
        return Ok(SchemaState::Half(*version));
    }
    let has = applied.last().map_or(0, |(version, _)| *version);
    Ok(match has.cmp(&known) {
        std::cmp::Ordering::Equal => SchemaState::Current,
        std::cmp::Ordering::Less => SchemaState::Behind(has, known),
        std::cmp::Ordering::Greater => SchemaState::Ahead(known, has),
    })
}

pub(super) async fn run(database: &Database) -> anyhow::Result<()> {
    let Database::Postgres(pool) = database else { return Ok(()) };
    if let ahead @ SchemaState::Ahead(..) = state(database).await? {
        return ahead.check();
    }
    // Not on a connection of the pool: waiting for another process's migration may take longer than the statement timeout.
    let mut connection = {
        use sqlx::ConnectOptions as _;
        let options = pool.connect_options().as_ref().clone().options([("statement_timeout", "0"), ("lock_timeout", "0")]);
        options.connect().await.map_err(explain).context("cannot connect for the migration")?
    };
    migrator(POSTGRES).run(&mut connection).await.context("cannot migrate the meta store; the failed migration was rolled back")?;
    use sqlx::Connection as _;
    connection.close().await.map_err(explain).context("cannot close the migration's session")
}
