//! Days in UTC, as numbers since 1970. A file holds the rows of one day.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use arrow::array::cast::AsArray as _;
use arrow::array::types::TimestampMicrosecondType;
use chrono::{DateTime, NaiveDate};

use super::shape::TS_AT;

/// Microseconds in a day.
const DAY_US: i64 = 86_400_000_000;

/// The day of a time, counted from 1970.
pub(crate) fn of(ts: i64) -> i64 {
    ts.div_euclid(DAY_US)
}

/// The days of some rows, counted from 1970.
pub(crate) fn days(rows: &RecordBatch) -> BTreeSet<i64> {
    let mut days = BTreeSet::new();
    let mut last = None;
    for ts in rows.column(TS_AT).as_primitive::<TimestampMicrosecondType>().values() {
        let day = of(*ts);
        if last.replace(day) != Some(day) {
            days.insert(day);
        }
    }
    days
}

/// The first and the last microsecond of a day.
pub(crate) fn span(day: i64) -> (i64, i64) {
    (day * DAY_US, (day + 1) * DAY_US - 1)
}

/// A day as a date. Days come from checked times, so each is a valid date.
pub(crate) fn date(day: i64) -> NaiveDate {
    DateTime::from_timestamp_micros(day.saturating_mul(DAY_US)).unwrap_or_default().date_naive()
}
