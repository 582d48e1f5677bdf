//! A query that exceeds a limit fails with a reason, and the following queries are answered.

use std::time::Duration;

use pganalytics_lake::{Query, QueryErrorKind};

use crate::rows::{Row, batch, noon};
use crate::world::World;

#[tokio::test]
async fn a_query_beyond_the_query_memory_is_an_error() {
    let world = World::new().await;
    for sql in [
        "select array_agg(x.value) from generate_series(1, 30000000) as x",
        "select string_agg(cast(x.value as varchar), ',') from generate_series(1, 30000000) as x",
        "select a.value, b.value from generate_series(1, 4000000) a join generate_series(1, 4000000) b on a.value = b.value order by 1 desc, 2",
    ] {
        let error = world.query(sql).await.expect_err(sql);
        assert_eq!(error.kind, QueryErrorKind::Memory, "{sql}: {error}");
        assert!(error.hint.is_some());
        assert_eq!(world.one("select 1").await, "1");
    }
}

/// Queries with about 100 MB of groups and of sorted rows, and their answers.
const LARGE: [(&str, &str); 2] = [
    ("select count(distinct x.value * 7919 % 2999999) from generate_series(1, 3000000) as x", "2999999"),
    (
        "select sum(n) from (select n, row_number() over (order by t) as r from
           (select x.value * 7919 % 2999999 as n, lpad(cast(x.value as text), 30) as t from generate_series(1, 3000000) as x))
         where r > 1",
        "4499995500001",
    ),
];

#[tokio::test]
async fn a_query_that_needs_more_memory_spills_to_disk_and_removes_its_files() {
    let world = World::with(|options| options.query_memory = 32 << 20).await;
    for (sql, expected) in LARGE {
        assert_eq!(world.one(sql).await, expected, "{sql}");
    }
    let spill = world.folder.path().join("spill");
    let processes: Vec<_> = std::fs::read_dir(&spill).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(processes.len(), 1);
    let left: Vec<_> = std::fs::read_dir(&processes[0]).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    assert!(left.iter().all(|folder| std::fs::read_dir(folder).unwrap().next().is_none()), "{left:?}");
}

#[tokio::test]
async fn too_little_spill_disk_is_an_error() {
    let world = World::with(|options| options.spill_disk = 1 << 20).await;
    for (sql, _) in LARGE {
        let error = world.query(sql).await.expect_err(sql);
        assert_eq!(error.kind, QueryErrorKind::Memory, "{sql}: {error}");
        assert!(error.message.contains("--spill-disk"), "{error}");
        assert_eq!(world.one("select 1").await, "1");
    }
}

#[tokio::test]
async fn texts_that_grow_without_bound_are_refused() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    for sql in [
        "select repeat('x', 10000000000)",
        "select length(repeat(server, 9000000000)) from pg_stat_statements",
        "select lpad('x', 2000000000)",
        "select rpad(server, 2000000000, 'xy') from pg_stat_statements",
        "select replace(repeat('x', 10000), 'x', repeat('y', 20000))",
        "select regexp_replace(repeat('x', 10000), 'x', repeat('y', 20000), 'g')",
        "select repeat('x', 100000)",
        "select concat(a, a, a, a) from (select repeat(server, 50000000) as a from pg_stat_statements)",
        "select a || a || a from (select repeat(server, 50000000) as a from pg_stat_statements)",
        "with a as (select repeat(server, 10000000) s from pg_stat_statements), b as (select s || s s from a), c as (select s || s s from b),
         d as (select s || s s from c), e as (select s || s s from d) select length(s || s) from e",
    ] {
        let error = world.query(sql).await.expect_err(sql);
        assert_eq!(error.kind, QueryErrorKind::Memory, "{sql}: {error}");
    }
    assert_eq!(world.one("select length(repeat('x', 1000) || 'y' || concat('z', null))").await, "1002");
    assert_eq!(world.one("select ('x' || null) is null").await, "true");
    assert_eq!(world.one("select length(lpad(server, -2147483648, 'x')) from pg_stat_statements").await, "0");
    assert_eq!(world.one("select length(repeat(server, -calls)) from pg_stat_statements").await, "0");
    assert_eq!(world.one("select 'calls: ' || calls from pg_stat_statements").await, "calls: 1");
}

#[tokio::test]
async fn the_deadline_stops_a_query_and_frees_its_slot() {
    let world = World::with(|options| options.query_deadline = Duration::from_millis(200)).await;
    for sql in [
        "select count(*) from generate_series(1, 1000000000000) as x where x.value % 3 = 1",
        "select count(*) from generate_series(1, 200000) a, generate_series(1, 1000000) b where a.value + b.value = 7",
        "with recursive n as (select 1 as i union all select i from n) select count(*) from n",
    ] {
        let error = world.query(sql).await.expect_err(sql);
        assert_eq!(error.kind, QueryErrorKind::Deadline, "{sql}: {error}");
    }
    while world.lake.stats().await.running_queries > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.one("select 1").await, "1");
}

#[tokio::test]
async fn a_query_stops_when_its_caller_disconnects() {
    let world = World::with(|options| options.query_deadline = Duration::from_secs(3_600)).await;
    let lake = world.lake.clone();
    let asking = tokio::spawn(async move {
        lake.query(Query::new("select count(*) from generate_series(1, 1000000000000) as x where x.value % 3 = 1")).await
    });
    while world.lake.stats().await.running_queries == 0 {
        tokio::task::yield_now().await;
    }
    asking.abort();
    while world.lake.stats().await.running_queries > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn more_queries_than_slots_are_all_answered() {
    let world = World::new().await;
    let asks: Vec<_> = (0..40)
        .map(|i| {
            let lake = world.lake.clone();
            tokio::spawn(async move { crate::world::one(&lake, &format!("select {i}")).await })
        })
        .collect();
    for (i, ask) in asks.into_iter().enumerate() {
        assert_eq!(ask.await.unwrap(), i.to_string());
    }
    assert_eq!(world.lake.stats().await.queries, 40);
}

#[tokio::test]
async fn rows_beyond_the_limit_are_cut_and_the_answer_says_so() {
    let world = World::with(|options| options.max_rows = 100).await;
    let rows = async |sql: &str, max_rows| {
        let answer = world.lake.query(Query { max_rows, ..Query::new(sql) }).await.unwrap();
        (answer.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), answer.truncated)
    };
    let thousand = "select * from generate_series(1, 1000)";
    assert_eq!(rows(thousand, None).await, (100, true));
    assert_eq!(rows(thousand, Some(10)).await, (10, true));
    assert_eq!(rows(thousand, Some(5_000)).await, (100, true));
    assert_eq!(rows("select * from generate_series(1, 100)", None).await, (100, false));
    assert_eq!(rows("select * from generate_series(1, 1000) limit 7", None).await, (7, false));
    assert_eq!(rows(thousand, Some(0)).await, (0, true));
}

#[tokio::test]
async fn a_statement_too_deep_or_too_long_is_an_error() {
    let world = World::new().await;
    let deep = format!("select {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(world.query(&deep).await.unwrap_err().kind, QueryErrorKind::Syntax);
    let long = format!("select '{}'", "x".repeat(300_000));
    assert_eq!(world.query(&long).await.unwrap_err().kind, QueryErrorKind::Syntax);
    let chain = |terms| format!("select {}1", "1 + ".repeat(terms));
    assert_eq!(world.query(&chain(20_000)).await.unwrap_err().kind, QueryErrorKind::Syntax);
    // The query may succeed or fail, but the process must survive.
    let _ = world.query(&chain(2_400)).await;
    assert_eq!(world.one("select 1").await, "1");
}

#[tokio::test]
async fn statements_that_would_crash_the_process_or_block_a_thread_are_refused() {
    let world = World::new().await;
    for (sql, part) in [
        ("select approx_percentile_cont(0.5, 1000000000000) within group (order by value) from range(10)", "between 1 and 1000"),
        (
            "select approx_percentile_cont_with_weight(1, 0.5, 1000000000000) within group (order by value) from range(10)",
            "between 1 and 1000",
        ),
        (
            "select * from range(3) where value in (select approx_percentile_cont(0.5, 100 * 100) within group (order by value) from range(3))",
            "between 1 and 1000",
        ),
        ("select arrow_cast('x', 'FixedSizeBinary(2147483647)')", "arrow_cast"),
        ("select arrow_try_cast('x', 'FixedSizeBinary(2147483647)')", "arrow_try_cast"),
        ("select levenshtein(repeat('a', 100000), repeat('b', 100000))", "levenshtein"),
        ("select median(value) from range(10)", "median"),
    ] {
        let error = world.query(sql).await.expect_err(sql);
        assert_eq!(error.kind, QueryErrorKind::Plan, "{sql}: {error}");
        assert!(error.to_string().contains(part), "{sql}: {error}");
    }
    let columns: Vec<String> = (1..=20).map(|n| format!("value + {n}")).collect();
    for groups in [
        format!("cube ({})", columns.join(", ")),
        "cube (value, value + 1, value + 2, value + 3), rollup (value, value + 1, value + 2, value + 3)".into(),
    ] {
        let error = world.query(&format!("select count(*) from range(10) group by {groups}")).await.expect_err("too many sets");
        assert_eq!(error.kind, QueryErrorKind::Forbidden, "{error}");
    }
    assert_eq!(world.one("select count(*) from (select value % 2, count(*) from range(10) group by cube (value % 2))").await, "3");
    assert_eq!(world.one("select approx_percentile_cont(0.5, 200) within group (order by value) from range(11)").await, "5.0");
}
