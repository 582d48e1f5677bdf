//! The expected contents of a rollup, computed from the rows.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use pganalytics_lake::arrow::array::{Array, cast::AsArray, types};
use pganalytics_lake::arrow::util::display::array_value_to_string;
use pganalytics_lake::{Lake, Query};

use crate::rows::Row;

/// Microseconds in a minute.
pub(crate) const MINUTE: i64 = 60_000_000;

/// Compacts, and compacts again at a time when the new files are due for their merge, which creates the rollups.
pub(crate) async fn settle(lake: &Lake) {
    lake.compact().await.unwrap();
    lake.compact_at(Utc::now() + TimeDelta::hours(2)).await.unwrap();
}

/// A row of a rollup: the values that are compared exactly, and the values that are compared with a tolerance.
pub(crate) type Summed = (String, Vec<Option<f64>>);

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

/// Computes the rows of a rollup from the rows of the view, with the simplest possible code.
#[expect(clippy::cast_precision_loss, reason = "means are floats")]
pub(crate) fn naive(rows: &[Row], bin: i64) -> Vec<Summed> {
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

pub(crate) async fn assert_exact(lake: &Lake, rows: &[Row]) {
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
