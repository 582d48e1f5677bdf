//! A batch of a view's rows: `ts`, `server` and `interval_ms` come before the view's columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use pganalytics_views::{View, schema};

use super::rows::Snapshot;

/// A batch of rows whose counters are deltas already, such as the sums of a probe.
///
/// # Errors
/// Arrow refuses the columns, because the snapshot is not of this view.
pub(crate) fn already_deltas(view: &View, server: &str, snapshot: &Snapshot, interval_ms: Option<i64>) -> Result<RecordBatch, ArrowError> {
    let mut columns = front(server, snapshot.ts_us, Int64Array::from(vec![interval_ms; snapshot.rows]));
    columns.extend(snapshot.columns.iter().cloned());
    RecordBatch::try_new(schema(view), columns)
}

/// The columns that come before the view's: `ts`, `server`, `interval_ms`.
fn front(server: &str, ts_us: i64, intervals: Int64Array) -> Vec<ArrayRef> {
    let rows = intervals.len();
    let mut servers = StringBuilder::with_capacity(rows, rows * server.len());
    (0..rows).for_each(|_| servers.append_value(server));
    vec![Arc::new(TimestampMicrosecondArray::from(vec![ts_us; rows]).with_timezone("UTC")), Arc::new(servers.finish()), Arc::new(intervals)]
}

/// The rows of a snapshot that are shipped, with deltas in place of counters.
pub(super) fn assemble(
    schema: &SchemaRef,
    server: &str,
    snapshot: &Snapshot,
    shipped: UInt32Array,
    intervals: Int64Array,
    mut deltas: HashMap<usize, ArrayRef>,
) -> Result<RecordBatch, ArrowError> {
    let all = shipped.len() == snapshot.rows;
    let mut columns = front(server, snapshot.ts_us, intervals);
    for (i, column) in snapshot.columns.iter().enumerate() {
        columns.push(match deltas.remove(&i) {
            Some(delta) => delta,
            None if all => Arc::clone(column),
            None => arrow_select::take::take(column, &shipped, None)?,
        });
    }
    RecordBatch::try_new(Arc::clone(schema), columns)
}
