//! Disks without room, and a PostgreSQL that takes no writes: a clear refusal, nothing lost, and on it goes.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use e2e::drive::backend::Api;
use e2e::drive::backend::{Backend, Settings};
use e2e::drive::cluster::durable;
use e2e::drive::collector::Collector;
use e2e::drive::replicas::{migrated, replica};
use e2e::harm::disk::Disk;
use e2e::judge::shipper::Hand;
use e2e::judge::spool_watch::Spooled;
use e2e::servers::postgres::Postgres;
use e2e::wait::{PATIENCE, until};
use serde_json::Value;

use e2e::drive::watched::rounds;

/// Room beside what is there from the beginning.
const ROOM: u64 = 96 << 20;

/// Ships until a batch is refused; the batch, and the words of the refusal.
async fn refused(hand: &mut Hand, api: &Api) -> Result<(Bytes, Value)> {
    until("a refusal", PATIENCE, async || {
        let batch = hand.next_batch()?;
        let (status, body) = hand.ask(api, &batch).await?;
        match status.as_u16() {
            200 => Ok(None),
            503 => Ok(Some((batch, serde_json::from_str(&body).context("read the refusal")?))),
            _ => bail!("{status}: {body}"),
        }
    })
    .await
}

fn remedy(refusal: &Value) -> &str {
    refusal["error"]["remedy"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_backend_without_room_refuses_in_clear_words_and_takes_everything_again_when_there_is_room() -> Result<()> {
    let disk = Disk::of(ROOM)?;
    let mut settings = Settings::flags(&["--compact-every", "1s"]);
    settings.data = Some(disk.path().join("data"));
    let mut backend = Backend::start_with(settings).await?;
    let mut hand = Hand::new(&backend.api, "hand").await?;
    for round in 0..2 {
        let batch = hand.next_batch()?;
        hand.ship_until_acknowledged(&backend.api, &batch).await?;
        disk.fill()?;
        let (batch, refusal) = refused(&mut hand, &backend.api).await?;
        ensure!(remedy(&refusal).contains("the disk is full: free space in the data folder"), "{refusal}");
        let (ready, words) = backend.api.ask(reqwest::Method::GET, "/readyz", None).await?;
        ensure!(ready == 503, "without room it says that it is ready: {words}");
        if round == 1 {
            // In the middle of it.
            backend.kill();
        }
        disk.free()?;
        if round == 1 {
            backend.run().await?;
        }
        hand.ship_until_acknowledged(&backend.api, &batch).await?;
        hand.judge(&backend.api).await?;
    }
    until("all rows to be in files", PATIENCE, async || {
        let (_, metrics) = backend.api.ask(reqwest::Method::GET, "/metrics", None).await?;
        Ok(metrics.lines().any(|line| line == "pganalytics_lake_hot_rows 0").then_some(()))
    })
    .await?;
    hand.judge(&backend.api).await
}

#[tokio::test]
async fn a_meta_store_without_room_refuses_in_clear_words_and_takes_everything_again_when_there_is_room() -> Result<()> {
    let disk = Disk::of(3 * ROOM)?;
    let mut options = durable();
    options.data = Some(disk.path().to_owned());
    let postgres = Postgres::start_with(18, options).await?;
    let url = migrated(&postgres).await?;
    let replicas = [replica(&url, "database").await?, replica(&url, "database").await?];
    let mut hand = Hand::new(&replicas[0].api, "hand").await?;
    let batch = hand.next_batch()?;
    hand.ship_until_acknowledged(&replicas[0].api, &batch).await?;
    disk.fill()?;
    let (batch, refusal) = refused(&mut hand, &replicas[1].api).await?;
    ensure!(remedy(&refusal).contains("PostgreSQL has no disk left: grow its volume"), "{refusal}");
    // What is there is answered.
    ensure!(hand.counted(&replicas[0].api).await?.0 + 1 == hand.acknowledged().0, "rows are missing while the disk is full");
    disk.free()?;
    hand.ship_until_acknowledged(&replicas[1].api, &batch).await?;
    for replica in &replicas {
        hand.judge(&replica.api).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_read_only_meta_store_refuses_in_clear_words_and_answers_what_is_there() -> Result<()> {
    let postgres = Postgres::start_with(17, durable()).await?;
    let url = migrated(&postgres).await?;
    let replica = replica(&url, "database").await?;
    let mut hand = Hand::new(&replica.api, "hand").await?;
    let batch = hand.next_batch()?;
    hand.ship_until_acknowledged(&replica.api, &batch).await?;
    let mut session = postgres.connect().await?;
    let mut set = async |on: bool| {
        let change = format!("alter system set default_transaction_read_only = {on}");
        for sql in ["set default_transaction_read_only = off", &change, "select pg_reload_conf()"] {
            e2e::servers::postgres::execute(&mut session, sql).await?;
        }
        anyhow::Ok(())
    };
    set(true).await?;
    let (batch, refusal) = refused(&mut hand, &replica.api).await?;
    ensure!(remedy(&refusal).contains("PostgreSQL is read-only: name the primary"), "{refusal}");
    ensure!(hand.counted(&replica.api).await?.0 + 1 == hand.acknowledged().0, "rows are missing while it is read-only");
    set(false).await?;
    hand.ship_until_acknowledged(&replica.api, &batch).await?;
    hand.judge(&replica.api).await
}

#[tokio::test]
async fn a_spool_without_room_holds_batches_in_memory_and_loses_none_of_them() -> Result<()> {
    let disk = Disk::of(ROOM)?;
    let (postgres, mut backend) = tokio::try_join!(Postgres::start(18), Backend::start())?;
    postgres.execute("create extension pg_stat_statements").await?;
    let mut collector = Collector::prepare(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
    let spool = disk.path().join("spool");
    std::fs::create_dir(&spool).context("create the spool")?;
    collector.reconfigure(&collector.spool().display().to_string(), &spool.display().to_string())?;
    let spooled = Spooled::watch(spool)?;
    collector.run()?;
    rounds(&backend.api, "db", 1).await?;
    // Nobody takes batches, and there is no room for them.
    backend.kill();
    disk.fill()?;
    until("the collector to say that its spool is full", PATIENCE, async || {
        Ok(collector.log().contains("batches wait in memory").then_some(()))
    })
    .await
    .with_context(|| collector.log())?;
    disk.free()?;
    until("the batches to be on disk", PATIENCE, async || Ok(collector.log().contains("the spool is on disk again").then_some(()))).await?;
    backend.run().await?;
    rounds(&backend.api, "db", 2).await?;
    collector.stop()?;
    ensure!(spooled.all_left(), "batches were left in the spool");
    let collectors = backend.api.request(reqwest::Method::GET, "/api/v1/collectors", None).await?;
    ensure!(collectors.to_string().contains("\"dropped_rows\":0"), "rows were dropped: {collectors}");
    spooled.judge(&backend.api).await?;
    e2e::drive::watched::judge(&backend.api).await
}
