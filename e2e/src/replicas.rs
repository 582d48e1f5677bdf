//! Replicas: several backends that share a PostgreSQL as their meta store, as they do in production.

use anyhow::{Context, Result, bail};

use crate::backend::{Backend, Settings};
use crate::install::binary;
use crate::postgres::Postgres;

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
    let mut command = tokio::process::Command::new(binary("pganalytics")?);
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
    let output = tokio::process::Command::new(binary("pganalytics")?)
        .args(["serve", "--database-url", url, "--store", store, "--listen", "127.0.0.1:0", "--data"])
        .arg(tempfile::tempdir().context("create a temporary folder")?.path())
        .output()
        .await
        .context("run pganalytics serve")?;
    if output.status.success() {
        bail!("it served");
    }
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Whether a backend says that it holds the lease.
#[must_use]
pub fn holds_the_lease(backend: &Backend) -> bool {
    let log = backend.log();
    let last = |words: &str| log.rfind(words);
    match (last("holds the lease: "), last("holds the lease no more")) {
        (Some(held), Some(lost)) => held > lost,
        (Some(_), None) => true,
        (None, _) => false,
    }
}
