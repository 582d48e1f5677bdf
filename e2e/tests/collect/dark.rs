//! A reading that is stopped, a database that is closed or wanted gone, an extension far away: the other views go on.

use anyhow::{Context, Result, ensure};
use e2e::drive::watched::judge;
use e2e::drive::{Backend, Collector, Watched};
use e2e::servers::Postgres;
use e2e::servers::postgres::{MAJORS, Options};
use e2e::wait::{PATIENCE, until};
use rustix::process::Signal;

/// The readings of fast views since a time.
async fn readings(watched: &Watched, view: &str) -> Result<i64> {
    watched.api().integer(&format!("select count(distinct ts) from {view} where server = 'db'")).await
}

#[tokio::test]
async fn a_stopped_reading_delays_no_other_view() -> Result<()> {
    let watched = Watched::start(17).await?;
    let mut session = watched.postgres.connect().await?;
    // The reader's session is the one that does not sample sessions.
    let reader = until("the reader's session", PATIENCE, async || {
        let found: Option<i32> = sqlx::query_scalar(
            "select pid from pg_stat_activity where application_name like 'pganalytics%' and query not like '%pg_stat_activity as a%'",
        )
        .fetch_optional(&mut session)
        .await?;
        Ok(found)
    })
    .await?;
    watched.postgres.signal_session(reader, Signal::STOP)?;
    let (before, servers) = (readings(&watched, "pg_stat_database").await?, readings(&watched, "pganalytics_server").await?);
    let gone_on = until("fast views to be read while the reader's session is stopped", PATIENCE, async || {
        let now = readings(&watched, "pg_stat_database").await?;
        ensure!(now >= before + 3 && readings(&watched, "pganalytics_server").await? >= servers + 3, "{before} readings, now {now}");
        Ok(Some(()))
    })
    .await;
    watched.postgres.signal_session(reader, Signal::CONT)?;
    gone_on?;
    watched.rounds(3).await?;
    let down = watched.api().integer("select count(*) from pganalytics_server where server = 'db' and not up").await?;
    assert_eq!(down, 0, "the server was seen down");
    judge(watched.api()).await
}

#[tokio::test]
async fn an_extension_is_found_in_the_last_of_many_databases_and_a_closed_schema_names_the_grant() -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start(16), Backend::start())?;
    postgres.execute("create role monitor login; grant pg_monitor to monitor").await?;
    for number in 0..26 {
        postgres.execute(&format!("create database d{number:02}")).await?;
    }
    let mut last = postgres.connect_to("d25", "postgres", None).await?;
    e2e::servers::postgres::execute(&mut last, "create schema ext; create extension pg_stat_statements schema ext").await?;
    let collector = Collector::start(&backend, &[("db", postgres.conninfo("monitor", None))]).await?;
    backend
        .api
        .rows_of("select 1 from pganalytics_cost where view = 'pg_stat_statements' and last_error like '%GRANT USAGE ON SCHEMA ext TO monitor%' limit 1")
        .await
        .with_context(|| collector.log())?;
    Ok(())
}

#[tokio::test]
async fn a_database_is_dropped_and_copied_while_it_is_read_and_a_broken_one_is_not_tried() -> Result<()> {
    for major in [MAJORS[0], MAJORS[4]] {
        let watched = Watched::start(major).await?;
        watched.postgres.execute("create database app").await?;
        watched.postgres.execute("create database broken").await?;
        watched.postgres.execute("update pg_database set datconnlimit = -2 where datname = 'broken'").await?;
        let mut app = watched.postgres.connect_to("app", "postgres", None).await?;
        e2e::servers::postgres::execute(&mut app, "create table t (id int); insert into t select generate_series(1, 10)").await?;
        drop(app);
        watched.rows_of("select 1 from pg_stat_user_tables where server = 'db' and datname = 'app' limit 1").await?;
        watched.postgres.execute("create database copy template app").await?;
        watched.postgres.execute("drop database app").await?;
        watched.rounds(2).await?;
        let fatal = watched.postgres.log().lines().filter(|line| line.contains("FATAL") && line.contains("broken")).count();
        assert_eq!(fatal, 0, "on {major} the invalid database was tried");
    }
    Ok(())
}

/// Both sessions of the collector stall once for six seconds, as in a hiccup of the machine.
#[tokio::test]
async fn one_stall_of_a_ten_second_view_does_not_stretch_its_interval() -> Result<()> {
    let lines = "[view.pg_stat_database]\ninterval = \"10s\"\n[view.pg_stat_wal]\ninterval = \"10s\"\n";
    let watched = Watched::start_configured(16, Options::default(), lines).await?;
    let mut session = watched.postgres.connect().await?;
    until("a second reading", PATIENCE, async || {
        ensure!(readings(&watched, "pg_stat_database").await? >= 2, "there was one");
        Ok(Some(()))
    })
    .await?;
    let ours: Vec<i32> =
        sqlx::query_scalar("select pid from pg_stat_activity where application_name like 'pganalytics%'").fetch_all(&mut session).await?;
    ours.iter().try_for_each(|pid| watched.postgres.signal_session(*pid, Signal::STOP))?;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    ours.iter().try_for_each(|pid| watched.postgres.signal_session(*pid, Signal::CONT))?;
    let before = readings(&watched, "pg_stat_database").await?;
    until("three readings after the stall", PATIENCE, async || {
        let now = readings(&watched, "pg_stat_database").await?;
        ensure!(now >= before + 3, "{before} readings, now {now}");
        Ok(Some(()))
    })
    .await?;
    let stretched = watched
        .api()
        .integer(
            "select count(*) from pganalytics_cost where view in ('pg_stat_database', 'pg_stat_wal') and last_error like 'over budget%'",
        )
        .await?;
    assert_eq!(stretched, 0, "{}", watched.collector.log());
    // No two readings of the view are further apart than the largest stretch of any view.
    let apart = "select max(interval_ms) from pg_stat_database where server = 'db'";
    assert!(watched.api().integer(apart).await? <= 60_000);
    Ok(())
}
