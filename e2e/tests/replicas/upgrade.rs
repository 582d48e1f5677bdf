//! Rolling upgrades: replicas of the previous version go on writing with the next version's schema, and are replaced one by one.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use e2e::drive::replicas::{migrate, migrated, refused, replica};
use e2e::drive::{Cluster, Settings};
use e2e::judge::{Shipper, Tally};
use e2e::servers::Postgres;
use e2e::servers::balancer::Software;

#[tokio::test]
async fn replicas_go_on_while_a_later_version_migrates_and_only_a_new_start_is_refused() -> Result<()> {
    let postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    let replicas = [replica(&url, "database").await?, replica(&url, "database").await?];
    let mut shipper = Shipper::new(&replicas[0].api, "shipper").await?;
    for round in 0..20 {
        if round == 10 {
            // What a later migration does: more columns, and a row in the list of migrations.
            postgres
                .execute(
                    "begin; alter table batches add column later text; alter table files add column later bigint not null default 0;
                     insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'later', true, '', 0);
                     commit",
                )
                .await?;
        }
        let batch = shipper.next_batch()?;
        shipper.ship_until_acknowledged(&replicas[round % 2].api, &batch).await?;
        for replica in &replicas {
            shipper.judge(&replica.api).await.with_context(|| format!("round {round}"))?;
        }
    }
    replicas[0].api.all_rows_in_files().await?;
    shipper.judge(&replicas[1].api).await?;
    let refusal = refused(&url, "database").await?;
    ensure!(refusal.contains("a newer pgAnalytics has migrated it"), "{refusal}");
    Ok(())
}

#[tokio::test]
async fn a_migration_that_did_not_end_is_reported_and_not_served() -> Result<()> {
    let postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    postgres.execute("update _sqlx_migrations set success = false where version = (select max(version) from _sqlx_migrations)").await?;
    let refusal = refused(&url, "database").await?;
    ensure!(
        refusal.contains("started but did not finish: its error is in the log of pganalytics migrate; run pganalytics migrate again"),
        "{refusal}"
    );
    let (code, output) = migrate(&url, &["--check"]).await?;
    ensure!(code != 0 && output.contains("started but did not finish"), "{code}: {output}");
    Ok(())
}

/// `make test-upgrade` builds the previous version and runs this test.
#[tokio::test]
#[ignore = "needs the previous version as PGANALYTICS_PREVIOUS: make test-upgrade"]
async fn upgrading_three_replicas_one_by_one_causes_no_client_an_error() -> Result<()> {
    let previous: PathBuf =
        std::env::var_os("PGANALYTICS_PREVIOUS").context("PGANALYTICS_PREVIOUS is the path of an earlier pganalytics")?.into();
    let mut settings = Settings::flags(&["--compact-every", "1s", "--drain-delay", "2s"]);
    settings.program = Some(previous);
    let mut cluster = Cluster::start_with(Software::Haproxy, 18, &settings).await?;
    let mut shipper = Shipper::new(&cluster.backends[0].api, "shipper").await?;
    let mut tally = Tally::default();
    let mut ship = async |cluster: &Cluster, when: &str| {
        for _ in 0..10 {
            let batch = shipper.next_batch()?;
            shipper.ship_counted(&cluster.balancer.api, &batch, &mut tally).await.with_context(|| when.to_owned())?;
        }
        for backend in &cluster.backends {
            shipper.judge_first_answer(&backend.api).await.with_context(|| when.to_owned())?;
        }
        anyhow::Ok(())
    };
    ship(&cluster, "before").await?;
    cluster.migrate().await?;
    ship(&cluster, "migrated, and served by the previous version").await?;
    for at in 0..cluster.backends.len() {
        cluster.backends[at].terminate()?;
        cluster.backends[at].stop()?;
        cluster.backends[at].set_program(None);
        cluster.backends[at].run().await?;
        ship(&cluster, &format!("{} upgraded", at + 1)).await?;
        // The upgraded backend is killed: versions side by side must also recover. A backend of the previous version would not start any more with the
        // newer schema.
        cluster.backends[at].kill();
        cluster.backends[at].run().await?;
        ship(&cluster, &format!("{} upgraded, and killed", at + 1)).await?;
    }
    println!("{tally}");
    ensure!(tally.given_up == 0, "{} batches were given up", tally.given_up);
    Ok(())
}
