//! Moves the times of rows to the backend's clock.
//!
//! # Promise
//! After [`Times::moved`] no time is more than half a minute after the receipt of the batch, or more than [`LONGEST_US`] before it; if the request
//! states no times, [`LONGEST_UNSTATED_US`]. So no file of a day exists that no batch can have rows of, whatever a collector's clock says. Times of a
//! correct clock do not change.
//!
//! # How
//! A batch was closed at a time that both clocks can tell: by the collector's clock, `created_us`; by the backend's clock, the receipt minus the
//! time that the batch has waited. Their difference is the error of the collector's clock when it closed the batch. The waiting time comes from a
//! clock that nobody sets ([`pganalytics_views::clock::WAITED`]); from an earlier run of the collector, it is the difference of two times of the collector's clock
//! ([`pganalytics_views::clock::SENT_AT`]). Rows move by the difference. Rows that were read before the clock jumped, and rows that still are in the future, are told by
//! their distance from the moment when the batch was closed.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{RecordBatch, TimestampMicrosecondArray};
use pganalytics_views::clock::is_marked;

/// The longest that a row may wait for its receipt: 400 days. A spool holds days, not years.
const LONGEST_US: i64 = 400 * 86_400_000_000;
/// The same for requests that state no times: ten years. They come from older collectors, or bring history in.
const LONGEST_UNSTATED_US: i64 = 3_653 * 86_400_000_000;
/// Differences of stored batches are looked at once more, with a receipt that is later by the time of a commit.
const SLACK_US: i64 = 86_400_000_000;

/// What is known of a batch's times. Microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// When the batch arrived, by the backend's clock.
    pub(crate) received_us: i64,
    /// When the batch was closed, by the collector's clock.
    pub(crate) created_us: i64,
    /// When the request was sent, by the collector's clock.
    pub(crate) sent_at_us: Option<i64>,
    /// How long the batch has waited, by a clock that nobody sets.
    pub(crate) waited_us: Option<i64>,
}

impl Times {
    /// When the batch was closed, by the backend's clock.
    fn closed_us(&self) -> i64 {
        let closed = match (self.waited_us, self.sent_at_us) {
            (Some(waited), _) => self.received_us.saturating_sub(waited),
            // No batch waits so long: the collector's clock was set meanwhile.
            (None, Some(sent)) if sent.saturating_sub(self.created_us) > LONGEST_US => self.received_us,
            (None, Some(sent)) => self.received_us.saturating_sub(sent.saturating_sub(self.created_us).max(0)),
            (None, None) => self.created_us,
        };
        closed.min(self.received_us)
    }

    /// How much later the backend's clock was than the collector's when the batch was closed.
    fn difference_us(&self) -> i64 {
        self.closed_us().saturating_sub(self.created_us)
    }

    /// The time of a row by the backend's clock, for presence: exact, and never after the receipt.
    pub(crate) fn seen_us(&self, ts: i64) -> i64 {
        let difference = self.difference_us();
        // A larger difference has moved the row already.
        let exact = if is_marked(difference) { ts } else { ts.saturating_add(difference) };
        exact.min(self.received_us)
    }

    /// The time that a row is stored with.
    fn place(&self, ts: i64) -> i64 {
        let (closed, difference) = (self.closed_us(), self.difference_us());
        let moved = ts.saturating_add(difference);
        let is_nearer = moved.abs_diff(closed) < ts.abs_diff(closed);
        self.bounded(if is_marked(difference) && is_nearer { moved } else { ts }, self.longest_us())
    }

    fn longest_us(&self) -> i64 {
        if self.sent_at_us.is_some() || self.waited_us.is_some() { LONGEST_US } else { LONGEST_UNSTATED_US }
    }

    fn bounded(&self, ts: i64, longest: i64) -> i64 {
        let ahead = ts.saturating_sub(self.received_us);
        if ahead < 0 {
            return if ahead < -longest { self.received_us } else { ts };
        }
        if is_marked(ahead) { self.received_us } else { ts }
    }

    /// The rows with times by the backend's clock, and how many times changed. `None` if none changed.
    pub(crate) fn moved(&self, rows: &RecordBatch) -> Option<(RecordBatch, u64)> {
        changed(rows, |ts| self.place(ts))
    }

    /// The rows of a stored batch. A backend of an earlier version may have stored times that no batch can have.
    pub(crate) fn stored(received_us: i64, rows: &RecordBatch) -> Option<RecordBatch> {
        let times = Self { received_us, ..Self::default() };
        changed(rows, |ts| times.bounded(ts, LONGEST_UNSTATED_US + SLACK_US)).map(|(rows, _)| rows)
    }
}

/// Replaces the times in the first column.
fn changed(rows: &RecordBatch, place: impl Fn(i64) -> i64) -> Option<(RecordBatch, u64)> {
    let ts = rows.columns().first()?.as_primitive_opt::<TimestampMicrosecondType>()?;
    let count = ts.iter().flatten().filter(|ts| place(*ts) != *ts).count() as u64;
    if count == 0 {
        return None;
    }
    let placed: TimestampMicrosecondArray = ts.unary(place);
    let mut columns = rows.columns().to_vec();
    *columns.first_mut()? = Arc::new(placed.with_timezone_opt(ts.timezone()));
    Some((RecordBatch::try_new(rows.schema(), columns).ok()?, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_796_000_000_000_000;
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;

    /// A batch that was closed five seconds before its receipt by a clock that was `off` then, and was `off_at_sending` when it was sent.
    fn five_seconds_ago(off: i64, off_at_sending: i64, has_waited: bool) -> Times {
        Times {
            received_us: NOW,
            created_us: NOW - 5 * SECOND + off,
            sent_at_us: Some(NOW + off_at_sending),
            waited_us: has_waited.then_some(5 * SECOND),
        }
    }

    #[test]
    fn times_of_a_right_clock_do_not_change_however_long_the_batch_waited() {
        for waited in [0, 5 * SECOND, DAY, 300 * DAY] {
            let created_us = NOW - waited;
            for waited_us in [Some(waited), None] {
                let times = Times { received_us: NOW, created_us, sent_at_us: Some(NOW), waited_us };
                assert_eq!((times.place(created_us), times.place(created_us - 9 * SECOND)), (created_us, created_us - 9 * SECOND));
                assert_eq!(times.seen_us(created_us), created_us);
            }
            let old = Times { received_us: NOW, created_us, ..Times::default() };
            assert_eq!(old.place(created_us), created_us, "an older collector");
        }
    }

    #[test]
    fn times_of_a_wrong_clock_move_by_its_error() {
        for off in [DAY, -DAY, 40_000 * DAY, -20_000 * DAY] {
            let wrong = |ts: i64| ts + off;
            for times in [five_seconds_ago(off, off, true), five_seconds_ago(off, off, false), five_seconds_ago(off, 0, true)] {
                for ts in [NOW - 5 * SECOND, NOW - 14 * SECOND] {
                    assert_eq!(times.place(wrong(ts)), ts, "{off}");
                }
            }
        }
    }

    #[test]
    fn a_clock_that_was_put_right_before_the_batch_was_sent_leaves_no_row_in_the_future() {
        let times = five_seconds_ago(DAY, 0, false);
        assert!(times.place(NOW + DAY - 5 * SECOND) <= NOW);
        // A clock that began in 2000, in an earlier run of the collector.
        let long_ago = Times { received_us: NOW, created_us: NOW - 9_000 * DAY, sent_at_us: Some(NOW), waited_us: None };
        assert_eq!(long_ago.place(NOW - 9_000 * DAY - 3 * SECOND), NOW - 3 * SECOND);
        let older = Times { received_us: NOW, created_us: NOW + DAY, ..Times::default() };
        assert_eq!(older.place(NOW + DAY - 3 * SECOND), NOW - 3 * SECOND);
    }

    #[test]
    fn a_clock_that_jumped_while_the_rows_were_gathered_moves_only_the_rows_after_the_jump() {
        let times = five_seconds_ago(DAY, DAY, true);
        assert_eq!(times.place(NOW - 12 * SECOND), NOW - 12 * SECOND, "before the jump");
        assert_eq!(times.place(NOW + DAY - 7 * SECOND), NOW - 7 * SECOND, "after the jump");
        // The batch was closed with the right time, and the clock jumped before it was sent.
        assert_eq!(five_seconds_ago(0, DAY, true).place(NOW - 6 * SECOND), NOW - 6 * SECOND);
    }

    #[test]
    fn whatever_a_header_says_no_time_is_far_from_the_receipt() {
        let extremes = [i64::MIN, -1, 0, NOW - 500 * DAY, NOW, NOW + DAY, i64::MAX];
        for created_us in extremes {
            for sent_at_us in extremes.map(Some).into_iter().chain([None]) {
                for waited_us in extremes.map(Some).into_iter().chain([None]) {
                    let times = Times { received_us: NOW, created_us, sent_at_us, waited_us };
                    for ts in extremes {
                        let placed = times.place(ts);
                        assert!(
                            placed >= NOW - times.longest_us() && !is_marked((placed - NOW).max(0)),
                            "{times:?}: {ts} becomes {placed}"
                        );
                        assert!(times.seen_us(placed) <= NOW);
                    }
                }
            }
        }
    }

    #[test]
    fn presence_is_exact_and_never_in_the_future() {
        let ahead = five_seconds_ago(20 * SECOND, 20 * SECOND, true);
        assert_eq!(ahead.place(NOW + 12 * SECOND), NOW + 12 * SECOND, "too little to be marked");
        assert_eq!(ahead.seen_us(NOW + 12 * SECOND), NOW - 8 * SECOND);
        let unknown = Times { received_us: NOW, ..Times::default() };
        assert_eq!((unknown.seen_us(NOW + SECOND), unknown.seen_us(NOW - DAY)), (NOW, NOW - DAY));
    }
}
