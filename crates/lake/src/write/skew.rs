//! Logs once when a collector's clock is wrong, and once when the clock is correct again. Also logs rows that a clock left behind which is correct
//! again.
//!
//! Each backend logs the batches that it receives itself, so several replicas may log the same collector.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use pganalytics_views::clock::is_marked;
use uuid::Uuid;

/// The collectors whose clock is wrong.
#[derive(Debug, Default)]
pub(crate) struct Skewed(Mutex<HashSet<Uuid>>);

impl Skewed {
    /// Sets the state from the store, without logging.
    pub(crate) fn know(&self, collector: Uuid, skew_us: Option<i64>) {
        self.change(collector, skew_us);
    }

    /// Sets the state from a batch, and logs a change.
    pub(crate) fn note(&self, collector: Uuid, name: &str, skew_us: Option<i64>, moved_rows: u64) {
        let skew_ms = skew_us.unwrap_or_default() / 1_000;
        if moved_rows > 0 && !skew_us.is_some_and(is_marked) {
            tracing::warn!(
                collector.id = %collector, collector.name = name, batch.moved_rows = moved_rows,
                "rows were read while a collector's clock was wrong: their times are moved to this backend's clock"
            );
        }
        match self.change(collector, skew_us) {
            Some(true) => tracing::warn!(
                collector.id = %collector,
                collector.name = name,
                clock.skew_ms = skew_ms,
                "a collector's clock is wrong: the times of its rows are moved to this backend's clock; correct the clock of its machine (NTP)"
            ),
            Some(false) => {
                tracing::info!(collector.id = %collector, collector.name = name, clock.skew_ms = skew_ms, "a collector's clock is correct \
                     again");
            }
            None => {}
        }
    }

    /// Sets the state of a collector. Returns whether its clock is wrong now, or `None` if nothing changed.
    fn change(&self, collector: Uuid, skew_us: Option<i64>) -> Option<bool> {
        let marked = skew_us.is_some_and(is_marked);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = if marked { all.insert(collector) } else { all.remove(&collector) };
        news.then_some(marked)
    }
}

#[cfg(test)]
mod tests {
    use pganalytics_views::clock::MARKED_FROM_US;

    use super::*;

    #[test]
    fn only_a_change_is_reported() {
        let (skewed, collector) = (Skewed::default(), Uuid::from_u128(1));
        skewed.know(collector, Some(-MARKED_FROM_US));
        assert_eq!(skewed.change(collector, Some(MARKED_FROM_US)), None, "already reported");
        assert_eq!(skewed.change(collector, Some(0)), Some(false));
        assert_eq!(skewed.change(collector, None), None);
        assert_eq!(skewed.change(collector, Some(MARKED_FROM_US)), Some(true));
    }
}
