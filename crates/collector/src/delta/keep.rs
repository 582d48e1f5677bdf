//! The rows that are kept if there are more than the view's `max_rows`, and the one row that sums the others.
//!
//! # Promise
//! - Each counter and each of the view's `keep` columns orders the rows by value, the largest first. A row ranks by its best place in any of
//!   these orders.
//! - The other rows become one row. Its counters are the exact sums, its text labels are [`OTHER`], and everything else is null. A label that is
//!   the same in all these rows is kept.
//! - So sums over all rows are correct, whichever rows are cut.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array, new_null_array};
use arrow_schema::ArrowError;
use arrow_select::concat::concat;
use arrow_select::take::take;
use pganalytics_views::{Column, Kind, View};

/// The text labels of the row that sums the rows beyond `max_rows`.
pub(crate) const OTHER: &str = "(other)";
/// The number of columns before the view's columns: `ts`, `server` and `interval_ms`.
const FRONT: usize = 3;

/// The shipped rows of a snapshot.
#[derive(Debug)]
pub(crate) struct Shipped {
    pub rows: RecordBatch,
    /// The number of rows beyond the view's `max_rows`, which were summed into one.
    pub summed: u64,
}

/// Keeps at most `max_rows` rows, including the row that sums the others.
pub(super) fn keep(view: &View, rows: RecordBatch) -> Result<Shipped, ArrowError> {
    if rows.num_rows() <= view.max_rows {
        return Ok(Shipped { rows, summed: 0 });
    }
    let (kept, others) = choose(view, &rows);
    let summed = others.len() as u64;
    let (kept, others) = (UInt32Array::from(kept), UInt32Array::from(others));
    let mut columns = Vec::with_capacity(rows.num_columns());
    for (i, column) in rows.columns().iter().enumerate() {
        let rest = take(column, &others, None)?;
        let other = match i.checked_sub(FRONT).and_then(|i| view.columns.get(i)) {
            // The longest interval, since new rows have a null interval.
            None if i == FRONT - 1 => Arc::new(Int64Array::from(vec![rest.as_primitive::<Int64Type>().iter().flatten().max()])) as ArrayRef,
            None => rest.slice(0, 1),
            Some(definition) => combine(definition, &rest),
        };
        columns.push(concat(&[take(column, &kept, None)?.as_ref(), other.as_ref()])?);
    }
    Ok(Shipped { rows: RecordBatch::try_new(rows.schema(), columns)?, summed })
}

/// The rows that are kept, and the others, each in the snapshot's order.
fn choose(view: &View, rows: &RecordBatch) -> (Vec<u32>, Vec<u32>) {
    let count = rows.num_rows();
    let mut best = vec![usize::MAX; count];
    for (i, column) in view.columns.iter().enumerate() {
        if column.kind != Kind::Counter && !view.keep.contains(&column.name) {
            continue;
        }
        let values = numbers(rows.column(i + FRONT));
        let mut order: Vec<usize> = (0..count).filter(|row| values[*row] > 0.0).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        for (place, row) in order.into_iter().enumerate() {
            best[row] = best[row].min(place);
        }
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|row| best[*row]);
    let mut is_kept = vec![false; count];
    order.into_iter().take(view.max_rows.saturating_sub(1)).for_each(|row| is_kept[row] = true);
    let number = |row: usize| u32::try_from(row).unwrap_or(u32::MAX);
    (0..count).map(number).partition(|row| is_kept[*row as usize])
}

fn numbers(column: &ArrayRef) -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "only the order matters")]
    if let Some(cells) = column.as_primitive_opt::<Int64Type>() {
        cells.iter().map(|value| value.unwrap_or_default() as f64).collect()
    } else if let Some(cells) = column.as_primitive_opt::<Float64Type>() {
        cells.iter().map(Option::unwrap_or_default).collect()
    } else {
        vec![0.0; column.len()]
    }
}

/// One cell for all rows of a column.
fn combine(definition: &Column, rest: &ArrayRef) -> ArrayRef {
    let nothing = || new_null_array(rest.data_type(), 1);
    match definition.kind {
        Kind::Counter => {
            if let Some(cells) = rest.as_primitive_opt::<Int64Type>() {
                let sum = cells.iter().flatten().fold(None, |sum: Option<i64>, value| Some(sum.unwrap_or_default().saturating_add(value)));
                Arc::new(Int64Array::from(vec![sum]))
            } else if let Some(cells) = rest.as_primitive_opt::<Float64Type>() {
                let sum = cells.iter().flatten().fold(None, |sum: Option<f64>, value| Some(sum.unwrap_or_default() + value));
                Arc::new(Float64Array::from(vec![sum]))
            } else {
                nothing()
            }
        }
        Kind::Label => match rest.as_string_opt::<i32>() {
            Some(cells) if (1..cells.len()).all(|row| same(cells, row)) => rest.slice(0, 1),
            Some(_) => Arc::new(StringArray::from(vec![OTHER])),
            None => nothing(),
        },
        Kind::Gauge | Kind::Text => nothing(),
    }
}

fn same(cells: &StringArray, row: usize) -> bool {
    cells.is_null(row) == cells.is_null(0) && cells.value(row) == cells.value(0)
}
