//! Rollups as queries read them, whichever rows are in files or hot.

use chrono::{TimeDelta, Utc};
use pganalytics_lake::Lake;

use crate::folders::files;
use crate::rollup_model::{assert_exact, settle};
use crate::rows::{COLLECTOR, Row, batch, batch_of, noon, servers};
use crate::world::{World, options};

#[tokio::test]
async fn a_crash_during_a_merge_counts_no_row_twice() {
    let world = World::new().await;
    let rows: Vec<Row> = (0..10).map(|i| Row::new(noon() + TimeDelta::minutes(i), "a", i % 2, i)).collect();
    world.ingest(batch(1, &rows)).await.unwrap();
    world.lake.compact().await.unwrap();
    // Below, the files of the merge are added to this image. The transaction that makes them live is missing.
    let before = world.crash_image();
    world.lake.compact_at(Utc::now() + TimeDelta::hours(2)).await.unwrap();
    assert_exact(&world.lake, &rows).await;
    for file in files(world.folder.path()) {
        let name = file.strip_prefix(world.folder.path()).unwrap();
        std::fs::create_dir_all(before.path().join(name).parent().unwrap()).unwrap();
        std::fs::copy(&file, before.path().join(name)).unwrap();
    }
    let lake = Lake::open(options(before.path())).await.unwrap();
    assert_exact(&lake, &rows).await;
    lake.compact_at(Utc::now() + TimeDelta::hours(2)).await.unwrap();
    assert_exact(&lake, &rows).await;
}

#[tokio::test]
async fn filters_and_projections_of_a_rollup_give_the_same_result_as_on_its_rows() {
    let world = World::new().await;
    let row = |minute: i64, server: &str, calls: i64| Row::new(noon() + TimeDelta::minutes(minute), server, calls % 3, calls);
    let old: Vec<Row> = (0..30).map(|i| row(i, if i % 2 == 0 { "a" } else { "b" }, i)).collect();
    world.ingest(batch(1, &old)).await.unwrap();
    settle(&world.lake).await;
    let newer: Vec<Row> = (30..60).map(|i| row(i, if i % 2 == 0 { "a" } else { "b" }, i)).collect();
    world.ingest(batch(2, &newer)).await.unwrap();
    world.lake.compact().await.unwrap();
    world.ingest(batch(3, &[row(3, "a", 1_000), row(61, "c", 5)])).await.unwrap();
    for condition in [
        "server = 'a'",
        "queryid = 1",
        "server in ('b', 'c') and queryid <> 0",
        "ts >= timestamp '2000-01-01' and server = 'c'",
        "queryid is null",
    ] {
        let of = |table: &str| format!("select coalesce(sum(calls), 0) from {table} where {condition}");
        let expected = world.one(&of("pg_stat_statements")).await;
        for table in ["pg_stat_statements_5m", "pg_stat_statements_1h"] {
            assert_eq!(world.one(&of(table)).await, expected, "{table} where {condition}");
        }
    }
    // Time bounds at the edges of bins, and a condition on a sum, which must apply to whole bins.
    let from = (noon() + TimeDelta::minutes(10)).to_rfc3339();
    let to = (noon() + TimeDelta::minutes(40)).to_rfc3339();
    let range = format!("ts >= cast('{from}' as timestamptz) and ts < cast('{to}' as timestamptz)");
    let expected = world.one(&format!("select sum(calls) from pg_stat_statements where {range}")).await;
    assert_eq!(world.one(&format!("select sum(calls) from pg_stat_statements_5m where {range}")).await, expected);
    assert_eq!(world.one("select count(*) from pg_stat_statements_5m where calls >= 1000").await, "1");
    assert_eq!(world.one("select max(load_avg) from pg_stat_statements_1h").await, "0.5");
    assert_eq!(
        world.one("select count(*) from pg_stat_statements_1h").await,
        world
            .one("select count(*) from (select distinct date_bin(interval '1 hour', ts), server, datname, queryid from pg_stat_statements)")
            .await
    );
}

#[tokio::test]
async fn collectors_cannot_ship_rows_of_a_rollup() {
    let world = World::new().await;
    let (_, rows) = servers(&[(noon(), "a", true, None, None)]);
    let body = batch_of(COLLECTOR, 1, &[("pganalytics_server_5m".into(), rows)]);
    let error = world.ingest(body).await.unwrap_err().to_string();
    assert!(error.contains("'pganalytics_server_5m': is computed by the backend"), "{error}");
}
