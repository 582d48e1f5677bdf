//! A database whose owner wants her code to run with the collector's rights: nothing of hers runs, and nothing that is read is changed.

use anyhow::{Context, Result, ensure};
use e2e::drive::watched::{judge, nothing_failed, rounds, up};
use e2e::drive::{Backend, Collector};
use e2e::servers::Postgres;
use e2e::servers::postgres::{Options, execute};

/// What the owner does.
const TRAPS: &str = include_str!("hostile.sql");
/// What each trap writes into the server's log.
const SPRUNG: &str = "the owner's code ran as";

fn sprung(postgres: &Postgres) -> usize {
    postgres.log().matches(SPRUNG).count()
}

async fn check(major: u32) -> Result<()> {
    // A setting with a password, which is masked by patterns with backslashes.
    let options = Options::default().set("primary_conninfo", "host=primary user=replica password=hunter2");
    let (postgres, backend) = tokio::try_join!(Postgres::start_with(major, options), Backend::start())?;
    postgres.execute("create role owner login; create role watcher login in role pg_monitor").await?;
    postgres.execute("create database app owner owner").await?;
    let mut admin = postgres.connect_to("app", "postgres", None).await?;
    execute(&mut admin, "create extension pg_stat_statements; grant all on schema public to owner").await?;
    let mut owner = postgres.connect_to("app", "owner", None).await?;
    execute(&mut owner, TRAPS).await?;
    // An administrator may be talked into the same for the role.
    postgres.execute("alter role watcher in database app set search_path = evil, pg_catalog").await?;

    // The traps work: each of these runs the owner's code.
    let mut victim = postgres.connect_to("app", "watcher", None).await?;
    for sql in [
        "select set_config('a.b', 'c', false)",
        "select 'a'::pg_catalog.text = 'b'::pg_catalog.text",
        "select from pg_database",
        "select '1'::int8",
    ] {
        let before = sprung(&postgres);
        execute(&mut victim, sql).await?;
        ensure!(sprung(&postgres) > before, "{sql} sprang no trap: {}", postgres.log());
    }
    drop(victim);
    let before = sprung(&postgres);

    let target = postgres.conninfo("watcher", None).replace("/postgres?", "/app?");
    let collector = Collector::start(&backend, &[("db", target)]).await?;
    let api = &backend.api;
    up(api, "db").await.with_context(|| collector.log())?;
    execute(&mut owner, "create table public.bait (id int primary key); insert into public.bait select pg_catalog.generate_series(1, 10)")
        .await?;
    rounds(api, "db", 3).await.with_context(|| collector.log())?;
    for query in [
        "select 1 from pg_stat_user_tables where datname = 'app' and relname = 'bait' limit 1",
        "select 1 from pg_stat_user_indexes where datname = 'app' and relname = 'bait' limit 1",
        "select 1 from pg_database where datname = 'app' limit 1",
        "select 1 from pg_stat_activity limit 1",
        "select 1 from pg_stat_statements_text limit 1",
    ] {
        api.rows_of(query).await.with_context(|| format!("{query}\n{}", collector.log()))?;
    }
    let secret = api.rows_of("select setting from pg_settings where name = 'primary_conninfo' limit 1").await?;
    let secret = secret[0][0].to_string();
    ensure!(secret.contains("password=***") && !secret.contains("hunter2"), "{secret}");
    let doctor = collector.doctor()?;
    let printed = String::from_utf8_lossy(&doctor.stdout).into_owned();
    nothing_failed(api).await.with_context(|| printed.clone())?;
    judge(api).await?;
    ensure!(sprung(&postgres) == before, "PostgreSQL {major}: {}", postgres.log());
    Ok(())
}

#[tokio::test]
async fn nothing_of_a_hostile_owner_runs_on_14() -> Result<()> {
    check(14).await
}

#[tokio::test]
async fn nothing_of_a_hostile_owner_runs_on_15() -> Result<()> {
    check(15).await
}

#[tokio::test]
async fn nothing_of_a_hostile_owner_runs_on_16() -> Result<()> {
    check(16).await
}

#[tokio::test]
async fn nothing_of_a_hostile_owner_runs_on_17() -> Result<()> {
    check(17).await
}

#[tokio::test]
async fn nothing_of_a_hostile_owner_runs_on_18() -> Result<()> {
    check(18).await
}
