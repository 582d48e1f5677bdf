//! Sums of snapshots, collected until a snapshot is complete and can be counted.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use pganalytics_views::INTERVAL_MS;

use super::columns::{Numbers, keys};

/// The sums of one snapshot of one server.
#[derive(Debug, Default)]
pub(crate) struct SnapshotSum {
    pub(crate) ms: i64,
    pub(crate) first: i64,
    pub(crate) hit: i64,
    pub(crate) read: i64,
}

/// Sums of snapshots, by server and time.
pub(crate) type SnapshotSums = BTreeMap<String, BTreeMap<i64, SnapshotSum>>;

/// Adds rows to the sums of their snapshots.
pub(crate) fn sum_snapshots(rows: &RecordBatch, sums: &mut SnapshotSums, sum: impl Fn(usize, &mut SnapshotSum)) {
    let interval = Numbers::of(rows, INTERVAL_MS);
    for (row, ts, server) in keys(rows) {
        let Some(ms) = interval.at(row).filter(|ms| *ms > 0) else { continue };
        if !sums.contains_key(server) {
            sums.insert(server.to_owned(), BTreeMap::new());
        }
        let Some(of_server) = sums.get_mut(server) else { continue };
        let of_snapshot = of_server.entry(ts).or_default();
        of_snapshot.ms = of_snapshot.ms.max(ms);
        sum(row, of_snapshot);
    }
}
