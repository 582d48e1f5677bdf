//! A database that somebody wants to drop or copy while the collector's sessions sit in it.

use anyhow::{Context, Result, ensure};
use e2e::drive::watched::up;
use e2e::drive::{Backend, Collector, Watched};
use e2e::servers::Postgres;
use e2e::servers::postgres::MAJORS;
use e2e::wait::{PATIENCE, until};

/// Waits until the collector has a session in this database.
async fn sits_in(postgres: &Postgres, database: &str) -> Result<()> {
    let mut session = postgres.connect().await?;
    until(&format!("a session of the collector in {database}"), PATIENCE, async || {
        let sessions: i64 =
            sqlx::query_scalar("select count(*) from pg_stat_activity where application_name like 'pganalytics%' and datname = $1")
                .bind(database)
                .fetch_one(&mut session)
                .await?;
        Ok((sessions > 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn the_targets_own_database_is_copied_and_dropped_while_it_is_read() -> Result<()> {
    for major in MAJORS {
        let (postgres, backend) = tokio::try_join!(Postgres::start(major), Backend::start())?;
        postgres.execute("create database app").await?;
        let target = postgres.conninfo("postgres", None).replace("/postgres?", "/app?");
        let collector = Collector::start(&backend, &[("db", target)]).await?;
        up(&backend.api, "db").await?;
        for copy in ["one", "two"] {
            sits_in(&postgres, "app").await?;
            postgres.execute(&format!("create database {copy} template app")).await.with_context(|| format!("on {major}"))?;
        }
        sits_in(&postgres, "app").await?;
        postgres.execute("alter database app rename to web").await.with_context(|| format!("on {major}"))?;
        postgres.execute("alter database web rename to app").await?;
        sits_in(&postgres, "app").await?;
        postgres.execute("drop database app").await.with_context(|| format!("on {major}"))?;
        // The server goes on being read, through another database.
        let readings = "select count(*) from pganalytics_server where server = 'db' and up";
        let before = backend.api.integer(readings).await?;
        until("readings after the drop", PATIENCE, async || {
            let now = backend.api.integer(readings).await?;
            ensure!(now >= before + 3, "{before} readings, now {now}");
            Ok(Some(()))
        })
        .await
        .with_context(|| collector.log())?;
        let down = backend.api.integer("select count(*) from pganalytics_server where server = 'db' and not up").await?;
        assert_eq!(down, 0, "on {major} the server was seen down:\n{}", collector.log());
    }
    Ok(())
}

#[tokio::test]
async fn the_maintenance_database_is_copied_while_it_is_read() -> Result<()> {
    for major in [MAJORS[0], MAJORS[4]] {
        let watched = Watched::start(major).await?;
        sits_in(&watched.postgres, "postgres").await?;
        // The session that creates the copy must not sit in the database either.
        let mut session = watched.postgres.connect_to("template1", "postgres", None).await?;
        e2e::servers::postgres::execute(&mut session, "create database copy template postgres")
            .await
            .with_context(|| format!("on {major}"))?;
        watched.rounds(2).await?;
        let down = watched.api().integer("select count(*) from pganalytics_server where server = 'db' and not up").await?;
        assert_eq!(down, 0, "on {major} the server was seen down");
    }
    Ok(())
}
