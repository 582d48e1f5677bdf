//! The meta store fails over: a primary with a synchronous standby, both named in the database URL.

use anyhow::{Context, Result, ensure};
use e2e::drive::backend::{Backend, Settings};
use e2e::drive::cluster::durable;
use e2e::drive::replicas::{holds_the_lease, migrate};
use e2e::judge::shipper::Hand;
use e2e::servers::postgres::Postgres;
use e2e::wait::{PATIENCE, until};

#[tokio::test]
async fn backends_go_on_at_the_standby_that_was_promoted_and_nothing_acknowledged_is_missing() -> Result<()> {
    let mut primary = Postgres::start_with(18, durable()).await?;
    let standby = primary.standby().await?;
    // From here on a commit is one of both.
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
    let (code, said) = migrate(&url, &[]).await?;
    ensure!(code == 0, "{said}");
    let settings = Settings::flags(&["--database-url", &url, "--store", "database", "--compact-every", "1s"]);
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Backend::start_with(settings.clone()).await?);
    }
    let mut hand = Hand::new(&replicas[0].api, "hand").await?;
    for round in 0..20 {
        let batch = hand.next_batch()?;
        hand.ship_until_acknowledged(&replicas[round % 3].api, &batch).await?;
    }
    primary.kill().await?;
    // Neither here nor there: nobody may acknowledge.
    let batch = hand.next_batch()?;
    for replica in &replicas {
        let status = hand.ship(&replica.api, &batch).await;
        ensure!(status.is_none_or(|status| status == 503), "{status:?} without a primary");
    }
    standby.execute("alter system set synchronous_standby_names = ''").await?;
    standby.promote().await?;
    standby.execute("select pg_reload_conf()").await?;
    hand.ship_until_acknowledged(&replicas[0].api, &batch).await.context("after the promotion")?;
    for round in 0..10 {
        let batch = hand.next_batch()?;
        hand.ship_until_acknowledged(&replicas[round % 3].api, &batch).await?;
    }
    for replica in &replicas {
        until("an answer", PATIENCE, async || hand.judge(&replica.api).await.map(Some)).await?;
    }
    until("a holder of the lease", PATIENCE, async || Ok(replicas.iter().any(holds_the_lease).then_some(()))).await?;
    until("all rows to be in files", PATIENCE, async || {
        let (_, metrics) = replicas[1].api.ask(reqwest::Method::GET, "/metrics", None).await?;
        Ok(metrics.lines().any(|line| line == "pganalytics_lake_hot_rows 0").then_some(()))
    })
    .await?;
    // One that starts now finds it as well, though it is named second.
    replicas[2].stop()?;
    replicas[2].run().await?;
    hand.judge(&replicas[2].api).await
}
