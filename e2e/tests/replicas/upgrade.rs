//! Upgrades while everything runs: replicas of the version before go on writing under the schema of the next, and are replaced one by one.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use e2e::drive::backend::Settings;
use e2e::drive::cluster::Cluster;
use e2e::drive::replicas::{migrate, migrated, refused, replica};
use e2e::judge::shipper::Hand;
use e2e::judge::tally::Tally;
use e2e::servers::balancer::Software;
use e2e::servers::postgres::Postgres;
use e2e::wait::{PATIENCE, until};

#[tokio::test]
async fn replicas_go_on_while_a_later_version_migrates_and_only_a_new_start_is_refused() -> Result<()> {
    let postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    let replicas = [replica(&url, "database").await?, replica(&url, "database").await?];
    let mut hand = Hand::new(&replicas[0].api, "hand").await?;
    for round in 0..20 {
        if round == 10 {
            // As migrations are: something more, and a row that says so.
            postgres
                .execute(
                    "begin; alter table batches add column later text; alter table files add column later bigint not null default 0;
                     insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'later', true, '', 0);
                     commit",
                )
                .await?;
        }
        let batch = hand.next_batch()?;
        hand.ship_until_acknowledged(&replicas[round % 2].api, &batch).await?;
        for replica in &replicas {
            hand.judge(&replica.api).await.with_context(|| format!("round {round}"))?;
        }
    }
    until("the rows to be in files", PATIENCE, async || {
        let (_, metrics) = replicas[0].api.ask(reqwest::Method::GET, "/metrics", None).await?;
        Ok(metrics.lines().any(|line| line == "pganalytics_lake_hot_rows 0").then_some(()))
    })
    .await?;
    hand.judge(&replicas[1].api).await?;
    let refusal = refused(&url, "database").await?;
    ensure!(refusal.contains("a newer pgAnalytics has migrated it"), "{refusal}");
    Ok(())
}

#[tokio::test]
async fn a_migration_that_broke_off_is_told_and_not_served() -> Result<()> {
    let postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    postgres.execute("update _sqlx_migrations set success = false where version = (select max(version) from _sqlx_migrations)").await?;
    let refusal = refused(&url, "database").await?;
    ensure!(refusal.contains("began and did not end: see its error in the log of pganalytics migrate, and run that again"), "{refusal}");
    let (code, said) = migrate(&url, &["--check"]).await?;
    ensure!(code != 0 && said.contains("began and did not end"), "{code}: {said}");
    Ok(())
}

/// `make test-upgrade` builds the version before and runs this.
#[tokio::test]
#[ignore = "needs the version before as PGANALYTICS_PREVIOUS: make test-upgrade"]
async fn three_replicas_of_the_version_before_are_replaced_one_by_one_and_no_client_sees_it() -> Result<()> {
    let previous: PathBuf =
        std::env::var_os("PGANALYTICS_PREVIOUS").context("PGANALYTICS_PREVIOUS is the path of an earlier pganalytics")?.into();
    let mut settings = Settings::flags(&["--compact-every", "1s", "--drain-delay", "2s"]);
    settings.program = Some(previous);
    let mut cluster = Cluster::start_with(Software::Haproxy, 18, &settings).await?;
    let mut hand = Hand::new(&cluster.backends[0].api, "hand").await?;
    let mut tally = Tally::default();
    let mut ship = async |cluster: &Cluster, when: &str| {
        for _ in 0..10 {
            let batch = hand.next_batch()?;
            hand.ship_counted(&cluster.balancer.api, &batch, &mut tally).await.with_context(|| when.to_owned())?;
        }
        for backend in &cluster.backends {
            until("an answer", PATIENCE, async || hand.counted(&backend.api).await.map(Some))
                .await
                .and_then(|found| {
                    ensure!(found == hand.acknowledged(), "{found:?} at {}, {:?} were acknowledged", backend.api.url, hand.acknowledged());
                    Ok(())
                })
                .with_context(|| when.to_owned())?;
        }
        anyhow::Ok(())
    };
    ship(&cluster, "before").await?;
    cluster.migrate().await?;
    ship(&cluster, "migrated, and served by the version before").await?;
    for at in 0..cluster.backends.len() {
        cluster.backends[at].terminate()?;
        cluster.backends[at].stop()?;
        cluster.backends[at].set_program(None);
        cluster.backends[at].run().await?;
        ship(&cluster, &format!("{} upgraded", at + 1)).await?;
        // It dies in the middle of it: versions side by side must recover from each other as well. One of the version before would not
        // start again by now, since the schema is newer.
        cluster.backends[at].kill();
        cluster.backends[at].run().await?;
        ship(&cluster, &format!("{} upgraded, and killed", at + 1)).await?;
    }
    println!("{tally}");
    ensure!(tally.given_up == 0, "{} batches were given up", tally.given_up);
    Ok(())
}
