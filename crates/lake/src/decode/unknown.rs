//! Parts of a batch that this backend does not know: a collector or another replica is newer, or has other views.
//!
//! # Promise
//! Nothing else of the batch waits or is lost. An unknown column is kept beside the known columns, also in files, where a backend that knows the
//! column finds it. An unknown view's rows are kept as they were shipped. A known column of another type is converted where each value stays the
//! same; other values are null and counted.

use std::fmt;

use arrow::array::cast::AsArray as _;
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{Array as _, ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, can_cast_types, cast_with_options, nullif};
use arrow::datatypes::DataType;

use super::memory::memory;
use crate::model::{Extent, Hot};

/// A part of a batch that this backend does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) view: String,
    /// `None`: the whole view.
    pub(crate) column: Option<String>,
    pub(crate) rows: u64,
    /// Values that are not kept, because the column has another type here.
    pub(crate) lost: u64,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{}.{column}", self.view),
            None => write!(f, "{}", self.view),
        }
    }
}

/// The rows of a view that this backend does not know, as they were shipped. No query reads them.
pub(crate) fn unknown_view(view: &str, rows: &RecordBatch) -> (Hot, Unknown) {
    let ts = rows.columns().first().and_then(|ts| ts.as_primitive_opt::<TimestampMicrosecondType>());
    let times = || ts.into_iter().flat_map(|ts| ts.iter().flatten());
    let extent = Extent {
        min_ts: times().min().unwrap_or_default(),
        max_ts: times().max().unwrap_or_default(),
        min_server: String::new(),
        max_server: String::new(),
    };
    let unknown = Unknown { view: view.into(), column: None, rows: rows.num_rows() as u64, lost: 0 };
    (Hot { batch: 0, rows: rows.clone(), unknown: None, bytes: memory(rows), extent }, unknown)
}

/// Converts a column to another type, and counts the values that the other type cannot hold; these are null.
pub(crate) fn converted(column: &ArrayRef, to: &DataType) -> (ArrayRef, u64) {
    let from = column.data_type();
    let present = (column.len() - column.null_count()) as u64;
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let exact = || {
        if !can_cast_types(from, to) || !can_cast_types(to, from) {
            return None;
        }
        let there = cast_with_options(column, to, &options).ok()?;
        let back = cast_with_options(&there, from, &options).ok()?;
        let differs: BooleanArray = distinct(&back, column).ok()?;
        nullif(&there, &differs).ok()
    };
    match exact() {
        Some(exact) => {
            let lost = present - (exact.len() - exact.null_count()) as u64;
            (exact, lost)
        }
        None => (new_null_array(to, column.len()), present),
    }
}

/// The type that an unknown column is stored with.
pub(crate) fn stored_type(shipped: &DataType) -> DataType {
    if *shipped == DataType::Utf8 { DataType::Utf8View } else { shipped.clone() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn a_value_of_another_type_is_kept_if_it_stays_the_same_and_counted_if_not() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), Some(1.5), None, Some(1e300)]));
        let (ints, lost) = converted(&floats, &DataType::Int64);
        let ints: Vec<_> = ints.as_primitive::<Int64Type>().iter().collect();
        assert_eq!((ints, lost), (vec![Some(1), None, None, None], 2));
        let ints: ArrayRef = Arc::new(Int64Array::from(vec![7, i64::MAX]));
        assert_eq!(converted(&ints, &DataType::Float64).1, 1, "no float holds the largest integer");
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("12"), Some("a lot"), None]));
        let (ints, lost) = converted(&texts, &DataType::Int64);
        assert_eq!((ints.as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), lost), (vec![Some(12), None, None], 1));
    }
}
