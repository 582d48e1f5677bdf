//! Compaction: the answers are the same, however the rows are stored.

use chrono::{TimeDelta, Utc};
use pganalytics_lake::arrow::array::{Array, cast::AsArray, types};
use pganalytics_lake::{Lake, Query};
use proptest::prelude::*;

use crate::rows::{Row, batch, noon};
use crate::world::World;

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

/// All rows of the table as sorted text, for comparison with the model.
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
