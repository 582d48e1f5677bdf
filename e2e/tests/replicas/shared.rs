//! Replicas share more than rows: the limiter of logins, and cached answers in a Redis that may vanish.

use anyhow::{Context, Result, ensure};
use e2e::api::Api;
use e2e::drive::replicas::{migrated, replica};
use e2e::drive::{ADMIN, Backend, PASSWORD, Settings};
use e2e::judge::Shipper;
use e2e::machine::certificate::Certificate;
use e2e::machine::programs::binary;
use e2e::servers::{Postgres, Redis};
use e2e::wait::{PATIENCE, until};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// A query slow enough for the cache.
fn slow(shipper: &Shipper) -> String {
    format!(
        "select count(distinct a.archived_count * 0 + x.value % 99991) from pg_stat_archiver a, generate_series(1, 300000) x
         where a.server = '{}'",
        shipper.collector
    )
}

#[tokio::test]
async fn guesses_at_all_replicas_are_limited_together() -> Result<()> {
    let postgres = Postgres::start(16).await?;
    let url = migrated(&postgres).await?;
    let replicas = futures::future::try_join_all((0..3).map(|_| replica(&url, "database"))).await?;
    guesses_are_limited(&replicas, "somebody").await?;
    // The meta store remembers the guesses, so a new replica knows them.
    let fresh = replica(&url, "database").await?;
    ensure!(guess(&fresh.api, "somebody").await? == StatusCode::TOO_MANY_REQUESTS, "a new replica does not know the login attempts");
    Ok(())
}

#[tokio::test]
async fn guesses_stop_neither_an_open_session_nor_the_command_line_on_the_host() -> Result<()> {
    let backend = Backend::start().await?;
    guesses_are_limited(std::slice::from_ref(&backend), ADMIN).await?;
    let mut again = Api::new(&backend.api.url)?;
    ensure!(again.log_in(ADMIN, PASSWORD).await.is_err(), "the guesses do not slow down a login without a second proof");
    // The open session, and a token that it creates.
    let token = backend.api.collector_token("made meanwhile").await?;
    ensure!(token.starts_with("pga_c_"), "the open session creates no token");
    // The command line proves itself with the data folder.
    let mut command = tokio::process::Command::new(binary("pganalytics")?);
    let output = command.args(["token", "list", "--data"]).arg(backend.data()).output().await.context("run pganalytics token list")?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success() && text.contains("made meanwhile"), "{text}");
    Ok(())
}

#[tokio::test]
async fn redis_shares_cached_answers_and_guesses_and_may_vanish() -> Result<()> {
    let postgres = Postgres::start(16).await?;
    let url = migrated(&postgres).await?;
    let mut redis = Redis::start().await?;
    let at = redis.url();
    let replicas = futures::future::try_join_all((0..3).map(|_| with_redis(&url, &at, &[]))).await?;
    let mut shipper = Shipper::new(&replicas[0].api, "shipper").await?;
    let mut still = Shipper::new(&replicas[0].api, "still").await?;
    let batch = still.next_batch()?;
    still.ship_until_acknowledged(&replicas[0].api, &batch).await?;
    let slow = slow(&still);

    // A replica answers from another replica's cached answer.
    let first = replicas[0].api.integer(&slow).await?;
    until("the answer to be cached", PATIENCE, async || {
        replicas[1].api.integer_is(&slow, first).await?;
        Ok((replicas[1].api.metric("pganalytics_lake_kept_answers_total").await? > 0).then_some(()))
    })
    .await?;
    // The guesses are in Redis, not in the meta store.
    guesses_are_limited(&replicas, "somebody").await?;
    let in_store: i64 =
        sqlx::query_scalar("select count(*) from attempts where count > 1").fetch_one(&mut postgres.connect().await?).await?;
    ensure!(in_store == 0, "login attempts are in the meta store, not in Redis");

    for round in 0..3 {
        match round % 2 {
            0 => redis.kill(),
            _ => redis.stop()?,
        }
        for replica in &replicas {
            replica.api.integer_is(&slow, first).await?;
            let batch = shipper.next_batch()?;
            shipper.ship_until_acknowledged(&replica.api, &batch).await?;
            shipper.judge(&replica.api).await?;
        }
        // Without Redis guesses are still limited.
        guesses_are_limited(&replicas, &format!("nobody-{round}")).await?;
        ensure!(replicas[2].api.metric("pganalytics_redis_failures_total").await? > 0, "no failure of Redis was counted");
        ensure!(replicas[2].api.ask(Method::GET, "/readyz", None).await?.0 == StatusCode::OK, "a replica without Redis is not ready");
        redis.run().await?;
        until("Redis to be used again", PATIENCE, async || {
            let before = replicas[2].api.metric("pganalytics_lake_kept_answers_total").await?;
            replicas[2].api.integer_is(&slow, first).await?;
            Ok((replicas[2].api.metric("pganalytics_lake_kept_answers_total").await? > before).then_some(()))
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
async fn invalid_addresses_are_refused_with_the_remedy_and_without_their_passwords() -> Result<()> {
    for (flags, error) in [
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
        ensure!(!output.status.success() && text.contains(error), "{flags:?}: {text}");
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

/// Checks that the replicas together allow five guesses, and each refuses the next.
async fn guesses_are_limited(replicas: &[Backend], user: &str) -> Result<()> {
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
