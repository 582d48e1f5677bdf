//! kill -9, several times, under load: every answered row stays, no row is there twice.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use e2e::drive::Watched;
use e2e::drive::watched::{calls, judge, repeat, truth};
use e2e::wait::{PATIENCE, until};
use sqlx::postgres::PgConnection;
use tokio::sync::watch;

const STATEMENT: &str = "select count(*) as under_load from pg_class";
const KILLS: usize = 4;

/// Runs the statement until the sender sends true.
fn load(mut session: PgConnection) -> (watch::Sender<bool>, tokio::task::JoinHandle<Result<()>>) {
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        while !*stopped.borrow_and_update() {
            repeat(&mut session, STATEMENT, 1).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    });
    (stop, task)
}

/// The statement's rows in the history: (ts, calls).
async fn answered(watched: &Watched, queryid: i64) -> Result<BTreeSet<(String, i64)>> {
    let rows = watched.api().sql(&format!("select ts, calls from pg_stat_statements where queryid = {queryid}")).await?;
    rows.iter().map(|row| Ok((row[0].as_str().context("ts")?.to_owned(), row[1].as_i64().context("calls")?))).collect()
}

async fn more_rows(watched: &Watched, queryid: i64, than: usize) -> Result<()> {
    until("more rows of the statement", PATIENCE, async || Ok((answered(watched, queryid).await?.len() > than).then_some(()))).await
}

#[tokio::test]
async fn killing_the_backend_loses_and_doubles_nothing() -> Result<()> {
    let mut watched = Watched::start(17).await?;
    let mut session = watched.postgres.connect().await?;
    let (stop, task) = load(watched.postgres.connect().await?);
    let (queryid, _) = until("the statement", PATIENCE, async || truth(&mut session, STATEMENT).await.map(Some)).await?;
    for _ in 0..KILLS {
        let before = answered(&watched, queryid).await?.len();
        more_rows(&watched, queryid, before + 1).await?;
        let seen = answered(&watched, queryid).await?;
        watched.backend.kill();
        watched.backend.run().await?;
        let now = answered(&watched, queryid).await?;
        assert!(seen.is_subset(&now), "answered rows are gone: {:?}", seen.difference(&now));
    }
    stop.send(true)?;
    task.await??;
    // The collector ran all the time, so the history must get every call.
    let (_, total) = truth(&mut session, STATEMENT).await?;
    watched.api().integer_is(&calls(queryid), total).await?;
    judge(watched.api()).await
}

#[tokio::test]
async fn killing_the_collector_doubles_nothing_and_loses_only_what_it_had_not_spooled() -> Result<()> {
    let mut watched = Watched::start(18).await?;
    let mut session = watched.postgres.connect().await?;
    let (stop, task) = load(watched.postgres.connect().await?);
    let (queryid, _) = until("the statement", PATIENCE, async || truth(&mut session, STATEMENT).await.map(Some)).await?;
    let mut seen = BTreeSet::new();
    for _ in 0..KILLS {
        let before = answered(&watched, queryid).await?.len();
        more_rows(&watched, queryid, before + 1).await?;
        seen.extend(answered(&watched, queryid).await?);
        watched.collector.kill();
        watched.collector.run()?;
    }
    let before = answered(&watched, queryid).await?.len();
    more_rows(&watched, queryid, before + 1).await?;
    stop.send(true)?;
    task.await??;
    watched.rounds(2).await?;
    let (_, total) = truth(&mut session, STATEMENT).await?;
    let known = watched.api().integer(&calls(queryid)).await?;
    assert!(known > 0 && known <= total, "the history has {known} calls of {total}");
    let now = answered(&watched, queryid).await?;
    assert!(seen.is_subset(&now), "answered rows are gone: {:?}", seen.difference(&now));
    // From here on the counts are exact again.
    repeat(&mut session, STATEMENT, 17).await?;
    watched.api().integer_is(&calls(queryid), known + 17).await?;
    judge(watched.api()).await
}
