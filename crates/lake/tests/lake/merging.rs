//! Files: which file a row is written to, when files are merged, and what queries see meanwhile.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use pganalytics_lake::{Lake, LakeOptions};

use crate::folders::files;
use crate::rows::{Row, batch, noon};
use crate::views::later_views;
use crate::world::{World, one, options, query};

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
    // One file of hot rows, one merged from eight files, and one of each rollup.
    assert_eq!((done.merged, done.files), (8, 4));
    assert_eq!(world.files_of("pg_stat_statements").await, (1, 8));
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "8");
    // Replaced files stay until no query can still read them.
    assert_eq!(files(world.folder.path()).len(), 11);
    assert_eq!(world.lake.remove_replaced(Utc::now()).await.unwrap(), 0);
    assert_eq!(world.lake.remove_replaced(Utc::now() + TimeDelta::hours(1)).await.unwrap(), 8);
    assert_eq!(files(world.folder.path()).len(), 3);
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "8");
}

#[tokio::test]
async fn queries_during_a_merge_see_every_row_once() {
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
async fn a_new_column_is_null_in_older_files() {
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

/// Queries run all the time while files are written, merged, retired and deleted as fast as possible.
#[tokio::test(flavor = "multi_thread")]
async fn queries_beside_merges_and_deletions_always_find_their_files() {
    let world = World::with(|options: &mut LakeOptions| {
        options.compact_every = std::time::Duration::from_millis(1);
        options.query_deadline = std::time::Duration::from_secs(10);
    })
    .await;
    let stop = tokio_util::sync::CancellationToken::new();
    let (lake, stopped) = (world.lake.clone(), stop.clone());
    let running = tokio::spawn(async move { lake.run(stopped).await });
    let asking: Vec<_> = (0..3)
        .map(|_| {
            let (lake, stopped) = (world.lake.clone(), stop.clone());
            tokio::spawn(async move {
                let mut asked = 0;
                while !stopped.is_cancelled() {
                    // Reads each file several times.
                    let sql = "select count(*) from pg_stat_statements a, pg_stat_statements b where a.queryid = b.queryid and a.ts = b.ts";
                    if let Err(error) = query(&lake, sql).await {
                        panic!("{error:?}");
                    }
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    for sequence in 1..=120 {
        let rows: Vec<Row> = (0..50).map(|row| Row::new(Utc::now(), "a", i64::try_from(sequence).unwrap() * 100 + row, 1)).collect();
        world.ingest(batch(sequence, &rows)).await.unwrap();
        tokio::task::yield_now().await;
    }
    while world.lake.stats().await.hot_rows > 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
    for asked in asking {
        assert!(asked.await.unwrap() > 0);
    }
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "6000");
}
