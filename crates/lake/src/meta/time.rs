//! Times in the store: microseconds since 1970.

use chrono::{DateTime, Utc};

/// Converts a time to the form of the store.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// Converts a time from the store. A time outside the calendar becomes the epoch.
pub(crate) fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
