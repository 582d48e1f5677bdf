//! Checks the rows of a batch and converts them to the tables' shapes.
//!
//! # Promise
//! The resulting rows need no further check before they are stored, sorted, written and queried: they have the columns of
//! [`Shape::stored`] in order, no null `ts` or `server`, valid times, and names of bounded length. Columns that the collector did not ship
//! are null.

use arrow::array::cast::AsArray as _;
use arrow::array::{Array as _, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::cast;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use pganalytics_views::{INTERVAL_MS, SERVER, TS, schema};
use std::sync::Arc;

use super::error::RowsError;
use crate::model::{Extent, Hot, SERVER_AT, Shape, day};

/// 2000-01-01, PostgreSQL's epoch. An earlier time comes from a broken clock.
const EARLIEST_US: i64 = 946_684_800_000_000;
/// 2200-01-01: every Parquet reader can represent times up to then, also in nanoseconds.
const LATEST_US: i64 = 7_258_118_400_000_000;
/// The most days that the rows of one view in one batch may cover. Each day becomes a file, and a spool holds days, not years.
const MAX_DAYS: usize = 400;
/// The most bytes of a server's name: far more than host, port, namespace and pod need.
const MAX_SERVER: usize = 512;
/// The memory of an array without its buffers: most of the memory for a view with one row per snapshot.
const COLUMN_BYTES: usize = 192;

/// Converts shipped rows to the stored shape.
pub(crate) fn shaped(shape: &Shape, rows: &RecordBatch) -> Result<Hot, RowsError> {
    let wrong = |problem: String| RowsError::Malformed { view: shape.name().into(), problem };
    let expected = schema(&shape.view);
    let shipped = rows.schema_ref();
    for (i, field) in shipped.fields().iter().enumerate() {
        let unknown = |problem: String| RowsError::UnknownColumn { view: shape.name().into(), column: field.name().clone(), problem };
        let known = expected.field_with_name(field.name()).map_err(|_| unknown("is unknown to this backend".into()))?;
        if known.data_type() != field.data_type() {
            return Err(unknown(format!("has type {}, but was shipped as {}", known.data_type(), field.data_type())));
        }
        if shipped.fields().iter().take(i).any(|earlier| earlier.name() == field.name()) {
            return Err(wrong(format!("column '{}' was shipped twice", field.name())));
        }
    }
    for name in [TS, SERVER, INTERVAL_MS] {
        if shipped.column_with_name(name).is_none() {
            return Err(wrong(format!("column '{name}' is missing")));
        }
    }
    let column = |at: usize| -> Result<ArrayRef, RowsError> {
        let field = shape.stored.field(at);
        let Some(column) = rows.column_by_name(field.name()) else {
            return Ok(new_null_array(field.data_type(), rows.num_rows()));
        };
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(wrong(format!("column '{}' has nulls", field.name())));
        }
        cast(column, field.data_type()).map_err(|error| wrong(error.to_string()))
    };
    let columns = (0..shape.stored.fields().len()).map(column).collect::<Result<Vec<_>, _>>()?;
    let rows = RecordBatch::try_new(Arc::clone(&shape.stored), columns).map_err(|error| wrong(error.to_string()))?;
    let extent = Extent::of(&rows).ok_or_else(|| wrong("has no rows".into()))?;
    if extent.min_ts < EARLIEST_US || extent.max_ts >= LATEST_US {
        let ts = if extent.min_ts < EARLIEST_US { extent.min_ts } else { extent.max_ts };
        return Err(wrong(format!("a snapshot's time of {ts} µs since 1970 is not between 2000 and 2200: set the collector's clock")));
    }
    let servers = rows.column(SERVER_AT).as_string_view();
    if let Some(name) = servers.iter().flatten().find(|name| name.is_empty() || name.len() > MAX_SERVER) {
        return Err(wrong(format!("a server's name has {} bytes; set a name of 1 to {MAX_SERVER} bytes", name.len())));
    }
    if day::days(&rows).len() > MAX_DAYS {
        return Err(wrong(format!("the batch has rows of more than {MAX_DAYS} days")));
    }
    Ok(Hot { batch: 0, bytes: memory(&rows), rows, extent })
}

/// The memory of rows: each buffer counted once, however many columns share it, plus the arrays themselves.
fn memory(rows: &RecordBatch) -> u64 {
    (get_record_batch_memory_size(rows) + rows.num_columns() * COLUMN_BYTES) as u64
}
