//! The meta store fails over from a primary to its synchronous standby. The database URL names both.

use anyhow::{Context, Result, ensure};
use e2e::drive::cluster::durable;
use e2e::drive::replicas::{holds_the_lease, migrate};
use e2e::drive::{Backend, Settings};
use e2e::judge::Shipper;
use e2e::servers::Postgres;
use e2e::wait::{PATIENCE, until};

#[tokio::test]
async fn backends_go_on_at_the_promoted_standby_and_no_acknowledged_row_is_missing() -> Result<()> {
    let mut primary = Postgres::start_with(18, durable()).await?;
    let standby = primary.standby().await?;
    // From here on each commit is on both servers.
    primary.execute("alter system set synchronous_standby_names = '*'").await?;
    primary.execute("select pg_reload_conf()").await?;
    until("the standby to be synchronous", PATIENCE, async || {
        let mut session = primary.connect().await?;
        let state: String = sqlx::query_scalar("select sync_state from pg_stat_replication").fetch_one(&mut session).await?;
        Ok((state == "sync").then_some(()))
    })
    .await?;
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port, standby.port);
    let url = format!("postgresql://postgres@{hosts}/postgres?sslmode=disable&target_session_attrs=read-write");
    let (code, output) = migrate(&url, &[]).await?;
    ensure!(code == 0, "{output}");
    let settings = Settings::flags(&["--database-url", &url, "--store", "database", "--compact-every", "1s"]);
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Backend::start_with(settings.clone()).await?);
    }
    let mut shipper = Shipper::new(&replicas[0].api, "shipper").await?;
    for round in 0..20 {
        let batch = shipper.next_batch()?;
        shipper.ship_until_acknowledged(&replicas[round % 3].api, &batch).await?;
    }
    primary.kill().await?;
    // Without a primary no backend may acknowledge.
    let batch = shipper.next_batch()?;
    for replica in &replicas {
        let status = shipper.ship(&replica.api, &batch).await;
        ensure!(status.is_none_or(|status| status == 503), "{status:?} without a primary");
    }
    standby.execute("alter system set synchronous_standby_names = ''").await?;
    standby.promote().await?;
    standby.execute("select pg_reload_conf()").await?;
    shipper.ship_until_acknowledged(&replicas[0].api, &batch).await.context("after the promotion")?;
    for round in 0..10 {
        let batch = shipper.next_batch()?;
        shipper.ship_until_acknowledged(&replicas[round % 3].api, &batch).await?;
    }
    for replica in &replicas {
        until("an answer", PATIENCE, async || shipper.judge(&replica.api).await.map(Some)).await?;
    }
    until("a holder of the lease", PATIENCE, async || Ok(replicas.iter().any(holds_the_lease).then_some(()))).await?;
    replicas[1].api.all_rows_in_files().await?;
    // A backend that starts now finds the new primary too, though the URL names it second.
    replicas[2].stop()?;
    replicas[2].run().await?;
    shipper.judge(&replicas[2].api).await
}
