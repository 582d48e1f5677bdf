//! Rollups: a rollup equals the aggregate of its rows, whatever happened to the rows.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use pganalytics_lake::Lake;
use proptest::prelude::*;

use crate::rollup_model::{MINUTE, assert_exact, naive, settle};
use crate::rows::{Row, batch, noon};
use crate::world::{World, options};

/// What happens to a lake between two batches.
#[derive(Debug, Clone, Copy)]
enum Step {
    Nothing,
    Compact,
    /// Calls [`settle`].
    Settle,
    Reopen,
    /// The process crashes here, and another process opens the folder.
    Crash,
}

/// Rows with few different keys and bins, before and after midnight.
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_rollup_always_equals_the_aggregate_of_its_rows(
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
                // A view has only one row per server, key and time.
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
            // Nothing is left to sum: the files of a rollup hold exactly its rows, and each day is one file.
            let stats = world.lake.stats().await;
            let hours = stats.tables.iter().find(|table| table.view == "pg_stat_statements_1h").unwrap();
            assert_eq!(hours.file_rows, naive(&rows, 60 * MINUTE).len() as u64);
            assert_eq!(hours.files, naive(&rows, 24 * 60 * MINUTE).iter().map(|row| &row.0[..16]).collect::<std::collections::BTreeSet<_>>().len() as u64);
        });
    }
}
