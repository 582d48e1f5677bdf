//! One cell of a row.

use sqlx::postgres::PgRow;
use sqlx::{Row as _, ValueRef as _};

/// A cell's bytes; `None` for null.
#[must_use]
pub(crate) fn bytes(row: &PgRow, column: usize) -> Option<&[u8]> {
    let value = row.try_get_raw(column).ok()?;
    if value.is_null() { None } else { value.as_bytes().ok() }
}

/// A cell's text in any encoding; bytes that are not UTF-8 are replaced.
#[must_use]
pub(crate) fn text(row: &PgRow, column: usize) -> Option<String> {
    bytes(row, column).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}
