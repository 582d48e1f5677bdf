//! Microseconds since the epoch, and the calendar.

use chrono::{DateTime, NaiveDateTime};

/// Microseconds since the epoch, as a moment of the calendar.
pub(crate) fn naive(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|moment| moment.naive_utc())
}

/// A moment of the calendar, as microseconds since the epoch.
pub(crate) fn micros(moment: NaiveDateTime) -> i64 {
    moment.and_utc().timestamp_micros()
}
