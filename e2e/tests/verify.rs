//! `pganalytics lake verify` beside a running backend on an object store.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::backend::{Backend, Settings};
use e2e::hand::Hand;
use e2e::install::binary;
use e2e::postgres::Postgres;
use e2e::replicas::migrated;
use e2e::s3::{BUCKET, S3};
use e2e::wait::{PATIENCE, until};
use serde_json::Value;

#[tokio::test]
async fn a_history_on_s3_is_looked_through_beside_its_backend() -> Result<()> {
    let (s3, postgres) = (S3::start().await?, Postgres::start(17).await?);
    let url = migrated(&postgres).await?;
    let store = format!("s3://{BUCKET}/lake");
    let mut settings = Settings::flags(&["--database-url", &url, "--store", &store, "--compact-every", "1s"]);
    settings.environment = s3.environment();
    let backend = Backend::start_with(settings).await?;
    let mut hand = Hand::new(&backend.api, "hand").await?;
    for _ in 0..5 {
        let batch = hand.next_batch()?;
        hand.ship_until_acknowledged(&backend.api, &batch).await?;
    }
    until("the hand's rows to be in files", PATIENCE, async || {
        let (_, metrics) = backend.api.ask(reqwest::Method::GET, "/metrics", None).await?;
        Ok(metrics.contains("pganalytics_lake_hot_batches 0\n").then_some(()))
    })
    .await?;
    let object = find(&s3.bucket(), "table=pg_stat_archiver").context("a file of the hand's rows")?;

    // The settings come from a file, as a backend's do.
    let config = backend.data().with_file_name("verify.toml");
    std::fs::write(&config, format!("[backend]\ndatabase_url = '{url}'\nstore = '{store}'\n"))?;
    let verify = async |flags: &[&str]| -> Result<(bool, String)> {
        let mut command = tokio::process::Command::new(binary("pganalytics")?);
        command.args(["lake", "verify", "--config"]).arg(&config).args(flags).envs(s3.environment());
        let output = command.output().await.context("run pganalytics lake verify")?;
        Ok((output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()))
    };
    let (well, said) = verify(&[]).await?;
    ensure!(well && said.contains(": no problems"), "{said}");
    hand.judge(&backend.api).await?;

    std::fs::remove_file(&object).with_context(|| format!("remove {}", object.display()))?;
    for flags in [&["--json"] as &[&str], &["--json", "--quick"]] {
        let (well, said) = verify(flags).await?;
        let verified: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        let problem = verified["problems"][0].as_str().unwrap_or_default();
        ensure!(!well && problem.starts_with(&store) && problem.contains("it is not there; restore it from a backup"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_an_error_and_no_verdict() -> Result<()> {
    let postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    let mut command = tokio::process::Command::new(binary("pganalytics")?);
    command.args(["lake", "verify", "--database-url", &url, "--store", "file:///nonexistent/history"]);
    let output = command.output().await.context("run pganalytics lake verify")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("/nonexistent/history"), "{said}");
    Ok(())
}

/// The first Parquet file under a folder whose path has this in it.
fn find(folder: &Path, part: &str) -> Option<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") && path.to_string_lossy().contains(part) {
                return Some(path);
            }
        }
    }
    None
}
