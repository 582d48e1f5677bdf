//! What replicas share beyond rows: the brake on guessing passwords, and answers in a Redis that nobody needs.

use anyhow::{Context, Result, ensure};
use e2e::backend::{Api, Backend, Settings};
use e2e::certificate::Certificate;
use e2e::hand::Hand;
use e2e::install::binary;
use e2e::postgres::Postgres;
use e2e::redis::Redis;
use e2e::replicas::{migrated, replica};
use e2e::wait::{PATIENCE, until};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// Takes long enough to be worth keeping.
fn slow(hand: &Hand) -> String {
    format!(
        "select count(distinct a.archived_count * 0 + x.value % 99991) from pg_stat_archiver a, generate_series(1, 300000) x
         where a.server = '{}'",
        hand.collector
    )
}

#[tokio::test]
async fn guessing_is_slowed_down_however_many_replicas_are_asked() -> Result<()> {
    let postgres = Postgres::start(16).await?;
    let url = migrated(&postgres).await?;
    let replicas = futures::future::try_join_all((0..3).map(|_| replica(&url, "database"))).await?;
    guessing_is_slowed_down(&replicas, "somebody").await?;
    // It outlives the replicas: none of them remembers, the store does.
    let fresh = replica(&url, "database").await?;
    ensure!(guess(&fresh.api, "somebody").await? == StatusCode::TOO_MANY_REQUESTS, "a new replica does not know");
    Ok(())
}

#[tokio::test]
async fn redis_holds_what_replicas_share_and_may_vanish() -> Result<()> {
    let postgres = Postgres::start(16).await?;
    let url = migrated(&postgres).await?;
    let mut redis = Redis::start().await?;
    let at = redis.url();
    let replicas = futures::future::try_join_all((0..3).map(|_| with_redis(&url, &at, &[]))).await?;
    let mut hand = Hand::new(&replicas[0].api, "hand").await?;
    let mut still = Hand::new(&replicas[0].api, "still").await?;
    let batch = still.next_batch()?;
    still.ship_until_acknowledged(&replicas[0].api, &batch).await?;
    let slow = slow(&still);

    // One replica's answer is another's.
    let first = replicas[0].api.integer(&slow).await?;
    until("the answer to be kept", PATIENCE, async || {
        replicas[1].api.integer_is(&slow, first).await?;
        Ok((metric(&replicas[1].api, "pganalytics_lake_kept_answers_total").await? > 0).then_some(()))
    })
    .await?;
    // The brake is in Redis: the store knows nothing of it.
    guessing_is_slowed_down(&replicas, "somebody").await?;
    let in_store: i64 =
        sqlx::query_scalar("select count(*) from attempts where count > 1").fetch_one(&mut postgres.connect().await?).await?;
    ensure!(in_store == 0, "attempts are in the store, not in Redis");

    for round in 0..3 {
        match round % 2 {
            0 => redis.kill(),
            _ => redis.stop()?,
        }
        for replica in &replicas {
            replica.api.integer_is(&slow, first).await?;
            let batch = hand.next_batch()?;
            hand.ship_until_acknowledged(&replica.api, &batch).await?;
            hand.judge(&replica.api).await?;
        }
        // Without Redis the brake works all the same.
        guessing_is_slowed_down(&replicas, &format!("nobody-{round}")).await?;
        ensure!(metric(&replicas[2].api, "pganalytics_redis_failures_total").await? > 0, "nobody missed it");
        ensure!(replicas[2].api.ask(Method::GET, "/readyz", None).await?.0 == StatusCode::OK, "a replica without Redis is ready");
        redis.run().await?;
        until("Redis to be used again", PATIENCE, async || {
            let before = metric(&replicas[2].api, "pganalytics_lake_kept_answers_total").await?;
            replicas[2].api.integer_is(&slow, first).await?;
            Ok((metric(&replicas[2].api, "pganalytics_lake_kept_answers_total").await? > before).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn redis_over_tls_is_verified_and_its_password_stays_secret() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let certificate = Certificate::make(folder.path())?;
    let mut redis = Redis::start_with_tls(&certificate, "correct horse").await?;
    let postgres = Postgres::start(16).await?;
    let url = migrated(&postgres).await?;
    let password = folder.path().join("redis-password");
    std::fs::write(&password, "correct horse\n")?;
    let (password, authority) = (path(&password)?, path(&certificate.authority)?);

    let trusting = with_redis(&url, &redis.url(), &["--redis-password-file", &password, "--redis-ca-file", &authority]).await?;
    ensure!(trusting.log().contains("connected to Redis"), "{}", trusting.log());
    for flags in [&["--redis-password-file", &password] as &[&str], &["--redis-ca-file", &authority]] {
        let other = with_redis(&url, &redis.url(), flags).await?;
        ensure!(other.log().contains("Redis is unavailable; continuing without it"), "{flags:?}: {}", other.log());
        ensure!(!other.log().contains("correct horse"), "the password is in the log");
    }
    redis.stop()
}

#[tokio::test]
async fn addresses_that_cannot_be_meant_are_refused_with_what_to_write_and_without_their_passwords() -> Result<()> {
    for (flags, said) in [
        (
            &["--database-url", "mysql://root:hunter2@host/x"] as &[&str],
            "--database-url\n  because: a database URL begins with postgresql://",
        ),
        (&["--database-url", "postgres://root:hunter2@host/x?a=b"], "the database URL's parameter 'a' is unknown"),
        (&["--redis-url", "http://redis:hunter2@host"], "a Redis URL is redis://user:password@host:6379/0"),
        (&["--redis-url", "redis://:hunter2@host/x"], "must be the number of the database"),
        (&["--redis-url", "rediss://:hunter2@host/#insecure"], "TLS is always verified"),
        (&["--redis-password-file", "/nonexistent"], "--redis-password-file needs --redis-url or --redis-url-file"),
        (&["--redis-url-file", "/nonexistent"], "read --redis-url-file /nonexistent"),
        (&["--redis-url", "rediss://host", "--redis-ca-file", "/nonexistent"], "read --redis-ca-file /nonexistent"),
    ] {
        let folder = tempfile::tempdir()?;
        let mut command = tokio::process::Command::new(binary("pganalytics")?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path()).args(flags);
        let output = command.output().await.context("run pganalytics serve")?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(!output.status.success() && text.contains(said), "{flags:?}: {text}");
        ensure!(!text.contains("hunter2"), "the password is shown: {text}");
    }
    Ok(())
}

async fn with_redis(url: &str, redis: &str, flags: &[&str]) -> Result<Backend> {
    let mut all = vec!["--database-url", url, "--store", "database", "--compact-every", "1h", "--redis-url", redis];
    all.extend(flags);
    Backend::start_with(Settings::flags(&all)).await
}

fn path(path: &std::path::Path) -> Result<String> {
    Ok(path.to_str().context("a path in UTF-8")?.to_owned())
}

async fn guess(api: &Api, user: &str) -> Result<StatusCode> {
    let mut nobody = api.clone();
    nobody.token = None;
    let guess = json!({"username": user, "password": "a wrong password"});
    Ok(nobody.ask(Method::POST, "/api/v1/auth/login", Some(&guess)).await?.0)
}

/// Five guesses are free, whoever is asked; the next is not, wherever it is made.
async fn guessing_is_slowed_down(replicas: &[Backend], user: &str) -> Result<()> {
    for at in 0..5 {
        let status = guess(&replicas[at % replicas.len()].api, user).await?;
        ensure!(status == StatusCode::UNAUTHORIZED, "guess {at}: {status}");
    }
    for replica in replicas {
        let status = guess(&replica.api, user).await?;
        ensure!(status == StatusCode::TOO_MANY_REQUESTS, "{}: {status}", replica.api.url);
    }
    Ok(())
}

async fn metric(api: &Api, name: &str) -> Result<u64> {
    let (_, metrics) = api.ask(Method::GET, "/metrics", None).await?;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("the metric {name}"))?;
    value.trim().parse().with_context(|| format!("{name}{value}"))
}
