//! The test: rounds of one fault each, with batches shipped during the fault and judged after it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::drive::cluster::durable;
use e2e::drive::watched::judge;
use e2e::drive::{Cluster, Collector, Settings};
use e2e::harm::{Clock, Disk, Line, Network, Proxy};
use e2e::judge::{Shipper, SpoolWatch, Tally};
use e2e::servers::{Postgres, S3};
use e2e::wait::{PATIENCE, until};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::fault::Fault;
use super::world::World;

/// Batches that the shipper ships during a fault.
const BATCHES: u32 = 3;
/// Batches tried on a full disk. Whether a batch needs more room than its pages have is chance; the test in `disks` waits until one does.
const WITHOUT_ROOM: u32 = 30;
/// The seed of the faults, the same in each run unless `FAULT_SEED` is set.
const SEED: u64 = 20_261_125;
/// The size of the disk for PostgreSQL's data.
const DISK: u64 = 512 << 20;
/// The delay of the collectors' lines: their batches lie in the spool for at least this time, so that the watch sees them.
const LINE: Duration = Duration::from_millis(20);

/// A collector with a slow line to the balancer, and a watch on its spool.
async fn collector(cluster: &Cluster, name: &str, postgres: &Postgres) -> Result<(Collector, SpoolWatch, Proxy)> {
    let balancer = &cluster.balancer;
    let proxy = Proxy::to(SocketAddr::from(([127, 0, 0, 1], balancer.https)))?;
    proxy.set(Line::Slow(LINE));
    let targets = [(name, postgres.conninfo("postgres", None))];
    let mut collector = Collector::prepare_for(&balancer.api, Some(&balancer.certificate.authority), &targets).await?;
    collector.configure(&format!("[backend]\nurl = \"https://127.0.0.1:{}\"", proxy.port))?;
    std::fs::create_dir_all(collector.spool()).context("create the spool")?;
    let watch = SpoolWatch::watch(collector.spool())?;
    collector.run()?;
    Ok((collector, watch, proxy))
}

#[tokio::test]
async fn whatever_fails_nothing_acknowledged_is_missing_or_doubled() -> Result<()> {
    let rounds =
        std::env::var("FAULT_ROUNDS").ok().map_or(Ok(Fault::ALL.len()), |rounds| rounds.parse()).context("FAULT_ROUNDS is a number")?;
    let network = Network::enter(3)?;
    let watched = Postgres::start(17).await?;
    watched.execute("create extension pg_stat_statements").await?;
    let disk = Disk::of(DISK)?;
    let clocks = [Clock::new()?, Clock::new()?, Clock::new()?];
    let settings = clocks.each_ref().map(|clock| {
        // A backend that is cut off from the store notices it within seconds, so that rounds are short.
        let mut settings = Settings::flags(&["--compact-every", "1s"]);
        settings.environment = clock.environment();
        settings.environment.extend(S3::short_timeouts());
        settings
    });
    let mut options = durable();
    options.data = Some(disk.path().to_owned());
    let cluster = Cluster::start_in(&network, options, &settings).await?;
    let mut shipper = Shipper::new(&cluster.backends[0].api, "shipper").await?;
    let (first, first_spool, _line) = collector(&cluster, "first", &watched).await?;
    let (second, second_spool, _other_line) = collector(&cluster, "second", &watched).await?;
    let mut world = World { collectors: vec![first, second], cluster, clocks: clocks.into(), disk, network };

    let seed = std::env::var("FAULT_SEED").ok().map_or(Ok(SEED), |seed| seed.parse()).context("FAULT_SEED is a number")?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    let mut deck: Vec<Fault> = Vec::new();
    for round in 0..rounds {
        if deck.is_empty() {
            deck = Fault::ALL.to_vec();
            deck.shuffle(&mut random);
        }
        let fault = deck.pop().context("a fault")?;
        let at = random.random_range(0..3_usize);
        tally.fault(fault.name());
        let when = format!("round {round}, {}, at {at}", fault.name());
        eprintln!("{when}");
        let at = world.strike(fault, at, &mut tally).await.with_context(|| when.clone())?;
        if fault.stops_everything() {
            let mut batch = shipper.next_batch()?;
            for _ in 0..WITHOUT_ROOM {
                let status = shipper.ship(&world.cluster.balancer.api, &batch).await;
                tally.tries += 1;
                if status.is_some_and(|status| status.is_success()) {
                    // On a full disk, existing pages still have room.
                    ensure!(fault == Fault::DatabaseFull, "{when}: a batch was acknowledged");
                    tally.batches += 1;
                    batch = shipper.next_batch()?;
                    continue;
                }
                ensure!(status.is_none_or(|status| status.is_server_error()), "{when}: {status:?}");
                match status {
                    Some(status) => *tally.refused.entry(status.as_u16()).or_default() += 1,
                    None => tally.unanswered += 1,
                }
                break;
            }
            world.heal(fault, at).await.with_context(|| when.clone())?;
            shipper.ship_counted(&world.cluster.balancer.api, &batch, &mut tally).await.with_context(|| when.clone())?;
        }
        for _ in 0..BATCHES {
            let batch = shipper.next_batch()?;
            shipper.ship_counted(&world.cluster.balancer.api, &batch, &mut tally).await.with_context(|| when.clone())?;
        }
        if !fault.stops_everything() {
            world.heal(fault, at).await.with_context(|| when.clone())?;
        }
        for backend in &world.cluster.backends {
            shipper.judge_first_answer(&backend.api).await.with_context(|| when.clone())?;
        }
    }
    for (collector, spool) in world.collectors.iter_mut().zip([&first_spool, &second_spool]) {
        collector.stop()?;
        // Its last request may have met a backend that was not ready yet.
        while !spool.is_empty() {
            collector.run()?;
            until("the spool to be empty", PATIENCE, async || Ok(spool.is_empty().then_some(()))).await?;
            collector.stop()?;
        }
    }
    world.cluster.backends[0].api.all_rows_in_files().await?;
    let mut snapshots = 0;
    for backend in &world.cluster.backends {
        shipper.judge(&backend.api).await?;
    }
    for (name, spool) in [("first", &first_spool), ("second", &second_spool)] {
        ensure!(spool.is_empty(), "the collector {name} has batches that were not acknowledged");
        ensure!(spool.batches()? > 0, "no batch of the collector {name} was seen");
        snapshots += spool.judge(&world.cluster.balancer.api).await.with_context(|| format!("the collector {name}"))?;
    }
    judge(&world.cluster.balancer.api).await?;
    ensure!(tally.given_up == 0, "{} batches were given up", tally.given_up);
    let batches = first_spool.batches()? + second_spool.batches()?;
    println!("{rounds} rounds\n{tally}\n        {batches} batches of 2 collectors with {snapshots} snapshots, each in the history once");
    Ok(())
}
