//! What a server refuses is left out, and the rest is read: functions without a grant, databases that take no connections, texts that cannot be
//! shown.

use anyhow::{Context, Result};
use e2e::drive::watched::{rounds, up};
use e2e::drive::{Backend, Collector};
use e2e::servers::Postgres;
use e2e::servers::postgres::{MAJORS, Options, execute};

fn printed(collector: &Collector) -> Result<String> {
    let doctor = collector.doctor()?;
    Ok(String::from_utf8_lossy(&doctor.stdout).into_owned() + &String::from_utf8_lossy(&doctor.stderr))
}

/// The lines of the server's log with both words.
fn lines(postgres: &Postgres, one: &str, other: &str) -> usize {
    postgres.log().lines().filter(|line| line.contains(one) && line.contains(other)).count()
}

#[tokio::test]
async fn a_column_whose_function_is_refused_is_null_and_the_others_are_read() -> Result<()> {
    for major in MAJORS {
        let (postgres, backend) = tokio::try_join!(Postgres::start(major), Backend::start())?;
        postgres.execute("create extension pg_stat_statements; create role monitor login; grant pg_monitor to monitor").await?;
        for function in ["pg_current_wal_lsn()", "pg_database_size(oid)", "pg_stat_get_db_deadlocks(oid)", "pg_postmaster_start_time()"] {
            // pg_monitor has grants of its own on some functions.
            postgres.execute(&format!("revoke execute on function pg_catalog.{function} from public, pg_monitor")).await?;
        }
        let collector = Collector::start(&backend, &[("db", postgres.conninfo("monitor", None))]).await?;
        up(&backend.api, "db").await.with_context(|| collector.log())?;
        for rows in [
            "select 1 from pg_stat_wal where position is null and wal_records is not null and stats_reset is not null limit 1",
            "select 1 from pg_database where datname = 'postgres' and size is null and age is not null limit 1",
            "select 1 from pg_stat_database where datname = 'postgres' and deadlocks is null and xact_commit > 0 limit 1",
            "select 1 from pganalytics_server where up and postmaster_start_time is null and version is not null limit 1",
            "select 1 from pganalytics_cost where view = 'pg_stat_wal' and last_error like 'position is null: %42501%' limit 1",
            "select 1 from pganalytics_cost where view = 'pg_database' and last_error like 'size is null: %' limit 1",
        ] {
            backend.api.rows_of(rows).await.with_context(|| format!("on {major}: {rows}\n{}", collector.log()))?;
        }
        // The refused columns are known: no more errors in the server's log.
        let errors = lines(&postgres, "ERROR", "permission denied");
        rounds(&backend.api, "db", 3).await?;
        assert_eq!(lines(&postgres, "ERROR", "permission denied"), errors, "on {major}");
        let told = printed(&collector)?;
        for part in [
            "pg_stat_wal: position is null",
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_current_wal_lsn() TO monitor;",
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_database_size(oid) TO monitor;",
        ] {
            assert!(told.contains(part), "on {major}: {told}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_closed_database_is_tried_once_and_doctor_says_which_ones_are_not_read() -> Result<()> {
    let options = Options::default().hba("host closed monitor 127.0.0.1/32 reject");
    let (postgres, backend) = tokio::try_join!(Postgres::start_with(17, options), Backend::start())?;
    postgres.execute("create extension pg_stat_statements; create role monitor login; grant pg_monitor to monitor").await?;
    for database in ["closed", "broken", "archive", "hr", "rdsadmin"] {
        postgres.execute(&format!("create database {database}")).await?;
    }
    postgres.execute("update pg_database set datconnlimit = -2 where datname = 'broken'").await?;
    postgres.execute("alter database archive with allow_connections false; revoke connect on database hr from public").await?;
    let collector = Collector::start(&backend, &[("db", postgres.conninfo("monitor", None))]).await?;
    rounds(&backend.api, "db", 6).await.with_context(|| collector.log())?;
    backend
        .api
        .rows_of("select 1 from pganalytics_cost where view = 'pg_stat_user_tables' and last_error like '%every few hours: closed' limit 1")
        .await?;
    assert_eq!(lines(&postgres, "FATAL", "closed"), 1, "{}", postgres.log());
    assert_eq!(lines(&postgres, "FATAL", ""), 1, "{}", postgres.log());
    let told = printed(&collector)?;
    for part in [
        "database closed refuses connections",
        "pg_hba.conf",
        "database broken is invalid",
        "DROP DATABASE broken;",
        "database archive is not tried",
        "GRANT CONNECT ON DATABASE hr TO monitor;",
        "database rdsadmin is not tried",
    ] {
        assert!(told.contains(part), "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn texts_keep_coming_from_sessions_where_one_text_cannot_be_shown() -> Result<()> {
    for major in [MAJORS[0], MAJORS[4]] {
        let (postgres, backend) = tokio::try_join!(Postgres::start(major), Backend::start())?;
        postgres.execute("create role monitor login; grant pg_monitor to monitor").await?;
        postgres.execute("create database latin encoding 'LATIN1' template template0").await?;
        let mut latin = postgres.connect_to("latin", "postgres", None).await?;
        execute(&mut latin, "create extension pg_stat_statements").await?;
        // Neither alias has a place in LATIN1.
        postgres.execute("select 1 as \"ключ\"").await?;
        let collector = Collector::start(&backend, &[("db", postgres.conninfo("monitor", None))]).await?;
        rounds(&backend.api, "db", 1).await.with_context(|| collector.log())?;
        let mut utf8 = postgres.connect().await?;
        execute(&mut utf8, "select count(*) as \"слово\" from pg_class where relname = 'sesame' and relpages = 4711").await?;
        execute(&mut latin, "select count(*) as marker_of_the_round from pg_class where relpages = 4712").await?;
        for rows in [
            "select 1 from pg_stat_statements_text where query like '%слово%' limit 1",
            "select 1 from pg_stat_statements_text where query like '%marker_of_the_round%' limit 1",
            "select 1 from pganalytics_cost where view = 'pg_stat_statements_text' and last_error like '%CREATE EXTENSION in a database with encoding UTF8%' limit 1",
        ] {
            backend.api.rows_of(rows).await.with_context(|| format!("on {major}: {rows}\n{}", collector.log()))?;
        }
        let leaked = backend.api.sql("select query from pg_stat_statements_text where query like '%sesame%' or query like '%471%'").await?;
        assert!(leaked.is_empty(), "on {major}: {leaked:?}");
        let told = printed(&collector)?;
        for part in [
            "in schema public of database latin",
            "encoding LATIN1",
            "CREATE EXTENSION pg_stat_statements;    -- in a database with encoding UTF8",
        ] {
            assert!(told.contains(part), "on {major}: {told}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn doctor_says_where_an_extension_is_and_what_it_needs() -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start(16), Backend::start())?;
    postgres.execute("create role monitor login; grant pg_monitor to monitor").await?;
    postgres.execute("create database app").await?;
    let mut app = postgres.connect_to("app", "postgres", None).await?;
    execute(&mut app, "create schema ext; create extension pg_stat_statements schema ext version '1.9'").await?;
    let collector = Collector::prepare(&backend, &[("db", postgres.conninfo("monitor", None))]).await?;
    let told = printed(&collector)?;
    assert!(told.contains("GRANT USAGE ON SCHEMA ext TO monitor;    -- in database app"), "{told}");
    execute(&mut app, "grant usage on schema ext to monitor").await?;
    let told = printed(&collector)?;
    assert!(told.contains("extension pg_stat_statements 1.9 in schema ext of database app"), "{told}");
    assert!(told.contains("ALTER EXTENSION pg_stat_statements UPDATE;    -- in database app"), "{told}");
    execute(&mut app, "alter extension pg_stat_statements update").await?;
    let told = printed(&collector)?;
    assert!(told.contains("extension pg_stat_statements 1.10 in schema ext of database app") && !told.contains("UPDATE;"), "{told}");
    Ok(())
}
