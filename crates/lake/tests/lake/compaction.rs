//! Compaction: however rows are held, the answers are the same.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use pganalytics_lake::arrow::array::{Array, cast::AsArray, types};
use pganalytics_lake::{Lake, LakeOptions, Query};
use proptest::prelude::*;

use crate::world::{Row, World, batch, files, later_views, noon, one, options, query};

/// What happens to a lake between two batches.
#[derive(Debug, Clone, Copy)]
enum Step {
    Nothing,
    Compact,
    Reopen,
}

fn row() -> impl Strategy<Value = Row> {
    let labels = (0i64..3 * 86_400_000_000, 0usize..3, prop::option::of(0usize..3), prop::option::of(-3i64..3));
    let values =
        (prop::option::of(any::<i64>()), prop::option::of(0i64..1 << 53), prop::option::of(-1e9..1e9f64), prop::option::of(any::<bool>()));
    (labels, values).prop_map(|((ts, server, datname, queryid), (calls, nanoseconds, load, toplevel))| Row {
        ts: (noon() - TimeDelta::days(1)).timestamp_micros() + ts,
        server: ["a", "b", "long-server-name.example.org:5432"][server].into(),
        datname: datname.map(|i| ["", "shop", "ünïcode"][i].into()),
        queryid: queryid.map(|id| id * (i64::MAX / 3)),
        calls,
        nanoseconds,
        load,
        toplevel,
    })
}

/// Every row of the table, as the model has them, in an order of their own.
async fn held(lake: &Lake) -> Vec<String> {
    let sql = "select ts, server, datname, queryid, calls, total_exec_time, load, toplevel from pg_stat_statements";
    let answer = lake.query(Query::new(sql)).await.unwrap();
    assert!(!answer.truncated);
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let column = |i: usize| batch.column(i);
        for i in 0..batch.num_rows() {
            let of = |at: usize, show: &dyn Fn() -> String| if column(at).is_valid(i) { show() } else { "null".into() };
            let text = |at: usize| of(at, &|| column(at).as_string_view().value(i).to_owned());
            let int = |at: usize| of(at, &|| column(at).as_primitive::<types::Int64Type>().value(i).to_string());
            let float = |at: usize| of(at, &|| format!("{:?}", column(at).as_primitive::<types::Float64Type>().value(i)));
            rows.push(format!(
                "{} {} {} {} {} {} {} {}",
                column(0).as_primitive::<types::TimestampMicrosecondType>().value(i),
                text(1),
                text(2),
                int(3),
                int(4),
                float(5),
                float(6),
                of(7, &|| column(7).as_boolean().value(i).to_string()),
            ));
        }
    }
    rows.sort();
    rows
}

fn model(rows: &[Row]) -> Vec<String> {
    fn show<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
        value.map_or("null".into(), show)
    }
    let mut rows: Vec<String> = rows
        .iter()
        .map(|row| {
            #[expect(clippy::cast_precision_loss, reason = "as the table shows it")]
            let milliseconds = row.nanoseconds.map(|nanoseconds| nanoseconds as f64 / 1e6);
            format!(
                "{} {} {} {} {} {} {} {}",
                row.ts,
                row.server,
                show(row.datname.clone(), |text| text),
                show(row.queryid, |id| id.to_string()),
                show(row.calls, |calls| calls.to_string()),
                show(milliseconds, |time| format!("{time:?}")),
                show(row.load, |load| format!("{load:?}")),
                show(row.toplevel, |is| is.to_string()),
            )
        })
        .collect();
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_the_same_hot_in_files_and_mixed(
        batches in prop::collection::vec((prop::collection::vec(row(), 1..30), prop::sample::select(vec![Step::Nothing, Step::Compact, Step::Reopen])), 1..12)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            let mut all = Vec::new();
            for (sequence, (rows, step)) in (1..).zip(batches) {
                world.ingest(batch(sequence, &rows)).await.unwrap();
                all.extend(rows);
                match step {
                    Step::Nothing => {}
                    Step::Compact => { world.lake.compact().await.unwrap(); }
                    Step::Reopen => world = world.reopened().await,
                }
                assert_eq!(held(&world.lake).await, model(&all));
            }
            world.lake.compact().await.unwrap();
            world.lake.compact_at(Utc::now() + TimeDelta::hours(2)).await.unwrap();
            assert_eq!(held(&world.lake).await, model(&all));
            let days: std::collections::BTreeSet<i64> = all.iter().map(|row| row.ts.div_euclid(86_400_000_000)).collect();
            let stats = world.lake.stats().await;
            assert_eq!((stats.hot_rows, world.files_of("pg_stat_statements").await), (0, (days.len() as u64, all.len() as u64)));
            let world = world.reopened().await;
            assert_eq!(held(&world.lake).await, model(&all));
        });
    }
}

#[tokio::test]
async fn late_rows_land_in_their_own_day() {
    let world = World::new().await;
    let yesterday = noon() - TimeDelta::days(1);
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    world.lake.compact().await.unwrap();
    world.ingest(batch(2, &[Row::new(yesterday, "a", 1, 1), Row::new(noon(), "a", 1, 1)])).await.unwrap();
    world.lake.compact().await.unwrap();
    let mut days = BTreeMap::new();
    for file in files(world.folder.path()) {
        let day = file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        *days.entry(day).or_insert(0) += 1;
    }
    let expected = [(format!("date={}", yesterday.date_naive()), 1), (format!("date={}", noon().date_naive()), 2)];
    assert_eq!(days, BTreeMap::from(expected));
}

#[tokio::test]
async fn small_files_of_one_day_become_one_and_queries_never_miss_a_row() {
    let world = World::new().await;
    // A day that is not over, so that only the number of files counts.
    let now = Utc::now();
    for sequence in 1..=7 {
        world.ingest(batch(sequence, &[Row::new(now, "a", 1, 1)])).await.unwrap();
        world.lake.compact_at(now).await.unwrap();
    }
    assert_eq!(world.lake.stats().await.files, 7);
    world.ingest(batch(8, &[Row::new(now, "a", 1, 1)])).await.unwrap();
    let done = world.lake.compact_at(now).await.unwrap();
    // One of hot rows, one of eight, and one of each rollup.
    assert_eq!((done.merged, done.files), (8, 4));
    assert_eq!(world.files_of("pg_stat_statements").await, (1, 8));
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "8");
    // Replaced files stay until no query can be reading them.
    assert_eq!(files(world.folder.path()).len(), 11);
    assert_eq!(world.lake.remove_replaced(Utc::now()).await.unwrap(), 0);
    assert_eq!(world.lake.remove_replaced(Utc::now() + TimeDelta::hours(1)).await.unwrap(), 8);
    assert_eq!(files(world.folder.path()).len(), 3);
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "8");
}

#[tokio::test]
async fn queries_meanwhile_see_every_row_once() {
    let world = World::new().await;
    for sequence in 1..=4 {
        world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    }
    let lake = world.lake.clone();
    let (done, mut is_done) = tokio::sync::oneshot::channel::<()>();
    let asking = tokio::spawn(async move {
        let mut least = 4;
        while matches!(is_done.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty)) {
            let sql = "select count(*), sum(calls) from (select calls from pg_stat_statements where calls > 0)";
            let line = query(&lake, sql).await.unwrap().lines().nth(3).unwrap().to_owned();
            let counts: Vec<u64> = line.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
            assert_eq!(counts[0], counts[1]);
            assert!(counts[0] >= least, "rows were missing: {} after {least}", counts[0]);
            least = counts[0];
        }
    });
    for sequence in 5..=40 {
        world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
        world.lake.compact().await.unwrap();
    }
    drop(done);
    asking.await.unwrap();
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "40");
}

#[tokio::test]
async fn days_older_than_the_retention_go() {
    let world = World::with(|options: &mut LakeOptions| options.retention = std::time::Duration::from_secs(10 * 86_400)).await;
    let now = Utc::now();
    let days = [0, 5, 9, 11, 30].map(|days| Row::new(now - TimeDelta::days(days), "a", days, 1));
    world.ingest(batch(1, &days)).await.unwrap();
    world.lake.compact().await.unwrap();
    world.lake.compact_at(now + TimeDelta::hours(2)).await.unwrap();
    let done = world.lake.expire(now).await.unwrap();
    assert_eq!((done.files, done.rows), (2, 2));
    assert_eq!(world.one("select max(queryid) from pg_stat_statements").await, "9");
    assert_eq!(world.lake.expire(now).await.unwrap().files, 0);
    world.lake.remove_replaced(now + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(world.files_of("pg_stat_statements").await.0, 3);
    assert_eq!((world.files_of("pg_stat_statements_5m").await.0, world.files_of("pg_stat_statements_1h").await.0), (5, 5));
}

#[tokio::test]
async fn a_column_that_came_later_is_null_in_older_files() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    world.lake.compact().await.unwrap();
    world.lake.close().await;
    let World { folder, lake } = world;
    drop(lake);
    let mut later = options(folder.path());
    later.views = later_views();
    let lake = Lake::open(later).await.unwrap();
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements where wal_bytes is null and calls = 1").await, "1");
    lake.ingest(batch(2, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    lake.compact().await.unwrap();
    lake.compact_at(Utc::now() + TimeDelta::hours(2)).await.unwrap();
    assert_eq!(lake.stats().await.files, 3, "one of the table, and one of each rollup");
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements where wal_bytes is null").await, "2");
}

#[tokio::test]
async fn the_background_task_compacts_until_stopped() {
    let world = World::with(|options: &mut LakeOptions| options.compact_every = std::time::Duration::from_millis(10)).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let (lake, stopped) = (world.lake.clone(), stop.clone());
    let running = tokio::spawn(async move { lake.run(stopped).await });
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    while world.lake.stats().await.hot_rows > 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
    assert_eq!(world.lake.stats().await.file_rows, 1);
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "1");
}
