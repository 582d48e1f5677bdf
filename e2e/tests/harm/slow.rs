//! Lines and stores that are slow, break off, lose answers, refuse, or are not there any more.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::drive::backend::{Backend, Settings};
use e2e::drive::cluster::durable;
use e2e::drive::replicas::{migrated, refused_with};
use e2e::harm::proxy::{Line, Proxy};
use e2e::judge::shipper::Hand;
use e2e::servers::postgres::Postgres;
use e2e::servers::s3::{BUCKET, S3};
use e2e::wait::{PATIENCE, until};
use reqwest::Method;

/// What a store is told to wait for at most, so that a test does not wait for the defaults.
const PATIENT: [(&str, &str); 2] = [("AWS_TIMEOUT", "5s"), ("AWS_CONNECT_TIMEOUT", "2s")];

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A backend whose object store is reached through this port.
async fn backend(url: &str, s3: &S3, port: u16) -> Result<Backend> {
    let mut settings = Settings::flags(&["--database-url", url, "--store", &format!("s3://{BUCKET}/lake"), "--compact-every", "1s"]);
    settings.environment = s3.environment();
    settings.environment.retain(|(name, _)| name != "AWS_ENDPOINT");
    settings.environment.push(("AWS_ENDPOINT".into(), format!("http://127.0.0.1:{port}")));
    settings.environment.extend(PATIENT.map(|(name, value)| (name.into(), value.into())));
    Backend::start_with(settings).await
}

async fn hot_rows(backend: &Backend) -> Result<u64> {
    let (_, metrics) = backend.api.ask(Method::GET, "/metrics", None).await?;
    let value = metrics.lines().find_map(|line| line.strip_prefix("pganalytics_lake_hot_rows ")).context("the metric")?;
    value.parse().context("a number")
}

async fn all_in_files(backend: &Backend) -> Result<()> {
    until("all rows to be in files", PATIENCE, async || Ok((hot_rows(backend).await? == 0).then_some(()))).await
}

/// The backend says so in its log. Not what the log held before `from`.
async fn says(backend: &Backend, from: usize, words: &str) -> Result<()> {
    until(&format!("'{words}' in the log"), PATIENCE, async || {
        let log = backend.log();
        let new = log.get(from..).unwrap_or_default().to_owned();
        ensure!(new.contains(words), "{new}");
        Ok(Some(()))
    })
    .await
}

/// A query that needs files is refused in clear words.
async fn files_are_away(backend: &Backend) -> Result<()> {
    let query = serde_json::json!({"query": "select sum(archived_count) from pg_stat_archiver"});
    let asked = backend.api.ask(Method::POST, "/api/v1/sql", Some(&query)).await;
    let (status, body) = asked.with_context(|| format!("the backend says:\n{}", backend.log()))?;
    ensure!(status == 503 && body.contains("the history's files cannot be read at the moment"), "{status} {body}");
    ensure!(body.contains("see that the object store is up"), "{body}");
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
    let mut hand = Hand::new(&backend.api, "hand").await?;
    // What ingest commits, and what compaction does: files that are live and whose makers do not know it.
    for words in [b"insert into batches".as_slice(), b"delete from batches"] {
        for _ in 0..4 {
            let before = proxy.lost();
            proxy.set(Line::LosesCommitAfter(words));
            until("a commit whose answer is lost", PATIENCE, async || {
                let batch = hand.next_batch()?;
                hand.ship_until_acknowledged(&backend.api, &batch).await?;
                Ok((proxy.lost() > before).then_some(()))
            })
            .await?;
            proxy.set(Line::Good);
            let found = until("an answer", PATIENCE, async || hand.counted(&backend.api).await.map(Some)).await?;
            ensure!(found == hand.acknowledged(), "{found:?} are there, {:?} were acknowledged", hand.acknowledged());
        }
    }
    all_in_files(&backend).await?;
    hand.judge(&backend.api).await
}

#[tokio::test]
async fn a_store_that_is_slow_breaks_off_or_hangs_holds_no_batch_up_and_gets_every_row_in_the_end() -> Result<()> {
    let (postgres, s3) = tokio::try_join!(Postgres::start_with(18, durable()), S3::start())?;
    let url = migrated(&postgres).await?;
    let proxy = Proxy::to(loopback(s3.port))?;
    let backend = backend(&url, &s3, proxy.port).await?;
    let mut hand = Hand::new(&backend.api, "hand").await?;
    let mut ship = async || {
        let batch = hand.next_batch()?;
        ensure!(hand.ship(&backend.api, &batch).await.is_some_and(|status| status == 200), "a batch waited for the store");
        anyhow::Ok(hand.acknowledged())
    };
    ship().await?;
    all_in_files(&backend).await?;
    proxy.set(Line::Slow(Duration::from_millis(200)));
    ship().await?;
    all_in_files(&backend).await?;
    for frozen in [false, true] {
        let from = backend.log().len();
        if frozen {
            proxy.set(Line::Good);
            s3.freeze()?;
        } else {
            proxy.set(Line::Broken);
        }
        ship().await?;
        says(&backend, from, "compact").await?;
        files_are_away(&backend).await?;
        if frozen {
            s3.thaw()?
        } else {
            proxy.set(Line::Good)
        }
        all_in_files(&backend).await?;
    }
    hand.judge(&backend.api).await
}

#[tokio::test]
async fn a_bucket_that_vanishes_is_told_and_its_rows_are_there_when_it_is_back() -> Result<()> {
    let (postgres, s3) = tokio::try_join!(Postgres::start_with(18, durable()), S3::start())?;
    let url = migrated(&postgres).await?;
    let backend = backend(&url, &s3, s3.port).await?;
    let mut hand = Hand::new(&backend.api, "hand").await?;
    let batch = hand.next_batch()?;
    hand.ship_until_acknowledged(&backend.api, &batch).await?;
    all_in_files(&backend).await?;
    let from = backend.log().len();
    s3.take_bucket_away()?;
    let batch = hand.next_batch()?;
    ensure!(hand.ship(&backend.api, &batch).await.is_some_and(|status| status == 200), "a batch waited for the store");
    says(&backend, from, "NoSuchBucket").await?;
    let (status, body) = backend
        .api
        .ask(Method::POST, "/api/v1/sql", Some(&serde_json::json!({"query": "select sum(archived_count) from pg_stat_archiver"})))
        .await?;
    ensure!(status == 503 && body.contains("the history's files cannot be read at the moment"), "{status} {body}");
    s3.bring_bucket_back()?;
    all_in_files(&backend).await?;
    hand.judge(&backend.api).await
}

#[tokio::test]
async fn a_bucket_without_rights_is_refused_at_the_start_with_what_to_do() -> Result<()> {
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
        let said = refused_with(&url, store, &environment).await?;
        ensure!(said.contains("may these credentials read, write, list and delete there") && said.contains(answer), "{answer}: {said}");
        ensure!(!said.contains(e2e::servers::s3::SECRET_KEY), "the secret is shown: {said}");
    }
    Ok(())
}
