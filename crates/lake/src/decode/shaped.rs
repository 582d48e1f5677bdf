//! Checks the rows of a batch and converts them to the tables' shapes.
//!
//! # Promise
//! The resulting rows need no further check before they are stored, sorted, written and queried: they have the columns of
//! [`Shape::stored`] in order, no null `ts` or `server`, and names of bounded length. Columns that the collector did not ship are null. Times
//! are checked before ([`super::times`]).

use arrow::array::cast::AsArray as _;
use arrow::array::{Array as _, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema};
use pganalytics_views::{INTERVAL_MS, SERVER, TS, schema};
use std::collections::HashMap;
use std::sync::Arc;

use super::error::RowsError;
use super::memory::memory;
use super::unknown::{Unknown, converted, stored_type};
use crate::model::{Extent, Hot, SERVER_AT, Shape, day};

/// The most days that the rows of one view in one batch may cover. Each day becomes a file.
const MAX_DAYS: usize = 402;
/// The most bytes of a server's name: far more than host, port, namespace and pod need.
const MAX_SERVER: usize = 512;

/// Converts shipped rows to the stored shape. Also returns the parts that this backend does not know.
pub(crate) fn shaped(shape: &Shape, rows: &RecordBatch) -> Result<(Hot, Vec<Unknown>), RowsError> {
    let wrong = |problem: String| RowsError::Malformed { view: shape.name().into(), problem };
    let expected = schema(&shape.view);
    let shipped = rows.schema_ref();
    let mut unknown = Vec::new();
    let mut note = |column: &str, lost: u64| {
        unknown.push(Unknown { view: shape.name().into(), column: Some(column.to_owned()), rows: rows.num_rows() as u64, lost });
    };
    let (mut extra_fields, mut extra_columns) = (Vec::new(), Vec::new());
    let mut converted_columns = HashMap::new();
    for (i, field) in shipped.fields().iter().enumerate() {
        if shipped.fields().iter().take(i).any(|earlier| earlier.name() == field.name()) {
            return Err(wrong(format!("column '{}' was shipped twice", field.name())));
        }
        match expected.field_with_name(field.name()) {
            Ok(known) if known.data_type() == field.data_type() => {}
            Ok(known) if !known.is_nullable() => {
                return Err(wrong(format!("column '{}' is not of type {}", field.name(), known.data_type())));
            }
            Ok(known) => {
                let (column, lost) = converted(rows.column(i), known.data_type());
                note(field.name(), lost);
                converted_columns.insert(field.name().as_str(), column);
            }
            Err(_) => {
                note(field.name(), 0);
                let to = stored_type(field.data_type());
                extra_columns.push(cast(rows.column(i), &to).map_err(|error| wrong(error.to_string()))?);
                extra_fields.push(Field::new(field.name(), to, true));
            }
        }
    }
    for name in [TS, SERVER, INTERVAL_MS] {
        if shipped.column_with_name(name).is_none() {
            return Err(wrong(format!("column '{name}' is missing")));
        }
    }
    let column = |at: usize| -> Result<ArrayRef, RowsError> {
        let field = shape.stored.field(at);
        let Some(column) = converted_columns.get(field.name().as_str()).or_else(|| rows.column_by_name(field.name())) else {
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
    let servers = rows.column(SERVER_AT).as_string_view();
    if let Some(name) = servers.iter().flatten().find(|name| name.is_empty() || name.len() > MAX_SERVER) {
        return Err(wrong(format!("a server's name has {} bytes; set a name of 1 to {MAX_SERVER} bytes", name.len())));
    }
    if day::days(&rows).len() > MAX_DAYS {
        return Err(wrong(format!("the batch has rows of more than {MAX_DAYS} days")));
    }
    let extra = match extra_fields.is_empty() {
        true => None,
        false => Some(RecordBatch::try_new(Arc::new(Schema::new(extra_fields)), extra_columns).map_err(|error| wrong(error.to_string()))?),
    };
    let bytes = memory(&rows) + extra.as_ref().map_or(0, memory);
    Ok((Hot { batch: 0, bytes, rows, unknown: extra, extent }, unknown))
}
