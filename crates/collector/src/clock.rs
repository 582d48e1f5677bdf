//! The wall clock, in the units of rows and metrics; and a clock that nobody sets.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

/// The time since the machine was started, suspended time included. Unlike the wall clock it never jumps, so differences of it are right.
///
/// Where `/proc` is missing, the time since the process was started.
#[must_use]
pub(crate) fn since_boot() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let start = *START;
    let uptime = std::fs::read_to_string("/proc/uptime").ok().and_then(|text| uptime(&text));
    uptime.unwrap_or_else(|| start.elapsed())
}

/// The first number of `/proc/uptime`.
fn uptime(text: &str) -> Option<Duration> {
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_since_boot_is_read_and_never_falls() {
        assert_eq!(uptime("350735.47 234388.90\n"), Some(Duration::from_millis(350_735_470)));
        assert_eq!((uptime(""), uptime("-1 2"), uptime("NaN")), (None, None, None));
        let first = since_boot();
        assert!(since_boot() >= first);
    }
}
