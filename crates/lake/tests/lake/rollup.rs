//! Rollups: whatever happened to the rows, a rollup is their aggregate; and how long each table is kept.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use pganalytics_lake::arrow::array::{Array, cast::AsArray, types};
use pganalytics_lake::arrow::util::display::array_value_to_string;
use pganalytics_lake::{Lake, LakeOptions, Query, RetentionError, RetentionSetting};
use proptest::prelude::*;

use crate::world::{Row, World, batch, files, noon, one, options, servers};

const MINUTE: i64 = 60_000_000;

/// What happens to a lake between two batches.
#[derive(Debug, Clone, Copy)]
enum Step {
    Nothing,
    Compact,
    /// [`settle`].
    Settle,
    Reopen,
    /// The process dies here, and another one opens what it left.
    Crash,
}

/// Rows that share few keys and bins, over the end of a day.
fn row() -> impl Strategy<Value = Row> {
    let labels = (0i64..200, 0usize..2, any::<bool>(), prop::option::weighted(0.9, 0i64..2));
    let values = (
        prop::option::of(any::<i64>()),
        prop::option::of(0i64..1 << 53),
        prop::option::of((-1000i32..1000).prop_map(f64::from)),
        prop::option::of(any::<bool>()),
    );
    (labels, values).prop_map(|((minute, server, database, queryid), (calls, nanoseconds, load, toplevel))| Row {
        ts: (noon() + TimeDelta::hours(10)).timestamp_micros() + minute * MINUTE,
        server: ["a", "b"][server].into(),
        datname: database.then(|| "shop".into()),
        queryid,
        calls,
        nanoseconds,
        load,
        toplevel,
    })
}

/// Compaction, and once more when what is new has waited long enough: then rollups are made.
async fn settle(lake: &Lake) {
    lake.compact().await.unwrap();
    lake.compact_at(Utc::now() + TimeDelta::hours(2)).await.unwrap();
}

/// A row of a rollup: what is compared exactly, and what is compared but for rounding.
type Summed = (String, Vec<Option<f64>>);

async fn summed(lake: &Lake, table: &str) -> Vec<Summed> {
    let sql = format!(
        "select ts, server, datname, queryid, interval_ms, snapshots, last_ts, calls, load, load_min, load_max, load_count, toplevel,
                toplevel_count, total_exec_time, load_avg, toplevel_avg
         from {table}"
    );
    let answer = lake.query(Query::new(sql)).await.unwrap();
    assert!(!answer.truncated);
    let mut rows = Vec::new();
    for batch in &answer.batches {
        for i in 0..batch.num_rows() {
            let exact: Vec<String> = (0..14)
                .map(|at| match batch.column(at) {
                    column if column.is_null(i) => "null".into(),
                    column => match column.as_primitive_opt::<types::TimestampMicrosecondType>() {
                        Some(ts) => ts.value(i).to_string(),
                        None => array_value_to_string(column, i).unwrap(),
                    },
                })
                .collect();
            let rounded =
                (14..17).map(|at| batch.column(at).as_primitive::<types::Float64Type>()).map(|c| c.is_valid(i).then(|| c.value(i)));
            rows.push((exact.join(" "), rounded.collect()));
        }
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

/// The same from the rows themselves, written as plainly as can be.
#[expect(clippy::cast_precision_loss, reason = "means are floats")]
fn naive(rows: &[Row], bin: i64) -> Vec<Summed> {
    let mut groups: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry((row.ts / bin * bin, row.server.clone(), row.datname.clone(), row.queryid)).or_default().push(row);
    }
    fn show<T: ToString>(value: Option<T>) -> String {
        value.map_or("null".into(), |value| value.to_string())
    }
    let float = |value: Option<f64>| value.map_or("null".into(), |value| format!("{value:?}"));
    let sum = |values: Vec<i64>| values.into_iter().reduce(i64::wrapping_add);
    let mut all = Vec::new();
    for ((ts, server, datname, queryid), mut rows) in groups {
        rows.sort_by_key(|row| row.ts);
        let last = rows[rows.len() - 1];
        let calls: Vec<i64> = rows.iter().filter_map(|row| row.calls).collect();
        let loads: Vec<f64> = rows.iter().filter_map(|row| row.load).collect();
        let flags: Vec<bool> = rows.iter().filter_map(|row| row.toplevel).collect();
        let exact = [
            ts.to_string(),
            server,
            show(datname),
            show(queryid),
            show(sum(calls.iter().map(|_| 60_000).collect())),
            rows.len().to_string(),
            last.ts.to_string(),
            show(sum(calls)),
            float(last.load),
            float(loads.iter().copied().reduce(f64::min)),
            float(loads.iter().copied().reduce(f64::max)),
            loads.len().to_string(),
            show(last.toplevel),
            flags.len().to_string(),
        ];
        let time = sum(rows.iter().filter_map(|row| row.nanoseconds).collect()).map(|time| time as f64 / 1e6);
        let mean = |sum: f64, count: usize| (count > 0).then(|| sum / count as f64);
        let load = mean(loads.iter().sum(), loads.len());
        all.push((exact.join(" "), vec![time, load, mean(flags.iter().filter(|is| **is).count() as f64, flags.len())]));
    }
    all.sort_by(|a: &Summed, b| a.0.cmp(&b.0));
    all
}

async fn assert_exact(lake: &Lake, rows: &[Row]) {
    for (table, bin) in [("pg_stat_statements_5m", 5 * MINUTE), ("pg_stat_statements_1h", 60 * MINUTE)] {
        let (found, expected) = (summed(lake, table).await, naive(rows, bin));
        let exact = |rows: &[Summed]| rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>();
        assert_eq!(exact(&found), exact(&expected), "{table}");
        for (found, expected) in found.iter().zip(&expected) {
            let alike = found.1.iter().zip(&expected.1).all(|pair| match pair {
                (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                (found, expected) => found == expected,
            });
            assert!(alike, "{table}: {found:?} is not {expected:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_rollup_is_its_rows_aggregate_whatever_happened_to_them(
        batches in prop::collection::vec(
            (
                prop::collection::vec(row(), 1..40),
                prop::sample::select(vec![Step::Nothing, Step::Compact, Step::Settle, Step::Reopen, Step::Crash]),
            ),
            1..12,
        )
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            let mut all: BTreeMap<_, Row> = BTreeMap::new();
            for (sequence, (mut rows, step)) in (1..).zip(batches) {
                // A server's view has one row of a key at a moment.
                rows.retain(|row| {
                    let key = (row.ts, row.server.clone(), row.datname.clone(), row.queryid);
                    let is_new = !all.contains_key(&key);
                    all.entry(key).or_insert_with(|| row.clone());
                    is_new
                });
                if rows.is_empty() {
                    continue;
                }
                world.ingest(batch(sequence, &rows)).await.unwrap();
                match step {
                    Step::Nothing => {}
                    Step::Compact => { world.lake.compact().await.unwrap(); }
                    Step::Settle => settle(&world.lake).await,
                    Step::Reopen => world = world.reopened().await,
                    Step::Crash => {
                        let image = world.crash_image();
                        world.lake.close().await;
                        let lake = Lake::open(options(image.path())).await.unwrap();
                        world = World { folder: image, lake };
                    }
                }
                let rows: Vec<Row> = all.values().cloned().collect();
                assert_exact(&world.lake, &rows).await;
            }
            let rows: Vec<Row> = all.into_values().collect();
            settle(&world.lake).await;
            assert_exact(&world.lake, &rows).await;
            // Nothing is left to sum: a rollup's rows in files are its rows, and a day is one file.
            let stats = world.lake.stats().await;
            let hours = stats.tables.iter().find(|table| table.view == "pg_stat_statements_1h").unwrap();
            assert_eq!(hours.file_rows, naive(&rows, 60 * MINUTE).len() as u64);
            assert_eq!(hours.files, naive(&rows, 24 * 60 * MINUTE).iter().map(|row| &row.0[..16]).collect::<std::collections::BTreeSet<_>>().len() as u64);
        });
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_merge_counts_nothing_twice() {
    let world = World::new().await;
    let rows: Vec<Row> = (0..10).map(|i| Row::new(noon() + TimeDelta::minutes(i), "a", i % 2, i)).collect();
    world.ingest(batch(1, &rows)).await.unwrap();
    world.lake.compact().await.unwrap();
    // The files of the merge are written, and the transaction that makes them live is not.
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
async fn filters_and_projections_of_a_rollup_answer_as_on_its_rows() {
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
    // Bounds that fall on bins, and a condition on a sum, which only whole bins can meet.
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
    let body = crate::world::batch_of(crate::world::COLLECTOR, 1, &[("pganalytics_server_5m".into(), rows)]);
    let error = world.ingest(body).await.unwrap_err().to_string();
    assert!(error.contains("'pganalytics_server_5m' is unknown here"), "{error}");
}

#[tokio::test]
async fn each_tier_is_kept_as_long_as_it_is_set_and_a_change_acts_at_the_next_run() {
    let world = World::with(|options: &mut LakeOptions| options.retention = std::time::Duration::from_secs(10 * 86_400)).await;
    let now = Utc::now();
    let ages = [0, 5, 30, 500, 3000];
    let rows = ages.map(|days| Row::new(now - TimeDelta::days(days), "a", days, 1));
    world.ingest(batch(1, &rows)).await.unwrap();
    world.lake.compact().await.unwrap();
    // What is in no rollup yet stays until it is.
    assert_eq!(world.lake.expire(now).await.unwrap().files, 0);
    world.lake.compact_at(now + TimeDelta::hours(2)).await.unwrap();
    world.lake.expire(now).await.unwrap();
    let oldest = async |table: &str| one(&world.lake, &format!("select coalesce(max(queryid), -1) from {table}")).await;
    assert_eq!(oldest("pg_stat_statements").await, "5");
    assert_eq!(oldest("pg_stat_statements_5m").await, "30");
    assert_eq!(oldest("pg_stat_statements_1h").await, "500");

    // Rows that come when their day has left already are in the rollups all the same, with those that came before.
    world.ingest(batch(2, &[Row::new(now - TimeDelta::days(30), "b", 30, 7)])).await.unwrap();
    settle(&world.lake).await;
    world.lake.expire(now).await.unwrap();
    assert_eq!(oldest("pg_stat_statements").await, "5");
    assert_eq!(one(&world.lake, "select sum(calls) from pg_stat_statements_5m where queryid = 30").await, "8");

    let tables = [("pg_stat_statements_1h".to_owned(), 100)].into();
    let setting = RetentionSetting { raw: Some(3), five_minutes: Some(20), tables, ..RetentionSetting::default() };
    world.lake.set_retention(&setting, now).await.unwrap();
    world.lake.expire(now).await.unwrap();
    assert_eq!(oldest("pg_stat_statements").await, "0");
    assert_eq!(oldest("pg_stat_statements_5m").await, "5");
    assert_eq!(oldest("pg_stat_statements_1h").await, "30");
    let world = world.reopened().await;
    assert_eq!(world.lake.retention().await.unwrap().setting, setting);
}

#[tokio::test]
async fn a_retention_that_cannot_be_is_refused_whole() {
    let world = World::new().await;
    let none = RetentionSetting { raw: Some(5), hour: Some(0), ..RetentionSetting::default() };
    assert!(matches!(world.lake.set_retention(&none, Utc::now()).await, Err(RetentionError::Days { .. })));
    let unknown = RetentionSetting { tables: [("pg_stat_statement_5m".to_owned(), 3)].into(), ..RetentionSetting::default() };
    let error = world.lake.set_retention(&unknown, Utc::now()).await.unwrap_err().to_string();
    assert_eq!(error, "table 'pg_stat_statement_5m' does not exist; did you mean 'pg_stat_statements_5m'?");
    assert_eq!(world.lake.retention().await.unwrap().setting, RetentionSetting::default());
}
