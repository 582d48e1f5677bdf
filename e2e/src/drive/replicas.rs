//! Replicas: several backends that share a PostgreSQL as their meta store, as they do in production.

use std::path::Path;

use anyhow::{Context, Result, bail};
use sqlx::postgres::PgConnection;

use crate::drive::backend::{Backend, Settings};
use crate::servers::postgres::Postgres;
use crate::servers::postgres::installation::binary;
use crate::wait::{PATIENCE, until};

/// The meta store's URL on a server.
#[must_use]
pub fn database_url(postgres: &Postgres) -> String {
    format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", postgres.port)
}

/// Runs `pganalytics migrate`; its exit code and what it wrote.
///
/// # Errors
/// When it cannot be run.
pub async fn migrate(url: &str, arguments: &[&str]) -> Result<(i32, String)> {
    migrate_with(&binary("pganalytics")?, url, arguments).await
}

/// The same, by another version's program.
///
/// # Errors
/// When it cannot be run.
pub async fn migrate_with(program: &Path, url: &str, arguments: &[&str]) -> Result<(i32, String)> {
    let mut command = tokio::process::Command::new(program);
    command.args(["migrate", "--database-url", url]).args(arguments);
    let output = command.output().await.context("run pganalytics migrate")?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
}

/// Brings a server to this version.
///
/// # Errors
/// When that fails; with what it said.
pub async fn migrated(postgres: &Postgres) -> Result<String> {
    let url = database_url(postgres);
    let (code, said) = migrate(&url, &[]).await?;
    if code != 0 {
        bail!("pganalytics migrate: {said}");
    }
    Ok(url)
}

/// A backend on a migrated store that compacts each second, so that a test sees it do so.
///
/// # Errors
/// When it does not become ready; with the end of its log.
pub async fn replica(url: &str, store: &str) -> Result<Backend> {
    Backend::start_with(Settings::flags(&["--database-url", url, "--store", store, "--compact-every", "1s"])).await
}

/// Starts a backend that is expected to refuse; what it wrote.
///
/// # Errors
/// When it does not end.
pub async fn refused(url: &str, store: &str) -> Result<String> {
    refused_with(url, store, &[]).await
}

/// The same, with variables beside those of the test.
///
/// # Errors
/// When it does not end.
pub async fn refused_with(url: &str, store: &str, environment: &[(String, String)]) -> Result<String> {
    let output = tokio::process::Command::new(binary("pganalytics")?)
        .args(["serve", "--database-url", url, "--store", store, "--listen", "127.0.0.1:0", "--data"])
        .arg(tempfile::tempdir().context("create a temporary folder")?.path())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()
        .await
        .context("run pganalytics serve")?;
    if output.status.success() {
        bail!("it served");
    }
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The lease as the meta store has it, by the store's own clock in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Term {
    /// Another holder has another one, and a higher.
    pub fence: i64,
    /// When it ends unless it is renewed.
    pub expires: i64,
    pub now: i64,
}

/// Reads it.
///
/// # Errors
/// When there is none yet, or the store does not answer.
pub async fn term(session: &mut PgConnection) -> Result<Term> {
    let sql = "select fence, expires, cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) as now from leases";
    sqlx::query_as(sql).fetch_one(session).await.context("read the lease")
}

/// Waits until another replica has the lease than in that term; its own first term that was seen, and the last of the one before.
///
/// # Errors
/// When none takes it.
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

/// Whether a backend says that it holds the lease.
#[must_use]
pub fn holds_the_lease(backend: &Backend) -> bool {
    fence_of(backend).is_some()
}

/// The fence of the lease that a backend says it holds.
fn fence_of(backend: &Backend) -> Option<i64> {
    let log = backend.log();
    let held = log.rfind("holds the lease: ")?;
    if log.rfind("holds the lease no more").is_some_and(|lost| lost > held) {
        return None;
    }
    let fence = log[held..].split("lease.fence=").nth(1)?;
    fence.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// Waits until one of them holds the lease by its own word and by the store's: one that was cut off may not know yet that it has lost it. Which, and
/// its term as of now.
///
/// # Errors
/// When none does.
pub async fn holder(session: &mut PgConnection, backends: &[Backend]) -> Result<(usize, Term)> {
    until("a holder of the lease", PATIENCE, async || {
        let term = term(session).await?;
        let holder = backends.iter().position(|backend| fence_of(backend) == Some(term.fence));
        Ok(holder.filter(|_| term.expires > term.now).map(|holder| (holder, term)))
    })
    .await
}
