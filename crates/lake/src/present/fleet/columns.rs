//! Access to the columns of rows for the fleet's states.

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Int64Type, TimestampMicrosecondType};
use arrow::array::{Array as _, Int64Array, RecordBatch, StringViewArray};

use crate::model::{SERVER_AT, TS_AT};

/// The index, time and server of each row.
pub(crate) fn keys(rows: &RecordBatch) -> impl Iterator<Item = (usize, i64, &str)> {
    let ts = rows.column(TS_AT).as_primitive::<TimestampMicrosecondType>().values();
    let servers = rows.column(SERVER_AT).as_string_view();
    ts.iter().enumerate().map(|(row, ts)| (row, *ts, servers.value(row)))
}

/// A column of texts. `None` if a user's own definition of the view lacks the column.
pub(crate) struct Texts<'a>(Option<&'a StringViewArray>);

impl<'a> Texts<'a> {
    pub(crate) fn of(rows: &'a RecordBatch, name: &str) -> Self {
        Self(rows.column_by_name(name).and_then(|column| column.as_string_view_opt()))
    }

    pub(crate) fn at(&self, row: usize) -> Option<&'a str> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// A column of numbers; see [`Texts`].
pub(crate) struct Numbers<'a>(Option<&'a Int64Array>);

impl<'a> Numbers<'a> {
    pub(crate) fn of(rows: &'a RecordBatch, name: &str) -> Self {
        Self(rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>()))
    }

    pub(crate) fn at(&self, row: usize) -> Option<i64> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}
