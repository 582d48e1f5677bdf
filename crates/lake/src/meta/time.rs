//! Times as the store holds them: microseconds since 1970.

use chrono::{DateTime, Utc};

/// A time as the store holds it.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// A time from the store; one that no calendar has reads as the epoch.
pub(crate) fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
