//! Full disks, and a PostgreSQL that takes no writes: batches are refused with a clear error, no row is lost, and work goes on afterwards.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use e2e::api::Api;
use e2e::drive::cluster::durable;
use e2e::drive::replicas::{migrated, replica};
use e2e::drive::watched::rounds;
use e2e::drive::{Backend, Collector, Settings};
use e2e::harm::{Disk, HangingDisk};
use e2e::judge::{Shipper, SpoolWatch};
use e2e::servers::Postgres;
use e2e::wait::{PATIENCE, until};
use serde_json::Value;

/// The size of a disk.
const ROOM: u64 = 96 << 20;

/// Ships until a batch is refused. Returns the batch and the error.
async fn refused(shipper: &mut Shipper, api: &Api) -> Result<(Bytes, Value)> {
    until("a refusal", PATIENCE, async || {
        let batch = shipper.next_batch()?;
        let (status, body) = shipper.ask(api, &batch).await?;
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
async fn a_backend_on_a_full_disk_refuses_with_a_clear_error_and_takes_batches_again_when_there_is_room() -> Result<()> {
    let disk = Disk::of(ROOM)?;
    let mut settings = Settings::flags(&["--compact-every", "1s"]);
    settings.data = Some(disk.path().join("data"));
    let mut backend = Backend::start_with(settings).await?;
    let mut shipper = Shipper::new(&backend.api, "shipper").await?;
    for round in 0..2 {
        shipper.ship_batches(&backend.api, 1).await?;
        disk.fill()?;
        let (batch, refusal) = refused(&mut shipper, &backend.api).await?;
        ensure!(remedy(&refusal).contains("the disk is full: free space in the data folder"), "{refusal}");
        let (ready, words) = backend.api.ask(reqwest::Method::GET, "/readyz", None).await?;
        ensure!(ready == 503, "the backend on a full disk is ready: {words}");
        if round == 1 {
            // While the disk is full.
            backend.kill();
        }
        disk.free()?;
        if round == 1 {
            backend.run().await?;
        }
        shipper.ship_until_acknowledged(&backend.api, &batch).await?;
        shipper.judge(&backend.api).await?;
    }
    backend.api.all_rows_in_files().await?;
    shipper.judge(&backend.api).await
}

#[tokio::test]
async fn a_meta_store_on_a_full_disk_refuses_with_a_clear_error_and_takes_batches_again_when_there_is_room() -> Result<()> {
    let disk = Disk::of(3 * ROOM)?;
    let mut options = durable();
    options.data = Some(disk.path().to_owned());
    let postgres = Postgres::start_with(18, options).await?;
    let url = migrated(&postgres).await?;
    let replicas = [replica(&url, "database").await?, replica(&url, "database").await?];
    let mut shipper = Shipper::new(&replicas[0].api, "shipper").await?;
    shipper.ship_batches(&replicas[0].api, 1).await?;
    disk.fill()?;
    let (batch, refusal) = refused(&mut shipper, &replicas[1].api).await?;
    ensure!(remedy(&refusal).contains("the disk of the meta store's PostgreSQL is full: grow its volume"), "{refusal}");
    // Queries are still answered.
    ensure!(shipper.counted(&replicas[0].api).await?.0 + 1 == shipper.acknowledged().0, "rows are missing while the disk is full");
    disk.free()?;
    shipper.ship_until_acknowledged(&replicas[1].api, &batch).await?;
    for replica in &replicas {
        shipper.judge(&replica.api).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_read_only_meta_store_refuses_with_a_clear_error_and_still_answers_queries() -> Result<()> {
    let postgres = Postgres::start_with(17, durable()).await?;
    let url = migrated(&postgres).await?;
    let replica = replica(&url, "database").await?;
    let mut shipper = Shipper::new(&replica.api, "shipper").await?;
    shipper.ship_batches(&replica.api, 1).await?;
    postgres.set_read_only(true).await?;
    let (batch, refusal) = refused(&mut shipper, &replica.api).await?;
    ensure!(remedy(&refusal).contains("PostgreSQL is read-only: connect to the primary"), "{refusal}");
    ensure!(shipper.counted(&replica.api).await?.0 + 1 == shipper.acknowledged().0, "rows are missing while the meta store is read-only");
    postgres.set_read_only(false).await?;
    shipper.ship_until_acknowledged(&replica.api, &batch).await?;
    shipper.judge(&replica.api).await
}

#[tokio::test]
async fn a_spool_on_a_full_disk_holds_batches_in_memory_and_loses_none() -> Result<()> {
    let disk = Disk::of(ROOM)?;
    let (postgres, mut backend) = tokio::try_join!(Postgres::start(18), Backend::start())?;
    postgres.execute("create extension pg_stat_statements").await?;
    let mut collector = Collector::prepare(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
    let spool = disk.path().join("spool");
    std::fs::create_dir(&spool).context("create the spool")?;
    collector.configure(&format!("[spool]\nfolder = {spool:?}"))?;
    let watch = SpoolWatch::watch(spool)?;
    collector.run()?;
    rounds(&backend.api, "db", 1).await?;
    // No backend takes batches, and the spool has no room for them.
    backend.kill();
    disk.fill()?;
    until("the collector to say that its spool is full", PATIENCE, async || {
        Ok(collector.log().contains("batches are held in memory").then_some(()))
    })
    .await
    .with_context(|| collector.log())?;
    disk.free()?;
    until("the batches to be on disk", PATIENCE, async || {
        Ok(collector.log().contains("the spool is writable again; all batches are on disk").then_some(()))
    })
    .await?;
    backend.run().await?;
    rounds(&backend.api, "db", 2).await?;
    collector.stop()?;
    ensure!(watch.is_empty(), "batches were left in the spool");
    let collectors = backend.api.request(reqwest::Method::GET, "/api/v1/collectors", None).await?;
    ensure!(collectors.to_string().contains("\"dropped_rows\":0"), "rows were dropped: {collectors}");
    watch.judge(&backend.api).await?;
    e2e::drive::watched::judge(&backend.api).await
}

#[tokio::test]
async fn a_spool_whose_disk_hangs_is_reported_and_goes_on_without_a_loss() -> Result<()> {
    let disk = HangingDisk::of(ROOM)?;
    let (postgres, backend) = tokio::try_join!(Postgres::start(18), Backend::start())?;
    postgres.execute("create extension pg_stat_statements").await?;
    let mut collector = Collector::prepare(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
    let spool = disk.path().join("spool");
    std::fs::create_dir(&spool).context("create the spool")?;
    collector.configure(&format!("[spool]\nfolder = {spool:?}"))?;
    collector.run()?;
    rounds(&backend.api, "db", 2).await?;
    let now = async || -> Result<String> {
        let health = backend.api.request(reqwest::Method::GET, "/api/v1/health", None).await?;
        Ok(health["timestamp"].as_str().context("a time")?.to_owned())
    };
    disk.hang()?;
    let hung = now().await?;
    until("the collector to say that the disk hangs", PATIENCE, async || {
        Ok(collector.log().contains("the spool's disk does not answer").then_some(()))
    })
    .await
    .with_context(|| collector.log())?;
    // It still reads and answers.
    let metrics = collector.metrics().await?;
    ensure!(metrics.contains("pganalytics_collector_spool_on_disk 0"), "{metrics}");
    let answered = now().await?;
    disk.go_on()?;
    until("the collector to go on", PATIENCE, async || Ok(collector.log().contains("the spool's disk answers again").then_some(())))
        .await
        .with_context(|| collector.log())?;
    rounds(&backend.api, "db", 2).await?;
    collector.stop()?;
    let read = format!("select count(distinct ts) from pg_stat_statements where server = 'db' and ts between '{hung}' and '{answered}'");
    ensure!(backend.api.integer(&read).await? >= 3, "rows that were read while the disk hung are missing");
    let known = backend.api.collector(&collector.name()).await?.context("the collector")?;
    ensure!(known["dropped_rows"] == 0, "{known}");
    e2e::drive::watched::judge(&backend.api).await
}
