//! What happened on the server is what the history says: no more, no less, through resets and restarts.

use anyhow::Result;
use e2e::backend::Backend;
use e2e::collector::Collector;
use e2e::install::MAJORS;
use e2e::postgres::{Ending, Postgres};
use serde_json::json;

use crate::watched::{Watched, calls, judge, nothing_failed, repeat, rounds, truth, up};

const FIRST: &str = "select count(*) as first_statement from pg_class";
const SECOND: &str = "select count(*) as second_statement from pg_class";

async fn statements_are_counted_once(major: u32) -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start(major), Backend::start())?;
    postgres.execute("create extension pg_stat_statements").await?;
    let mut session = postgres.connect().await?;
    // Before anybody looked: no part of the history.
    repeat(&mut session, FIRST, 7).await?;
    let collector = Collector::start(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
    rounds(&backend.api, "db", 1).await?;

    repeat(&mut session, FIRST, 30).await?;
    repeat(&mut session, SECOND, 100).await?;
    let (first, counted) = truth(&mut session, FIRST).await?;
    assert_eq!(counted, 37);
    let (second, _) = truth(&mut session, SECOND).await?;
    backend.api.integer_is(&calls(first), 30).await?;
    backend.api.integer_is(&calls(second), 100).await?;
    repeat(&mut session, SECOND, 11).await?;
    backend.api.integer_is(&calls(second), 111).await?;
    // And it stays so while others run.
    rounds(&backend.api, "db", 3).await?;
    assert_eq!(backend.api.integer(&calls(first)).await?, 30);
    assert_eq!(backend.api.integer(&calls(second)).await?, 111);

    let text = backend.api.rows_of(&format!("select query from pg_stat_statements_text where queryid = {second} limit 1")).await?;
    assert_eq!(text[0][0].as_str(), Some(SECOND));
    let labels =
        backend.api.sql(&format!("select distinct datname, usename, toplevel from pg_stat_statements where queryid = {second}")).await?;
    assert_eq!(json!(labels), json!([["postgres", "postgres", true]]));
    judge(&backend.api).await?;
    nothing_failed(&backend.api).await?;
    drop(collector);
    Ok(())
}

#[tokio::test]
async fn statements_are_counted_once_on_14() -> Result<()> {
    statements_are_counted_once(14).await
}

#[tokio::test]
async fn statements_are_counted_once_on_15() -> Result<()> {
    statements_are_counted_once(15).await
}

#[tokio::test]
async fn statements_are_counted_once_on_16() -> Result<()> {
    statements_are_counted_once(16).await
}

#[tokio::test]
async fn statements_are_counted_once_on_17() -> Result<()> {
    statements_are_counted_once(17).await
}

#[tokio::test]
async fn statements_are_counted_once_on_18() -> Result<()> {
    statements_are_counted_once(18).await
}

#[tokio::test]
async fn resets_lose_and_invent_nothing() -> Result<()> {
    for major in [MAJORS[0], MAJORS[4]] {
        let watched = Watched::start(major).await?;
        let mut session = watched.postgres.connect().await?;
        repeat(&mut session, FIRST, 50).await?;
        let (queryid, _) = truth(&mut session, FIRST).await?;
        watched.api().integer_is(&calls(queryid), 50).await?;
        for reset in
            ["select pg_stat_statements_reset()", "select pg_stat_reset(), pg_stat_reset_shared('bgwriter'), pg_stat_reset_shared('wal')"]
        {
            watched.postgres.execute(reset).await?;
            watched.rounds(2).await?;
        }
        repeat(&mut session, FIRST, 20).await?;
        watched.api().integer_is(&calls(queryid), 70).await?;
        // More calls than before the reset: only the reset's own mark tells that they are new.
        watched.postgres.execute("select pg_stat_statements_reset()").await?;
        repeat(&mut session, FIRST, 60).await?;
        watched.api().integer_is(&calls(queryid), 130).await?;
        judge(watched.api()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_restart_in_the_middle_counts_nothing_twice() -> Result<()> {
    let mut watched = Watched::start(17).await?;
    let mut session = watched.postgres.connect().await?;
    repeat(&mut session, FIRST, 40).await?;
    let (queryid, _) = truth(&mut session, FIRST).await?;
    watched.api().integer_is(&calls(queryid), 40).await?;
    drop(session);

    // In order: the statements' counters are kept over it.
    watched.postgres.stop(Ending::Fast)?;
    watched.postgres.run().await?;
    let mut session = watched.postgres.connect().await?;
    let (_, kept) = truth(&mut session, FIRST).await?;
    assert_eq!(kept, 40);
    repeat(&mut session, FIRST, 5).await?;
    up(watched.api(), "db").await?;
    watched.rounds(2).await?;
    watched.api().integer_is(&calls(queryid), 45).await?;
    drop(session);

    // A crash: all counters begin at zero.
    watched.postgres.stop(Ending::Crash)?;
    watched.postgres.run().await?;
    let mut session = watched.postgres.connect().await?;
    repeat(&mut session, FIRST, 9).await?;
    up(watched.api(), "db").await?;
    watched.rounds(2).await?;
    watched.api().integer_is(&calls(queryid), 54).await?;
    judge(watched.api()).await
}
