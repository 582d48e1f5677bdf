//! `pganalytics lake verify` beside a running backend on an object store.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::drive::replicas::migrated;
use e2e::drive::{Backend, Settings};
use e2e::judge::Shipper;
use e2e::machine::programs::binary;
use e2e::servers::s3::BUCKET;
use e2e::servers::{Postgres, S3};
use serde_json::Value;

#[tokio::test]
async fn a_history_on_s3_is_verified_while_its_backend_runs() -> Result<()> {
    let (s3, postgres) = (S3::start().await?, Postgres::start(17).await?);
    let url = migrated(&postgres).await?;
    let store = format!("s3://{BUCKET}/lake");
    let mut settings = Settings::flags(&["--database-url", &url, "--store", &store, "--compact-every", "1s"]);
    settings.environment = s3.environment();
    let backend = Backend::start_with(settings).await?;
    let mut shipper = Shipper::new(&backend.api, "shipper").await?;
    shipper.ship_batches(&backend.api, 5).await?;
    backend.api.all_rows_in_files().await?;
    let object = find(&s3.bucket(), "table=pg_stat_archiver").context("a file of the shipper's rows")?;

    // The settings come from a file, like a backend's.
    let config = backend.data().with_file_name("verify.toml");
    std::fs::write(&config, format!("[backend]\ndatabase_url = '{url}'\nstore = '{store}'\n"))?;
    let verify = async |flags: &[&str]| -> Result<(bool, String)> {
        let mut command = tokio::process::Command::new(binary("pganalytics")?);
        command.args(["lake", "verify", "--config"]).arg(&config).args(flags).envs(s3.environment());
        let output = command.output().await.context("run pganalytics lake verify")?;
        Ok((output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()))
    };
    let (ok, output) = verify(&[]).await?;
    ensure!(ok && output.contains(": no problems"), "{output}");
    shipper.judge(&backend.api).await?;

    std::fs::remove_file(&object).with_context(|| format!("remove {}", object.display()))?;
    for flags in [&["--json"] as &[&str], &["--json", "--quick"]] {
        let (ok, output) = verify(flags).await?;
        let verified: Value = serde_json::from_str(&output).with_context(|| output.clone())?;
        let problem = verified["problems"][0].as_str().unwrap_or_default();
        ensure!(!ok && problem.starts_with(&store) && problem.contains("the file is missing; restore it from a backup"), "{output}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_an_error_without_a_verdict() -> Result<()> {
    let postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    let mut command = tokio::process::Command::new(binary("pganalytics")?);
    command.args(["lake", "verify", "--database-url", &url, "--store", "file:///nonexistent/history"]);
    let output = command.output().await.context("run pganalytics lake verify")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && errors.contains("/nonexistent/history"), "{errors}");
    Ok(())
}

/// The first Parquet file under a folder whose path contains this part.
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
