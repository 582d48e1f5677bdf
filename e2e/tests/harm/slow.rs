//! Connections and stores that are slow, break, lose answers, refuse, or vanish.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::drive::cluster::durable;
use e2e::drive::replicas::{migrated, refused_with};
use e2e::drive::{Backend, Settings};
use e2e::harm::{Line, Proxy};
use e2e::judge::Shipper;
use e2e::servers::s3::{BUCKET, SECRET_KEY};
use e2e::servers::{Postgres, S3};
use e2e::wait::{PATIENCE, until};
use reqwest::Method;

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A backend that reaches its object store through this port.
async fn backend(url: &str, s3: &S3, port: u16) -> Result<Backend> {
    let mut settings = Settings::flags(&["--database-url", url, "--store", &format!("s3://{BUCKET}/lake"), "--compact-every", "1s"]);
    settings.environment = s3.environment();
    settings.environment.retain(|(name, _)| name != "AWS_ENDPOINT");
    settings.environment.push(("AWS_ENDPOINT".into(), format!("http://127.0.0.1:{port}")));
    settings.environment.extend(S3::short_timeouts());
    Backend::start_with(settings).await
}

/// Waits until the log has these words after the place `from`.
async fn logs(backend: &Backend, from: usize, words: &str) -> Result<()> {
    until(&format!("'{words}' in the log"), PATIENCE, async || {
        let log = backend.log();
        let new = log.get(from..).unwrap_or_default().to_owned();
        ensure!(new.contains(words), "{new}");
        Ok(Some(()))
    })
    .await
}

/// Checks that a query of files is refused with a clear error.
async fn files_cannot_be_read(backend: &Backend) -> Result<()> {
    let query = serde_json::json!({"query": "select sum(archived_count) from pg_stat_archiver"});
    let asked = backend.api.ask(Method::POST, "/api/v1/sql", Some(&query)).await;
    let (status, body) = asked.with_context(|| format!("the backend's log:\n{}", backend.log()))?;
    ensure!(status == 503 && body.contains("the files of the history cannot be read"), "{status} {body}");
    ensure!(body.contains("check that the object store is up"), "{body}");
    Ok(())
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_neither_loses_nor_doubles_a_row() -> Result<()> {
    let postgres = Postgres::start_with(18, durable()).await?;
    migrated(&postgres).await?;
    let proxy = Proxy::to(loopback(postgres.port))?;
    let url = format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", proxy.port);
    let folder = tempfile::tempdir()?;
    let settings =
        Settings::flags(&["--database-url", &url, "--store", &format!("file://{}", folder.path().display()), "--compact-every", "1s"]);
    let backend = Backend::start_with(settings).await?;
    let mut shipper = Shipper::new(&backend.api, "shipper").await?;
    // A commit of ingest, and one of compaction, which makes files live without knowing it.
    for words in [b"insert into batches".as_slice(), b"delete from batches"] {
        for _ in 0..4 {
            let before = proxy.lost();
            proxy.set(Line::LosesCommitAfter(words));
            until("a commit whose answer is lost", PATIENCE, async || {
                let batch = shipper.next_batch()?;
                shipper.ship_until_acknowledged(&backend.api, &batch).await?;
                Ok((proxy.lost() > before).then_some(()))
            })
            .await?;
            proxy.set(Line::Good);
            shipper.judge_first_answer(&backend.api).await?;
        }
    }
    backend.api.all_rows_in_files().await?;
    shipper.judge(&backend.api).await
}

#[tokio::test]
async fn a_store_that_is_slow_breaks_or_hangs_delays_no_batch_and_gets_every_row_in_the_end() -> Result<()> {
    let (postgres, s3) = tokio::try_join!(Postgres::start_with(18, durable()), S3::start())?;
    let url = migrated(&postgres).await?;
    let proxy = Proxy::to(loopback(s3.port))?;
    let backend = backend(&url, &s3, proxy.port).await?;
    let mut shipper = Shipper::new(&backend.api, "shipper").await?;
    let mut ship = async || {
        let batch = shipper.next_batch()?;
        ensure!(shipper.ship(&backend.api, &batch).await.is_some_and(|status| status == 200), "a batch waited for the store");
        anyhow::Ok(shipper.acknowledged())
    };
    ship().await?;
    backend.api.all_rows_in_files().await?;
    proxy.set(Line::Slow(Duration::from_millis(200)));
    ship().await?;
    backend.api.all_rows_in_files().await?;
    for frozen in [false, true] {
        let from = backend.log().len();
        if frozen {
            proxy.set(Line::Good);
            s3.freeze()?;
        } else {
            proxy.set(Line::Broken);
        }
        ship().await?;
        logs(&backend, from, "compact").await?;
        files_cannot_be_read(&backend).await?;
        if frozen {
            s3.thaw()?
        } else {
            proxy.set(Line::Good)
        }
        backend.api.all_rows_in_files().await?;
    }
    shipper.judge(&backend.api).await
}

#[tokio::test]
async fn a_bucket_that_vanishes_is_logged_and_its_rows_are_there_when_it_is_back() -> Result<()> {
    let (postgres, s3) = tokio::try_join!(Postgres::start_with(18, durable()), S3::start())?;
    let url = migrated(&postgres).await?;
    let backend = backend(&url, &s3, s3.port).await?;
    let mut shipper = Shipper::new(&backend.api, "shipper").await?;
    shipper.ship_batches(&backend.api, 1).await?;
    backend.api.all_rows_in_files().await?;
    let from = backend.log().len();
    s3.take_bucket_away()?;
    let batch = shipper.next_batch()?;
    ensure!(shipper.ship(&backend.api, &batch).await.is_some_and(|status| status == 200), "a batch waited for the store");
    logs(&backend, from, "NoSuchBucket").await?;
    files_cannot_be_read(&backend).await?;
    s3.bring_bucket_back()?;
    backend.api.all_rows_in_files().await?;
    shipper.judge(&backend.api).await
}

#[tokio::test]
async fn a_bucket_without_rights_is_refused_at_the_start_with_the_remedy() -> Result<()> {
    let (postgres, s3) = tokio::try_join!(Postgres::start(18), S3::start())?;
    let url = migrated(&postgres).await?;
    let store = format!("s3://{BUCKET}/lake");
    let with = |name: &str, value: &str| {
        let mut environment = s3.environment();
        environment.retain(|(known, _)| known != name);
        environment.push((name.to_owned(), value.to_owned()));
        environment
    };
    for (environment, store, answer) in [
        (with("AWS_SECRET_ACCESS_KEY", "wrong"), store.as_str(), "SignatureDoesNotMatch"),
        (with("AWS_ACCESS_KEY_ID", "nobody"), &store, "No user exists with the provided access key ID"),
        (s3.environment(), "s3://nowhere/lake", "NoSuchBucket"),
    ] {
        let output = refused_with(&url, store, &environment).await?;
        ensure!(
            output.contains("that these credentials may read, write, list and delete in it") && output.contains(answer),
            "{answer}: {output}"
        );
        ensure!(!output.contains(SECRET_KEY), "the secret is shown: {output}");
    }
    Ok(())
}
