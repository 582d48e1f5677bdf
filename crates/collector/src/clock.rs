//! The wall clock, in the units of rows and metrics.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::Utc;

/// Microseconds since the epoch.
#[must_use]
pub(crate) fn now_us() -> i64 {
    Utc::now().timestamp_micros()
}

/// Seconds since the epoch.
#[must_use]
pub(crate) fn now_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
