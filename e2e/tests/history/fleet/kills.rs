//! Kills of backends, stores, collectors and the whole fleet: the judge finds every acknowledged row once.

use anyhow::{Context, Result, ensure};
use e2e::drive::{Cluster, Settings};
use e2e::fleet::judge::judge;
use e2e::fleet::ledger::{History, Ledger};
use e2e::fleet::{Endpoint, Fleet, Token};
use e2e::servers::balancer::Software;
use e2e::wait::{PATIENCE, until};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::world::{World, shape};

const KILLS: u64 = 5;
/// Rounds of killing in a cluster, unless `CHAOS_ROUNDS` is set.
const ROUNDS: u32 = 10;
/// Batches shipped while a part is dead.
const MEANWHILE: u64 = 8;
/// The same victims in each run.
const SEED: u64 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_judged_clean_after_kills_of_the_backend_and_of_collectors() -> Result<()> {
    let mut world = World::start().await?;
    let shape = shape()?;
    let ledger = Ledger::create(&world.ledger, &shape)?;
    let mut fleet = Fleet::start(world.endpoint.clone(), ledger, &History::read(&world.ledger)?)?;
    for kill in 0..KILLS {
        let before = fleet.progress().batches;
        until("more batches", PATIENCE, async || Ok((fleet.progress().batches > before + 20).then_some(()))).await?;
        world.backend.kill();
        fleet.crash(u32::try_from(kill)? % shape.collectors).await?;
        world.backend.run().await?;
    }
    // The whole fleet is killed too, and goes on from its ledger.
    fleet.kill().await?;
    let (ledger, history) = Ledger::open(&world.ledger)?;
    let fleet = Fleet::start(world.endpoint.clone(), ledger, &history)?;
    until("more batches", PATIENCE, async || Ok((fleet.progress().batches > 20).then_some(()))).await?;
    fleet.finish(PATIENCE).await?;
    let verdict = world.judge().await?;
    assert!(verdict.is_clean() && verdict.unacknowledged == 0, "{verdict}");
    assert_eq!((verdict.rows, verdict.missing), (verdict.found, 0), "{verdict}");
    assert!(verdict.failures.values().sum::<u64>() > 0, "no client noticed that the backend was killed: {verdict}");
    // Comparing each row gives the same verdict as the sums.
    let each = judge(&world.backend.api, &History::read(&world.ledger)?, true).await?;
    assert!(each.is_clean(), "{each}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_behind_a_load_balancer_is_judged_clean_after_kills_of_every_part() -> Result<()> {
    let rounds = std::env::var("CHAOS_ROUNDS").ok().map_or(Ok(ROUNDS), |rounds| rounds.parse()).context("CHAOS_ROUNDS is a number")?;
    let mut cluster = Cluster::start_with(Software::Haproxy, 18, &Settings::flags(&["--compact-every", "1s"])).await?;
    let token = Token(cluster.backends[0].collector_token("fleet").await?);
    let endpoint =
        Endpoint { urls: vec![cluster.balancer.api.url.clone()], token, ca: Some(cluster.balancer.certificate.authority.clone()) };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger");
    let shape = shape()?;
    let ledger = Ledger::create(&path, &shape)?;
    let mut fleet = Fleet::start(endpoint, ledger, &History::read(&path)?)?;
    let mut random = StdRng::seed_from_u64(SEED);
    for _ in 0..rounds {
        let victim = random.random_range(0..6_usize);
        match victim {
            5 => fleet.crash(random.random_range(0..shape.collectors)).await?,
            4 => cluster.meta.kill().await?,
            3 => cluster.s3.kill(),
            backend => cluster.backends[backend].kill(),
        }
        // Without the meta store no batch is acknowledged, so it starts again at once.
        if victim == 4 {
            cluster.meta.run().await?;
        }
        let before = fleet.progress().batches;
        until("acknowledged batches while a part is dead", PATIENCE, async || {
            let progress = fleet.progress();
            ensure!(progress.batches >= before + MEANWHILE, "{progress:?}");
            Ok(Some(()))
        })
        .await?;
        match victim {
            3 => cluster.s3.run().await?,
            4 | 5 => {}
            backend => cluster.backends[backend].run().await?,
        }
    }
    let progress = fleet.finish(PATIENCE).await?;
    let history = History::read(&path)?;
    for backend in &cluster.backends {
        let verdict = judge(&backend.api, &history, false).await?;
        assert!(verdict.is_clean() && verdict.rows == verdict.found, "after {rounds} rounds, at port {}: {verdict}", backend.port);
        println!("{rounds} rounds, at port {}: {verdict}", backend.port);
    }
    assert!(progress.batches >= u64::from(rounds) * MEANWHILE, "{progress:?}");
    Ok(())
}
