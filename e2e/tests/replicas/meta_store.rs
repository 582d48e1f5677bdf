//! Several backends on one PostgreSQL: each answers the rows that another acknowledged, and no single backend is needed.

use anyhow::{Context, Result};
use e2e::drive::replicas::{database_url, holds_the_lease, migrate, migrated, refused, replica};
use e2e::drive::{Backend, Settings};
use e2e::judge::Shipper;
use e2e::machine::programs::binary;
use e2e::servers::postgres::Ending;
use e2e::servers::{Azure, CONTAINER, Postgres};
use e2e::wait::{PATIENCE, until};
use serde_json::json;

/// Rounds of killing. Each replica is the victim more than once.
const KILLS: usize = 6;

#[tokio::test]
async fn a_meta_store_is_migrated_once_by_concurrent_migrations_and_not_served_before() -> Result<()> {
    let postgres = Postgres::start(14).await?;
    let url = database_url(&postgres);
    let (code, output) = migrate(&url, &["--check"]).await?;
    assert_eq!(code, 3, "{output}");
    assert!(output.contains("run pganalytics migrate"), "{output}");
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
    let (code, output) = migrate(&url, &[]).await?;
    assert!(code != 0 && output.contains("a newer pgAnalytics has migrated it"), "{output}");
    Ok(())
}

#[tokio::test]
async fn replicas_answer_at_once_what_another_replica_acknowledged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let shared = format!("file://{}", folder.path().display());
    for (major, store) in [(14, "database"), (18, shared.as_str())] {
        let postgres = Postgres::start(major).await?;
        let url = migrated(&postgres).await?;
        let replicas = futures::future::try_join_all((0..3).map(|_| replica(&url, store))).await?;
        let mut shipper = Shipper::new(&replicas[0].api, "shipper").await?;
        for round in 0..30 {
            let batch = shipper.next_batch()?;
            assert_eq!(shipper.ship(&replicas[round % 3].api, &batch).await.map(|status| status.as_u16()), Some(200));
            // A replay at another replica changes nothing.
            assert_eq!(shipper.ship(&replicas[(round + 1) % 3].api, &batch).await.map(|status| status.as_u16()), Some(200));
            for replica in &replicas {
                shipper.judge(&replica.api).await.with_context(|| format!("round {round} of {store}"))?;
            }
        }
        // One replica compacts; then all replicas answer from files.
        replicas[2].api.all_rows_in_files().await?;
        for replica in &replicas {
            shipper.judge(&replica.api).await.with_context(|| format!("{store}, compacted"))?;
        }
        assert_eq!(replicas.iter().filter(|replica| holds_the_lease(replica)).count(), 1);
        // A login at one replica is a login at all.
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
    let mut shipper = Shipper::new(&replicas[0].api, "shipper").await?;
    for round in 0..KILLS {
        // Every other victim is the holder of the lease, so that a compaction may be interrupted.
        let holder = until("a holder of the lease", PATIENCE, async || Ok(replicas.iter().position(holds_the_lease))).await?;
        let victim = if round % 2 == 0 { holder } else { round % 3 };
        for at in 0..20 {
            let batch = shipper.next_batch()?;
            if at == 10 {
                replicas[victim].kill();
            }
            // In order, each batch again at the next replica until it is acknowledged, as a collector does.
            let mut turn = at;
            until("an acknowledgement", PATIENCE, async || {
                turn += 1;
                let status = shipper.ship(&replicas[turn % 3].api, &batch).await;
                Ok((status.is_some_and(|status| status.is_success())).then_some(()))
            })
            .await?;
        }
        let alive: Vec<usize> = (0..3).filter(|at| *at != victim).collect();
        until("another holder of the lease", PATIENCE, async || Ok(alive.iter().any(|at| holds_the_lease(&replicas[*at])).then_some(())))
            .await?;
        for at in &alive {
            shipper.judge(&replicas[*at].api).await.with_context(|| format!("round {round}"))?;
        }
        replicas[victim].run().await?;
        shipper.judge(&replicas[victim].api).await.with_context(|| format!("round {round}, the victim"))?;
    }
    Ok(())
}

#[tokio::test]
async fn replicas_survive_a_restart_of_their_meta_store() -> Result<()> {
    let mut postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    let replica = replica(&url, "database").await?;
    let mut shipper = Shipper::new(&replica.api, "shipper").await?;
    for ending in [Ending::Fast, Ending::Immediate] {
        let batch = shipper.next_batch()?;
        assert_eq!(shipper.ship(&replica.api, &batch).await.map(|status| status.as_u16()), Some(200));
        postgres.stop(ending)?;
        let batch = shipper.next_batch()?;
        let status = shipper.ship(&replica.api, &batch).await.context("an answer while the meta store is down")?;
        assert_eq!(status.as_u16(), 503);
        postgres.run().await?;
        until("an acknowledgement after the restart", PATIENCE, async || {
            let status = shipper.ship(&replica.api, &batch).await;
            Ok((status.is_some_and(|status| status.is_success())).then_some(()))
        })
        .await?;
        until("all rows", PATIENCE, async || shipper.judge(&replica.api).await.map(Some)).await?;
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
    let mut shipper = Shipper::new(&replicas[0].api, "shipper").await?;
    for at in 0..20 {
        let batch = shipper.next_batch()?;
        shipper.ship_until_acknowledged(&replicas[at % 2].api, &batch).await?;
    }
    replicas[1].api.all_rows_in_files().await?;
    for replica in &replicas {
        shipper.judge(&replica.api).await?;
    }
    let mut verify = tokio::process::Command::new(binary("pganalytics")?);
    verify.args(["lake", "verify", "--database-url", &url, "--store", &store]).envs(azure.environment());
    let output = verify.output().await.context("run pganalytics lake verify")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("no problems") && !printed.starts_with("0 files"), "{printed}");
    Ok(())
}
