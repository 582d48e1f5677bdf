//! Three backends behind HAProxy, on PostgreSQL and a real S3 server. Whichever part is killed, the judge, who knows every acknowledged row, finds each
//! row once.

use anyhow::{Context, Result, ensure};
use e2e::drive::watched::{calls, judge as history_is_sound, repeat, rounds, truth};
use e2e::drive::{Cluster, Collector, Settings};
use e2e::judge::Shipper;
use e2e::servers::Postgres;
use e2e::servers::balancer::Software;
use e2e::wait::{PATIENCE, until};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Method, StatusCode};

/// Rounds of killing, unless `CHAOS_ROUNDS` is set.
const ROUNDS: u32 = 12;
/// Batches shipped while a part is dead.
const BATCHES: u32 = 5;
/// The same victims in each run.
const SEED: u64 = 20_261_125;

/// Checks at each backend that every acknowledged row is there once. Waits for an answer, and not for a better one.
async fn judge(cluster: &Cluster, shipper: &Shipper, when: &str) -> Result<()> {
    for backend in &cluster.backends {
        shipper.judge_first_answer(&backend.api).await.with_context(|| when.to_owned())?;
    }
    Ok(())
}

#[tokio::test]
async fn whichever_part_is_killed_no_acknowledged_row_is_missing_or_doubled() -> Result<()> {
    let rounds = std::env::var("CHAOS_ROUNDS").ok().map_or(Ok(ROUNDS), |rounds| rounds.parse()).context("CHAOS_ROUNDS is a number")?;
    let mut cluster = Cluster::start_with(Software::Haproxy, 18, &Settings::flags(&["--compact-every", "1s"])).await?;
    let mut shipper = Shipper::new(&cluster.backends[0].api, "shipper").await?;
    let mut random = StdRng::seed_from_u64(SEED);
    let mut failures = 0;
    for round in 0..rounds {
        let victim = random.random_range(0..5_usize);
        match victim {
            3 => cluster.s3.kill(),
            4 => cluster.meta.kill().await?,
            backend => cluster.backends[backend].kill(),
        }
        // Without the meta store no batch is acknowledged, so it starts again before the batches.
        if victim == 4 {
            let batch = shipper.next_batch()?;
            let status = shipper.ship(&cluster.balancer.api, &batch).await;
            assert!(status.is_none_or(|status| status.is_server_error()), "round {round}: {status:?} without a store");
            cluster.meta.run().await?;
            failures += 1 + shipper.ship_until_acknowledged(&cluster.balancer.api, &batch).await?;
        }
        for _ in 0..BATCHES {
            let batch = shipper.next_batch()?;
            failures += shipper.ship_until_acknowledged(&cluster.balancer.api, &batch).await?;
        }
        match victim {
            3 => cluster.s3.run().await?,
            4 => {}
            backend => cluster.backends[backend].run().await?,
        }
        judge(&cluster, &shipper, &format!("round {round}, victim {victim}")).await?;
    }
    cluster.backends[0].api.all_rows_in_files().await?;
    judge(&cluster, &shipper, "at the end").await?;
    println!("{rounds} rounds, {} batches acknowledged, {failures} requests that failed and were retried", shipper.sequence());
    Ok(())
}

const STATEMENT: &str = "select count(*) as through_the_balancer from pg_class";

/// With a real collector, over HTTPS.
#[tokio::test]
async fn rows_shipped_through_the_balancer_are_answered_by_every_replica_and_lie_in_the_bucket() -> Result<()> {
    let mut cluster = Cluster::start_with(Software::Haproxy, 18, &Settings::flags(&["--compact-every", "1s"])).await?;
    let postgres = Postgres::start(17).await?;
    postgres.execute("create extension pg_stat_statements").await?;
    let targets = [("db", postgres.conninfo("postgres", None))];
    let mut collector = Collector::prepare_for(&cluster.balancer.api, Some(&cluster.balancer.certificate.authority), &targets).await?;
    collector.run()?;
    rounds(&cluster.balancer.api, "db", 1).await?;

    let mut session = postgres.connect().await?;
    repeat(&mut session, STATEMENT, 40).await?;
    let (queryid, _) = truth(&mut session, STATEMENT).await?;
    cluster.balancer.api.integer_is(&calls(queryid), 40).await?;
    for backend in &cluster.backends {
        assert_eq!(backend.api.integer(&calls(queryid)).await?, 40);
    }
    // Any two backends are enough.
    for at in 0..cluster.backends.len() {
        cluster.backends[at].kill();
        repeat(&mut session, STATEMENT, 10).await?;
        let expected = 40 + 10 * (i64::try_from(at)? + 1);
        cluster.balancer.api.integer_is(&calls(queryid), expected).await?;
        cluster.backends[at].run().await?;
        assert_eq!(cluster.backends[at].api.integer(&calls(queryid)).await?, expected);
    }
    collector.stop()?;

    until("a file of the statements in the bucket", PATIENCE, async || {
        let folder = cluster.s3.bucket().join("lake/table=pg_stat_statements");
        Ok(std::fs::read_dir(folder).ok().and_then(|mut dates| dates.next()).map(|_| ()))
    })
    .await?;
    // Without their stores no backend is ready, and the client gets a backend's own error, not the balancer's.
    cluster.meta.kill().await?;
    cluster.s3.kill();
    until("a backend's refusal through the balancer", PATIENCE, async || {
        for backend in &cluster.backends {
            let (ready, _) = backend.api.ask(Method::GET, "/readyz", None).await?;
            ensure!(ready == StatusCode::SERVICE_UNAVAILABLE, "a backend is ready without its stores");
        }
        let (status, body) = cluster.balancer.api.ask(Method::GET, "/api/v1/auth/me", None).await?;
        let error: serde_json::Value = serde_json::from_str(&body).context("a backend's error")?;
        Ok((status == StatusCode::SERVICE_UNAVAILABLE && error["error"]["message"].is_string()).then_some(()))
    })
    .await?;
    cluster.meta.run().await?;
    cluster.s3.run().await?;
    cluster.balancer.api.integer_is(&calls(queryid), 70).await?;
    until("a sound history", PATIENCE, async || history_is_sound(&cluster.balancer.api).await.map(Some)).await
}
