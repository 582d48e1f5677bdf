//! The difference between a collector's clock and the backend's clock. Pure: the caller supplies both times.
//!
//! # Promise
//! [`skew_us`] never mistakes a batch that waited in the spool for a slow clock. [`is_marked`] says whether people should see the skew:
//! charts that end at "now" show the servers of such a collector late, or not yet.
//!
//! # How
//! A collector sends its time with each request ([`SENT_AT`]). Older collectors do not. Their batches only have `created_us`, which looks
//! the same for a slow clock and for a batch that waited. For them a skew is known only if the batch comes from the future.

/// The request header with the collector's time of sending, in microseconds since the epoch.
pub const SENT_AT: &str = "pganalytics-sent-at";

/// The request header with the milliseconds since the batch was closed, by a clock that nobody sets. Missing if an earlier run of the
/// collector closed the batch.
pub const WAITED: &str = "pganalytics-waited-ms";

/// The skew from which a collector is marked. A request takes at most 30 s, so a larger skew is not caused by the network. Pages call a
/// server silent after 45 s, so a smaller skew confuses nobody.
pub const MARKED_FROM_US: i64 = 30_000_000;

/// How far the collector's clock is ahead of the backend's, in microseconds; negative if it is behind. `None` if this is unknown: an older
/// collector sent a batch that is not from the future.
#[must_use]
pub fn skew_us(sent_at_us: Option<i64>, created_us: i64, now_us: i64) -> Option<i64> {
    match sent_at_us {
        Some(sent_at_us) => Some(sent_at_us.saturating_sub(now_us)),
        None => Some(created_us.saturating_sub(now_us)).filter(|ahead| is_marked(*ahead) && *ahead > 0),
    }
}

/// Whether people should see the skew.
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
    fn a_batch_that_waited_is_not_a_skew() {
        assert_eq!(skew_us(Some(NOW), NOW - 48 * HOUR, NOW), Some(0), "two days in the spool");
        assert_eq!(skew_us(Some(NOW - HOUR), NOW - HOUR, NOW), Some(-HOUR));
        assert_eq!(skew_us(Some(NOW + HOUR), NOW, NOW), Some(HOUR));
    }

    #[test]
    fn without_a_time_of_sending_only_a_batch_from_the_future_has_a_skew() {
        assert_eq!(skew_us(None, NOW - HOUR, NOW), None);
        assert_eq!(skew_us(None, NOW + MARKED_FROM_US - 1, NOW), None);
        assert_eq!(skew_us(None, NOW + HOUR, NOW), Some(HOUR));
    }

    #[test]
    fn a_skew_is_marked_from_the_threshold_in_both_directions() {
        assert!(!is_marked(MARKED_FROM_US - 1) && is_marked(MARKED_FROM_US) && is_marked(-MARKED_FROM_US));
        assert!(skew_us(Some(i64::MIN), 0, NOW).is_some_and(is_marked));
        assert!(skew_us(None, i64::MAX, -NOW).is_some_and(is_marked));
    }
}
