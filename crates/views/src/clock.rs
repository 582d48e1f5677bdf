//! Two clocks, the collector's and the backend's, and how far they are apart. Pure: whoever asks brings both times.
//!
//! # Promise
//! [`skew_us`] never takes a batch that has waited for one of a slow clock. It says how far, [`is_marked`] from where on a person
//! should know: charts that end at "now" show such a collector's servers late, or not yet.
//!
//! # How
//! A collector says with each request when it sent it ([`SENT_AT`]); `created_us` alone can't tell a slow clock from a batch that has
//! waited in the spool. Only from a batch of the future is a wrong clock certain, so that much is told of collectors that do not send it.

/// The request header with the collector's clock at the time of sending, microseconds since the epoch.
pub const SENT_AT: &str = "pganalytics-sent-at";

/// Skew from which a collector is marked. The way here takes seconds at most (a request is given up after 30 s), and pages call a
/// server silent after 45 s: below this a skew confuses nobody, and above it is no matter of the network.
pub const MARKED_FROM_US: i64 = 30_000_000;

/// How far the collector's clock is ahead of ours, microseconds; negative where it is behind. `None` where that can't be told:
/// an old collector whose batch is not of the future.
#[must_use]
pub fn skew_us(sent_at_us: Option<i64>, created_us: i64, now_us: i64) -> Option<i64> {
    match sent_at_us {
        Some(sent_at_us) => Some(sent_at_us.saturating_sub(now_us)),
        None => Some(created_us.saturating_sub(now_us)).filter(|ahead| is_marked(*ahead) && *ahead > 0),
    }
}

/// Whether a skew is worth a person's attention.
#[must_use]
pub fn is_marked(skew_us: i64) -> bool {
    skew_us.unsigned_abs() >= MARKED_FROM_US.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000_000;
    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn the_time_of_sending_tells_a_wrong_clock_from_a_batch_that_waited() {
        assert_eq!(skew_us(Some(NOW), NOW - 48 * HOUR, NOW), Some(0), "two days in the spool are no skew");
        assert_eq!(skew_us(Some(NOW - HOUR), NOW - HOUR, NOW), Some(-HOUR));
        assert_eq!(skew_us(Some(NOW + HOUR), NOW, NOW), Some(HOUR));
    }

    #[test]
    fn of_a_collector_that_does_not_say_when_it_sent_only_the_future_is_told() {
        assert_eq!(skew_us(None, NOW - HOUR, NOW), None);
        assert_eq!(skew_us(None, NOW + MARKED_FROM_US - 1, NOW), None);
        assert_eq!(skew_us(None, NOW + HOUR, NOW), Some(HOUR));
    }

    #[test]
    fn marked_on_both_sides_from_the_threshold_on_whatever_a_clock_says() {
        assert!(!is_marked(MARKED_FROM_US - 1) && is_marked(MARKED_FROM_US) && is_marked(-MARKED_FROM_US));
        assert!(skew_us(Some(i64::MIN), 0, NOW).is_some_and(is_marked));
        assert!(skew_us(None, i64::MAX, -NOW).is_some_and(is_marked));
    }
}
