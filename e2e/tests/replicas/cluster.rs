//! The whole: three backends behind HAProxy, on PostgreSQL and a real S3 server. Whatever is killed, the judge, who knows every row that was
//! acknowledged, finds each of them once.

use anyhow::{Context, Result, ensure};
use e2e::drive::backend::Settings;
use e2e::drive::cluster::Cluster;
use e2e::drive::collector::Collector;
use e2e::judge::shipper::Hand;
use e2e::servers::balancer::Software;
use e2e::servers::postgres::Postgres;
use e2e::wait::{PATIENCE, until};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Method, StatusCode};

use e2e::drive::watched::{calls, repeat, rounds, truth};

/// Rounds of killing where nobody asks for more with `CHAOS_ROUNDS`.
const ROUNDS: u32 = 12;
/// Batches shipped while something is dead.
const BATCHES: u32 = 5;
/// The same victims in each run.
const SEED: u64 = 20_261_125;

/// Every acknowledged row, once, whichever backend is asked. Waits for an answer, and not for another one.
async fn judge(cluster: &Cluster, hand: &Hand, when: &str) -> Result<()> {
    for backend in &cluster.backends {
        let found = until("an answer", PATIENCE, async || hand.counted(&backend.api).await.map(Some)).await?;
        assert_eq!(found, hand.acknowledged(), "{when}, at port {}", backend.port);
    }
    Ok(())
}

#[tokio::test]
async fn whatever_is_killed_nothing_acknowledged_is_missing_or_doubled() -> Result<()> {
    let rounds = std::env::var("CHAOS_ROUNDS").ok().map_or(Ok(ROUNDS), |rounds| rounds.parse()).context("CHAOS_ROUNDS is a number")?;
    let mut cluster = Cluster::start_with(Software::Haproxy, 18, &Settings::flags(&["--compact-every", "1s"])).await?;
    let mut hand = Hand::new(&cluster.backends[0].api, "hand").await?;
    let mut random = StdRng::seed_from_u64(SEED);
    let mut failures = 0;
    for round in 0..rounds {
        let victim = random.random_range(0..5_usize);
        match victim {
            3 => cluster.s3.kill(),
            4 => cluster.meta.kill().await?,
            backend => cluster.backends[backend].kill(),
        }
        // Without the meta store nothing is acknowledged, so it is back before the first of these is.
        if victim == 4 {
            let batch = hand.next_batch()?;
            let status = hand.ship(&cluster.balancer.api, &batch).await;
            assert!(status.is_none_or(|status| status.is_server_error()), "round {round}: {status:?} without a store");
            cluster.meta.run().await?;
            failures += 1 + hand.ship_until_acknowledged(&cluster.balancer.api, &batch).await?;
        }
        for _ in 0..BATCHES {
            let batch = hand.next_batch()?;
            failures += hand.ship_until_acknowledged(&cluster.balancer.api, &batch).await?;
        }
        match victim {
            3 => cluster.s3.run().await?,
            4 => {}
            backend => cluster.backends[backend].run().await?,
        }
        judge(&cluster, &hand, &format!("round {round}, victim {victim}")).await?;
    }
    until("all rows to be in files", PATIENCE, async || {
        let (_, metrics) = cluster.backends[0].api.ask(Method::GET, "/metrics", None).await?;
        Ok(metrics.lines().any(|line| line == "pganalytics_lake_hot_rows 0").then_some(()))
    })
    .await?;
    judge(&cluster, &hand, "at the end").await?;
    println!("{rounds} rounds, {} batches acknowledged, {failures} answers that were none and were tried again", hand.sequence());
    Ok(())
}

const STATEMENT: &str = "select count(*) as through_the_balancer from pg_class";

/// A real collector, over HTTPS.
#[tokio::test]
async fn what_is_shipped_through_the_balancer_is_answered_by_every_replica_and_lies_in_the_bucket() -> Result<()> {
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
    // Any two of them are enough, whichever died.
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
    // Without their store none is ready, and what the client reads is a backend's own word, not the balancer's.
    cluster.meta.kill().await?;
    cluster.s3.kill();
    until("a backend's refusal through the balancer", PATIENCE, async || {
        for backend in &cluster.backends {
            let (ready, _) = backend.api.ask(Method::GET, "/readyz", None).await?;
            ensure!(ready == StatusCode::SERVICE_UNAVAILABLE, "one is ready without a store");
        }
        let (status, body) = cluster.balancer.api.ask(Method::GET, "/api/v1/auth/me", None).await?;
        let error: serde_json::Value = serde_json::from_str(&body).context("a backend's words")?;
        Ok((status == StatusCode::SERVICE_UNAVAILABLE && error["error"]["message"].is_string()).then_some(()))
    })
    .await?;
    cluster.meta.run().await?;
    cluster.s3.run().await?;
    cluster.balancer.api.integer_is(&calls(queryid), 70).await?;
    until("a sound history", PATIENCE, async || e2e::drive::watched::judge(&cluster.balancer.api).await.map(Some)).await
}
