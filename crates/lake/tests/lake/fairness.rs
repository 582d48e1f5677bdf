//! One caller with many slow queries delays nobody else, and consoles never delay pages.

use std::time::Duration;

use pganalytics_lake::{Answer, Purpose, Query, QueryError, QueryErrorKind};
use tokio::task::JoinHandle;

use crate::world::World;

/// A query that runs until it is stopped.
const SLOW: &str = "select count(*) from generate_series(1, 1000000000000) as x where x.value % 3 = 1";

async fn patient() -> World {
    World::with(|options| options.query_deadline = Duration::from_secs(3_600)).await
}

fn ask(world: &World, caller: &str, purpose: Purpose, sql: &str) -> JoinHandle<Result<Answer, QueryError>> {
    let (lake, query) = (world.lake.clone(), Query { caller: Some(caller.into()), purpose, ..Query::new(sql) });
    tokio::spawn(async move { lake.query(query).await })
}

/// Waits until as many queries run. A lake that never comes to it fails the test instead of hanging it.
async fn running(world: &World, count: u64) {
    let reached = async {
        while world.lake.stats().await.running_queries != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), reached).await.expect("so many queries run within two minutes");
}

#[tokio::test]
async fn a_caller_with_many_slow_queries_leaves_turns_to_others() {
    let world = patient().await;
    let slow: Vec<_> = (0..20).map(|_| ask(&world, "ann", Purpose::Console, SLOW)).collect();
    running(&world, 2).await;
    // While Ann's queries run and wait, others are answered, more often than there are turns.
    for _ in 0..10 {
        ask(&world, "bob", Purpose::Console, "select 1").await.unwrap().unwrap();
    }
    assert!(slow.iter().all(|query| !query.is_finished()));
    slow.iter().for_each(JoinHandle::abort);
    running(&world, 0).await;
    ask(&world, "ann", Purpose::Console, "select 1").await.unwrap().unwrap();
}

#[tokio::test]
async fn consoles_of_many_callers_leave_pages_their_turns() {
    let world = patient().await;
    let slow: Vec<_> = (0..12).map(|n| ask(&world, &format!("caller {n}"), Purpose::Console, SLOW)).collect();
    running(&world, 4).await;
    for _ in 0..10 {
        // The same caller's page is answered, too.
        ask(&world, "caller 0", Purpose::Page, "select count(*) from pg_stat_statements").await.unwrap().unwrap();
        ask(&world, "ann", Purpose::Page, "select 1").await.unwrap().unwrap();
    }
    assert!(slow.iter().all(|query| !query.is_finished()));
    slow.iter().for_each(JoinHandle::abort);
    running(&world, 0).await;
}

#[tokio::test]
async fn slow_pages_of_one_caller_leave_turns_to_others() {
    let world = patient().await;
    let slow: Vec<_> = (0..12).map(|_| ask(&world, "ann", Purpose::Page, SLOW)).collect();
    running(&world, 3).await;
    for _ in 0..10 {
        ask(&world, "bob", Purpose::Page, "select 1").await.unwrap().unwrap();
    }
    assert!(slow.iter().all(|query| !query.is_finished()));
    slow.iter().for_each(JoinHandle::abort);
    running(&world, 0).await;
}

#[tokio::test]
async fn consoles_that_take_all_their_memory_leave_some_for_pages() {
    let world = World::with(|options| {
        options.query_memory = 64 << 20;
        options.query_deadline = Duration::from_secs(3_600);
    });
    let world = world.await;
    // The groups fill the memory of consoles and go to disk again and again.
    let greedy = "select value % 100000007, count(*) from generate_series(1, 1000000000000) group by 1";
    let greedy: Vec<_> = (0..4).map(|n| ask(&world, &format!("caller {n}"), Purpose::Console, greedy)).collect();
    running(&world, 4).await;
    for _ in 0..5 {
        let page = "select count(*) from (select value % 50000 as n, count(*) from generate_series(1, 100000) group by 1)";
        ask(&world, "ann", Purpose::Page, page).await.unwrap().unwrap();
    }
    greedy.iter().for_each(JoinHandle::abort);
    running(&world, 0).await;
}

/// A pattern whose search in one random text never yields, and takes most of a minute. Making the text takes a moment. No letter of the
/// pattern is certain, so the search cannot look for it first.
const STUBBORN: &str = "select regexp_count(s, '[0-9a-f-]*[0-7][0-9a-f-]{4000}[g-z]') from \
     (select string_agg(uuid(), '') as s from generate_series(1, 20000))";

/// Stops queries of Ann, until as many of them do not stop.
async fn stuck(world: &World, count: u64) {
    let mut patience = Duration::from_secs(1);
    while world.lake.stats().await.stuck_queries < count {
        let query = ask(world, "ann", Purpose::Console, STUBBORN);
        // The text may not be complete when the time is over. Then the query stops, and the next one gets more time.
        tokio::time::sleep(patience).await;
        patience *= 2;
        assert!(!query.is_finished(), "the pattern is no work: {:?}", query.await.unwrap().map(|answer| answer.elapsed));
        query.abort();
        running(world, 0).await;
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_stopped_keeps_its_threads_and_nothing_else() {
    let world = World::with(|options| {
        options.query_memory = 256 << 20;
        options.query_deadline = Duration::from_secs(3_600);
    });
    let world = world.await;
    stuck(&world, 1).await;
    // Ann has a turn left, and others have all of theirs.
    ask(&world, "ann", Purpose::Console, "select 1").await.unwrap().unwrap();
    running(&world, 0).await;
    stuck(&world, 2).await;
    let error = ask(&world, "ann", Purpose::Console, "select 1").await.unwrap().unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Busy, "{error}");
    assert!(error.message.contains("2 of your earlier queries"), "{error}");
    for purpose in [Purpose::Console, Purpose::Page] {
        ask(&world, "bob", purpose, "select 1").await.unwrap().unwrap();
    }
    ask(&world, "ann", Purpose::Page, "select 1").await.unwrap().unwrap();
    running(&world, 0).await;
    assert_eq!(world.lake.stats().await.abandoned_queries, 2);
}
