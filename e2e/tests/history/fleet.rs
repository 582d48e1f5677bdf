//! The simulated fleet and its judge: nothing is lost or doubled over kill -9, and a judge that is shown a defect finds it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use e2e::drive::backend::{Backend, Settings, shipment};
use e2e::drive::cluster::Cluster;
use e2e::fleet::judge::{Verdict, Wrong, judge};
use e2e::fleet::ledger::{Entry, History, Ledger};
use e2e::fleet::rows::{Rows, Sums};
use e2e::fleet::{Endpoint, Fleet, Shape, Token};
use e2e::servers::balancer::Software;
use e2e::wait::{PATIENCE, until};
use pganalytics_views::wire::{self, Batch, Limits};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::StatusCode;
use uuid::Uuid;

const KILLS: u64 = 5;
/// Rounds of killing in a cluster where nobody asks for more with `CHAOS_ROUNDS`.
const ROUNDS: u32 = 10;
/// Batches shipped while something is dead.
const MEANWHILE: u64 = 8;
/// The same victims in each run.
const SEED: u64 = 7;

fn now_us() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}

/// Small, and quick: a minute of its time takes a second, and it began an hour ago.
fn shape() -> Result<Shape> {
    let shape = Shape { collectors: 4, servers: 3, statements: 60, tables: 10, speed: 60.0, ..Shape::new(42, 12, now_us()?) };
    Ok(Shape { origin_us: shape.origin_us - 3_600_000_000, ..shape })
}

struct World {
    backend: Backend,
    endpoint: Endpoint,
    ledger: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Result<Self> {
        // Compaction runs all the time, so that kills hit it too.
        let backend = Backend::start_with(Settings::flags(&["--compact-every", "1s"])).await?;
        let token = Token(backend.collector_token("fleet").await?);
        let endpoint = Endpoint { urls: vec![backend.api.url.clone()], token, ca: None };
        let folder = tempfile::tempdir()?;
        Ok(Self { backend, endpoint, ledger: folder.path().join("ledger"), _folder: folder })
    }

    /// Ships bytes outside any fleet.
    async fn ship(&self, body: Vec<u8>) -> Result<()> {
        let api = &self.backend.api;
        let answer = shipment(api.client(), &api.url, &self.endpoint.token.0, body.into()).send().await?;
        ensure!(answer.status() == StatusCode::OK, "{}", answer.text().await?);
        Ok(())
    }

    async fn judge(&self) -> Result<Verdict> {
        judge(&self.backend.api, &History::read(&self.ledger)?, false).await
    }
}

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
    // The whole simulator is killed, too, and goes on from its ledger.
    fleet.kill().await?;
    let (ledger, history) = Ledger::open(&world.ledger)?;
    let fleet = Fleet::start(world.endpoint.clone(), ledger, &history)?;
    until("more batches", PATIENCE, async || Ok((fleet.progress().batches > 20).then_some(()))).await?;
    fleet.finish(PATIENCE).await?;
    let verdict = world.judge().await?;
    assert!(verdict.is_clean() && verdict.unacknowledged == 0, "{verdict}");
    assert_eq!((verdict.rows, verdict.missing), (verdict.found, 0), "{verdict}");
    assert!(verdict.failures.values().sum::<u64>() > 0, "no client noticed that the backend was killed: {verdict}");
    // The sums say what the rows say.
    let each = judge(&world.backend.api, &History::read(&world.ledger)?, true).await?;
    assert!(each.is_clean(), "{each}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_behind_a_load_balancer_is_judged_clean_whatever_is_killed() -> Result<()> {
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
        // Without the meta store nothing is acknowledged, and nobody waits for that.
        if victim == 4 {
            cluster.meta.run().await?;
        }
        let before = fleet.progress().batches;
        until("batches to be acknowledged meanwhile", PATIENCE, async || {
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

#[tokio::test(flavor = "multi_thread")]
async fn the_judge_finds_a_missing_a_doubled_an_altered_a_foreign_and_a_torn_row() -> Result<()> {
    let world = World::start().await?;
    let shape = Shape { batches: Some(12), ..shape()? };
    let rows = Rows::new(&shape)?;
    let ledger = Ledger::create(&world.ledger, &shape)?;
    for sequence in 1..=6 {
        for collector in 0..shape.collectors {
            let (body, sums) = rows.batch(collector, sequence)?;
            world.ship(body).await?;
            ledger.append(entry(collector, sequence, sums)).await?;
        }
    }
    let verdict = world.judge().await?;
    assert!(verdict.is_clean() && verdict.rows > 1_000, "{verdict}");

    // Committed, the answer lost: excused, since it is whole.
    let (body, sums) = rows.batch(3, 7)?;
    world.ship(body).await?;
    let verdict = world.judge().await?;
    assert!(verdict.is_clean() && verdict.unacknowledged == 1, "{verdict}");
    ledger.append(entry(3, 7, sums)).await?;

    // Acknowledged and not there: every row of the batch.
    let (_, sums) = rows.batch(0, 7)?;
    let lost: u64 = sums.values().map(|sum| sum.rows).sum();
    ledger.append(entry(0, 7, sums)).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.missing, wrongs(&verdict)), (lost, vec![Wrong::Missing]), "{verdict}");
    assert!(verdict.differences.iter().all(|difference| difference.batch == Some(7)), "{verdict}");

    // There twice: one row, shipped again under another identity.
    let mut stray = decode(&rows, 1, 2)?;
    stray.header.collector = Uuid::from_u128(1);
    stray.frames.retain(|(view, _)| view == "pganalytics_server");
    stray.frames[0].1 = stray.frames[0].1.slice(0, 1);
    world.ship(encode(stray)?).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.missing, verdict.doubled, wrongs(&verdict)), (lost, 1, vec![Wrong::Missing, Wrong::Doubled]), "{verdict}");

    // Another value than was acknowledged, in one row.
    let mut altered = decode(&rows, 2, 7)?;
    let (_, wal) = altered.frames.iter_mut().find(|(view, _)| view == "pg_stat_wal").context("rows of pg_stat_wal")?;
    *wal = with_more(wal, "wal_bytes")?;
    world.ship(encode(altered)?).await?;
    ledger.append(entry(2, 7, rows.batch(2, 7)?.1)).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.altered, verdict.doubled, verdict.missing), (1, 1, lost), "{verdict}");

    // A row nobody shipped: of the fleet's server, at a time long after its last.
    let mut foreign = decode(&rows, 1, 12)?;
    foreign.header.collector = Uuid::from_u128(2);
    foreign.frames.retain(|(view, _)| view == "pg_stat_wal");
    foreign.frames[0].1 = foreign.frames[0].1.slice(0, 1);
    world.ship(encode(foreign)?).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.foreign, verdict.altered, verdict.doubled, verdict.missing), (1, 1, 1, lost), "{verdict}");

    // The batch in flight at the end, in part.
    let mut torn = decode(&rows, 3, 8)?;
    torn.frames.truncate(torn.frames.len() / 2);
    world.ship(encode(torn)?).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.torn, verdict.foreign, verdict.missing), (1, 1, lost), "{verdict}");

    // A ledger that another build wrote is not judged by.
    let (_, mut sums) = rows.batch(1, 7)?;
    sums.values_mut().for_each(|sum| sum.mark += 1);
    ledger.append(entry(1, 7, sums)).await?;
    let error = world.judge().await.expect_err("sums that this build does not make");
    assert!(error.to_string().contains("judge with the build that shipped"), "{error:#}");
    Ok(())
}

fn entry(collector: u32, sequence: u64, sums: Sums) -> Entry {
    let took = u64::try_from(Duration::from_millis(1).as_micros()).unwrap_or(0);
    Entry { collector, sequence, sums, refused: None, duplicate: false, failures: Default::default(), try_us: took, whole_us: took }
}

/// The kinds of wrong rows that were told, each once.
fn wrongs(verdict: &Verdict) -> Vec<Wrong> {
    let mut wrongs: Vec<_> = verdict.differences.iter().map(|difference| difference.wrong).collect();
    wrongs.sort_unstable();
    wrongs.dedup();
    wrongs
}

fn decode(rows: &Rows, collector: u32, sequence: u64) -> Result<Batch> {
    Ok(wire::decode(&rows.batch(collector, sequence)?.0, &Limits::default())?)
}

fn encode(batch: Batch) -> Result<Vec<u8>> {
    Ok(wire::encode(batch.header, &batch.frames, &Limits::default())?)
}

/// The first row's counter is one more.
fn with_more(rows: &RecordBatch, column: &str) -> Result<RecordBatch> {
    let at = rows.schema().index_of(column)?;
    let values = rows.column(at).as_any().downcast_ref::<Int64Array>().context("integers")?;
    let more = Int64Array::from_iter_values((0..values.len()).map(|row| values.value(row) + i64::from(row == 0)));
    let mut columns = rows.columns().to_vec();
    columns[at] = Arc::new(more) as ArrayRef;
    Ok(RecordBatch::try_new(rows.schema(), columns)?)
}
