//! The history counts exactly what happened on the server, through resets and restarts.

use anyhow::Result;
use e2e::drive::watched::{calls, judge, nothing_failed, repeat, rounds, truth, up};
use e2e::drive::{Backend, Collector, Watched};
use e2e::servers::Postgres;
use e2e::servers::postgres::{Ending, MAJORS};
use serde_json::json;

const FIRST: &str = "select count(*) as first_statement from pg_class";
const SECOND: &str = "select count(*) as second_statement from pg_attribute";

async fn statements_are_counted_once(major: u32) -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start(major), Backend::start())?;
    postgres.execute("create extension pg_stat_statements").await?;
    let mut session = postgres.connect().await?;
    // Calls before the collector's first reading: no part of the history.
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
    // The counts stay while other statements run.
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
async fn resets_lose_no_call_and_invent_none() -> Result<()> {
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
        // More calls than before the reset, all within one reading.
        watched.postgres.execute("select pg_stat_statements_reset()").await?;
        repeat(&mut session, FIRST, 60).await?;
        watched.api().integer_is(&calls(queryid), 130).await?;
        watched.rounds(3).await?;
        assert_eq!(watched.api().integer(&calls(queryid)).await?, 130);
        judge(watched.api()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_restart_or_crash_counts_no_call_twice() -> Result<()> {
    let mut watched = Watched::start(17).await?;
    let mut session = watched.postgres.connect().await?;
    repeat(&mut session, FIRST, 40).await?;
    let (queryid, _) = truth(&mut session, FIRST).await?;
    watched.api().integer_is(&calls(queryid), 40).await?;
    drop(session);

    // First a restart, which keeps the statements' counters; then a crash, which loses them. Calls between the last reading before and the first reading
    // after may go unseen, but no call is counted twice, and later calls are all counted.
    let (mut known, mut made) = (40, 40);
    for (crash, kept) in [(false, 40), (true, 0)] {
        if crash {
            watched.postgres.crash().await?;
        } else {
            watched.postgres.stop(Ending::Fast)?;
            watched.postgres.run().await?;
        }
        let mut session = watched.postgres.connect().await?;
        repeat(&mut session, FIRST, 5).await?;
        let (_, counted) = truth(&mut session, FIRST).await?;
        assert_eq!(counted, kept + 5);
        made += 5;
        up(watched.api(), "db").await?;
        watched.rounds(2).await?;
        let now = watched.api().integer(&calls(queryid)).await?;
        assert!((known..=made).contains(&now), "the history has {now} calls; before it had {known}, and {made} were made");
        repeat(&mut session, FIRST, 11).await?;
        made += 11;
        known = now + 11;
        watched.api().integer_is(&calls(queryid), known).await?;
    }
    judge(watched.api()).await
}
