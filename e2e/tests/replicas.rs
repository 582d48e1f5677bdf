//! Several backends on one PostgreSQL: what one acknowledged the others answer, and none of them is needed.

use anyhow::{Context, Result};
use e2e::azure::{Azure, CONTAINER};
use e2e::backend::{Backend, Settings};
use e2e::hand::Hand;
use e2e::install::binary;
use e2e::postgres::{Ending, Postgres};
use e2e::replicas::{database_url, holds_the_lease, migrate, migrated, refused, replica};
use e2e::wait::{PATIENCE, until};
use serde_json::json;

/// Rounds of killing: enough that each replica is the victim more than once.
const KILLS: usize = 6;

#[tokio::test]
async fn a_store_is_migrated_once_however_many_ask_and_not_served_before() -> Result<()> {
    let postgres = Postgres::start(14).await?;
    let url = database_url(&postgres);
    let (code, said) = migrate(&url, &["--check"]).await?;
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("run pganalytics migrate"), "{said}");
    let refusal = refused(&url, "database").await?;
    assert!(refusal.contains("run pganalytics migrate with the same settings"), "{refusal}");

    let three = futures::future::try_join_all((0..3).map(|_| migrate(&url, &[]))).await?;
    assert!(three.iter().all(|(code, _)| *code == 0), "{three:?}");
    assert_eq!(migrate(&url, &["--check"]).await?.0, 0);

    postgres
        .execute(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'later', true, '', 0)",
        )
        .await?;
    let refusal = refused(&url, "database").await?;
    assert!(refusal.contains("a newer pgAnalytics has migrated it"), "{refusal}");
    let (code, said) = migrate(&url, &[]).await?;
    assert!(code != 0 && said.contains("a newer pgAnalytics has migrated it"), "{said}");
    Ok(())
}

#[tokio::test]
async fn what_one_replica_acknowledged_the_others_answer_at_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let shared = format!("file://{}", folder.path().display());
    for (major, store) in [(14, "database"), (18, shared.as_str())] {
        let postgres = Postgres::start(major).await?;
        let url = migrated(&postgres).await?;
        let replicas = futures::future::try_join_all((0..3).map(|_| replica(&url, store))).await?;
        let mut hand = Hand::new(&replicas[0].api, "hand").await?;
        for round in 0..30 {
            let batch = hand.next_batch()?;
            assert_eq!(hand.ship(&replicas[round % 3].api, &batch).await.map(|status| status.as_u16()), Some(200));
            // A replay, at another replica, is as if it had not been.
            assert_eq!(hand.ship(&replicas[(round + 1) % 3].api, &batch).await.map(|status| status.as_u16()), Some(200));
            for replica in &replicas {
                hand.judge(&replica.api).await.with_context(|| format!("round {round} of {store}"))?;
            }
        }
        // One of them compacts; then the rows are in files, for all of them.
        until("the rows to be in files", PATIENCE, async || {
            let (_, metrics) = replicas[2].api.ask(reqwest::Method::GET, "/metrics", None).await?;
            let hot = metrics.lines().find(|line| line.starts_with("pganalytics_lake_hot_rows ")).context("the metric")?.ends_with(" 0");
            Ok(hot.then_some(()))
        })
        .await?;
        for replica in &replicas {
            hand.judge(&replica.api).await.with_context(|| format!("{store}, compacted"))?;
        }
        assert_eq!(replicas.iter().filter(|replica| holds_the_lease(replica)).count(), 1);
        // A login at one is a login at all.
        let mut other = replicas[1].api.clone();
        other.token.clone_from(&replicas[0].api.token);
        assert_eq!(other.sql("select 1").await?, vec![vec![json!(1)]]);
    }
    Ok(())
}

#[tokio::test]
async fn killing_replicas_loses_and_doubles_nothing() -> Result<()> {
    let postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    let mut replicas = futures::future::try_join_all((0..3).map(|_| replica(&url, "database"))).await?;
    let mut hand = Hand::new(&replicas[0].api, "hand").await?;
    for round in 0..KILLS {
        // The holder of the lease, every other time: compaction is what may be cut off half-way.
        let holder = until("a holder of the lease", PATIENCE, async || Ok(replicas.iter().position(holds_the_lease))).await?;
        let victim = if round % 2 == 0 { holder } else { round % 3 };
        for at in 0..20 {
            let batch = hand.next_batch()?;
            if at == 10 {
                replicas[victim].kill();
            }
            // In order, and again until it is acknowledged, by whichever answers: as a collector does.
            let mut turn = at;
            until("an acknowledgement", PATIENCE, async || {
                turn += 1;
                let status = hand.ship(&replicas[turn % 3].api, &batch).await;
                Ok((status.is_some_and(|status| status.is_success())).then_some(()))
            })
            .await?;
        }
        let alive: Vec<usize> = (0..3).filter(|at| *at != victim).collect();
        until("another holder of the lease", PATIENCE, async || Ok(alive.iter().any(|at| holds_the_lease(&replicas[*at])).then_some(())))
            .await?;
        for at in &alive {
            hand.judge(&replicas[*at].api).await.with_context(|| format!("round {round}"))?;
        }
        replicas[victim].run().await?;
        hand.judge(&replicas[victim].api).await.with_context(|| format!("round {round}, the victim"))?;
    }
    Ok(())
}

#[tokio::test]
async fn replicas_live_through_a_restart_of_their_store() -> Result<()> {
    let mut postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    let replica = replica(&url, "database").await?;
    let mut hand = Hand::new(&replica.api, "hand").await?;
    for ending in [Ending::Fast, Ending::Immediate] {
        let batch = hand.next_batch()?;
        assert_eq!(hand.ship(&replica.api, &batch).await.map(|status| status.as_u16()), Some(200));
        postgres.stop(ending)?;
        let batch = hand.next_batch()?;
        let status = hand.ship(&replica.api, &batch).await.context("an answer while the store is away")?;
        assert_eq!(status.as_u16(), 503);
        postgres.run().await?;
        until("an acknowledgement after the restart", PATIENCE, async || {
            let status = hand.ship(&replica.api, &batch).await;
            Ok((status.is_some_and(|status| status.is_success())).then_some(()))
        })
        .await?;
        until("all rows", PATIENCE, async || hand.judge(&replica.api).await.map(Some)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn replicas_share_a_history_on_azure() -> Result<()> {
    let (azure, postgres) = (Azure::start().await?, Postgres::start(18).await?);
    let url = migrated(&postgres).await?;
    let store = format!("az://{CONTAINER}/lake");
    let settings = || Settings {
        environment: azure.environment(),
        ..Settings::flags(&["--database-url", &url, "--store", &store, "--compact-every", "1s"])
    };
    let replicas = futures::future::try_join_all((0..2).map(|_| Backend::start_with(settings()))).await?;
    let mut hand = Hand::new(&replicas[0].api, "hand").await?;
    for at in 0..20 {
        let batch = hand.next_batch()?;
        hand.ship_until_acknowledged(&replicas[at % 2].api, &batch).await?;
    }
    until("the rows to be in files", PATIENCE, async || {
        let (_, metrics) = replicas[1].api.ask(reqwest::Method::GET, "/metrics", None).await?;
        Ok(metrics.contains("pganalytics_lake_hot_batches 0\n").then_some(()))
    })
    .await?;
    for replica in &replicas {
        hand.judge(&replica.api).await?;
    }
    let mut verify = tokio::process::Command::new(binary("pganalytics")?);
    verify.args(["lake", "verify", "--database-url", &url, "--store", &store]).envs(azure.environment());
    let output = verify.output().await.context("run pganalytics lake verify")?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("no problems") && !said.starts_with("0 files"), "{said}");
    Ok(())
}
