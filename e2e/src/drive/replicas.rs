//! Replicas: several backends that share a PostgreSQL as meta store, as in production. And the lease that one of them holds to compact.

use std::path::Path;

use anyhow::{Context, Result, bail};
use sqlx::postgres::PgConnection;

use super::backend::{Backend, Settings};
use crate::machine::programs::binary;
use crate::servers::postgres::Postgres;
use crate::wait::{PATIENCE, until};

/// The URL of the meta store on this server.
#[must_use]
pub fn database_url(postgres: &Postgres) -> String {
    format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", postgres.port)
}

/// Runs `pganalytics migrate`. Returns its exit code and output.
///
/// # Errors
/// If the program cannot be started.
pub async fn migrate(url: &str, arguments: &[&str]) -> Result<(i32, String)> {
    migrate_with(&binary("pganalytics")?, url, arguments).await
}

/// The same with another version's program.
///
/// # Errors
/// If the program cannot be started.
pub async fn migrate_with(program: &Path, url: &str, arguments: &[&str]) -> Result<(i32, String)> {
    let mut command = tokio::process::Command::new(program);
    command.args(["migrate", "--database-url", url]).args(arguments);
    let output = command.output().await.context("run pganalytics migrate")?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
}

/// Migrates the meta store on this server to the built version. Returns its URL.
///
/// # Errors
/// If the migration fails; the error has its output.
pub async fn migrated(postgres: &Postgres) -> Result<String> {
    let url = database_url(postgres);
    let (code, output) = migrate(&url, &[]).await?;
    if code != 0 {
        bail!("pganalytics migrate: {output}");
    }
    Ok(url)
}

/// Starts a backend on a migrated meta store. It compacts each second, so that a test sees compactions.
///
/// # Errors
/// If the backend does not become ready; the error has the end of its log.
pub async fn replica(url: &str, store: &str) -> Result<Backend> {
    Backend::start_with(Settings::flags(&["--database-url", url, "--store", store, "--compact-every", "1s"])).await
}

/// Starts a backend that must refuse to serve. Returns its output.
///
/// # Errors
/// If the backend serves.
pub async fn refused(url: &str, store: &str) -> Result<String> {
    refused_with(url, store, &[]).await
}

/// The same with more environment variables.
///
/// # Errors
/// If the backend serves.
pub async fn refused_with(url: &str, store: &str, environment: &[(String, String)]) -> Result<String> {
    let output = tokio::process::Command::new(binary("pganalytics")?)
        .args(["serve", "--database-url", url, "--store", store, "--listen", "127.0.0.1:0", "--data"])
        .arg(tempfile::tempdir().context("create a temporary folder")?.path())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()
        .await
        .context("run pganalytics serve")?;
    if output.status.success() {
        bail!("the backend served, though it must refuse");
    }
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The lease in the meta store. Times are microseconds of the store's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Term {
    /// A number that grows with each new holder.
    pub fence: i64,
    /// When the lease ends unless its holder renews it.
    pub expires: i64,
    pub now: i64,
}

/// Reads the lease.
///
/// # Errors
/// If there is no lease yet, or the store does not answer.
pub async fn term(session: &mut PgConnection) -> Result<Term> {
    let sql = "select fence, expires, cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) as now from leases";
    sqlx::query_as(sql).fetch_one(session).await.context("read the lease")
}

/// Waits until another replica holds the lease. Returns the first term seen of the new holder, and the last term seen of the holder before.
///
/// # Errors
/// If no replica takes the lease.
pub async fn next_term(session: &mut PgConnection, before: Term) -> Result<(Term, Term)> {
    let mut last = before;
    until("another holder of the lease", PATIENCE, async || {
        let term = term(session).await?;
        if term.fence > before.fence {
            return Ok(Some((term, last)));
        }
        last = term;
        Ok(None)
    })
    .await
}

/// Whether the backend's log says that it holds the lease.
#[must_use]
pub fn holds_the_lease(backend: &Backend) -> bool {
    fence_of(backend).is_some()
}

/// The fence of the lease that the backend holds, by its log.
fn fence_of(backend: &Backend) -> Option<i64> {
    let log = backend.log();
    let held = log.rfind("acquired the lease: ")?;
    if log.rfind("no longer holds the lease").is_some_and(|lost| lost > held) {
        return None;
    }
    let fence = log[held..].split("lease.fence=").nth(1)?;
    fence.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// Waits until one of the backends holds the lease, by its own log and in the store: a backend that was cut off may not know yet that it has lost the
/// lease. Returns the backend's index and the present term.
///
/// # Errors
/// If no backend holds the lease.
pub async fn holder(session: &mut PgConnection, backends: &[Backend]) -> Result<(usize, Term)> {
    until("a holder of the lease", PATIENCE, async || {
        let term = term(session).await?;
        let holder = backends.iter().position(|backend| fence_of(backend) == Some(term.fence));
        Ok(holder.filter(|_| term.expires > term.now).map(|holder| (holder, term)))
    })
    .await
}
