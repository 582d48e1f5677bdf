//! How often a view may be read, by the server's work for it.
//!
//! # Promise
//! - A view within 1 % of its interval keeps its interval.
//! - The median of the last [`KEPT`] readings decides. One outlier changes nothing: a stall, a lock, a hiccup of the network.
//! - The interval at most doubles at a time, up to [`MAX_STRETCH`] times the definition's interval. After two cheap readings in a row, the
//!   definition's interval holds again.

use std::time::Duration;

/// The smallest ratio of the interval to the work of one reading, so that a view takes at most 1 % of one core.
const BUDGET: u32 = 100;
/// The upper bound of the interval. A longer one would hide a view during the incident that makes it slow.
const MAX_STRETCH: u32 = 6;
/// The number of readings in the median. Two outliers among five change nothing.
const KEPT: usize = 5;
/// The number of readings that the median needs before the interval may grow.
const ENOUGH: usize = 3;
/// The number of cheap readings in a row after which the definition's interval holds again.
const CHEAP: usize = 2;

/// One view's budget.
#[derive(Debug)]
pub(crate) struct Budget {
    /// The definition's interval.
    base: Duration,
    interval: Duration,
    /// The server's work in the last readings. The newest is last.
    spent: Vec<Duration>,
}

impl Budget {
    #[must_use]
    pub(crate) fn new(base: Duration) -> Self {
        Self { base, interval: base, spent: Vec::with_capacity(KEPT + 1) }
    }

    /// The current interval.
    #[must_use]
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Records the server's work for one reading. Returns the new interval if it changed.
    pub(crate) fn spent(&mut self, busy: Duration) -> Option<Duration> {
        self.spent.push(busy);
        if self.spent.len() > KEPT {
            self.spent.remove(0);
        }
        let is_cheap = |busy: &Duration| busy.saturating_mul(BUDGET) <= self.base;
        let interval = if self.spent.len() >= CHEAP && self.spent.iter().rev().take(CHEAP).all(is_cheap) {
            if self.interval > self.base {
                // The cause has ended, so the earlier readings no longer count.
                self.spent.drain(..self.spent.len() - CHEAP);
            }
            self.base
        } else if is_cheap(&busy) {
            self.interval
        } else {
            self.affordable().min(self.interval.saturating_mul(2))
        };
        // A small change is not worth a new schedule.
        let change = interval.abs_diff(self.interval);
        if change == Duration::ZERO || (change < self.interval / 4 && interval > self.base) {
            return None;
        }
        self.interval = interval;
        Some(interval)
    }

    /// The interval that the last readings require.
    fn affordable(&self) -> Duration {
        if self.spent.len() < ENOUGH {
            return self.base;
        }
        let mut sorted = self.spent.clone();
        sorted.sort_unstable();
        // For an even number of readings, the lower median: in doubt, the view is read more often.
        let median = sorted[(sorted.len() - 1) / 2];
        median.saturating_mul(BUDGET).clamp(self.base, self.base.saturating_mul(MAX_STRETCH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_secs(10);
    const CHEAP_WORK: Duration = Duration::from_millis(5);

    fn after(works: &[Duration]) -> Duration {
        let mut budget = Budget::new(BASE);
        for work in works {
            budget.spent(*work);
        }
        budget.interval()
    }

    #[test]
    fn a_single_outlier_does_not_change_the_interval() {
        for outlier in [1, 6, 600].map(Duration::from_secs) {
            for at in 0..10 {
                let mut works = [CHEAP_WORK; 10];
                works[at] = outlier;
                let mut budget = Budget::new(BASE);
                for work in works {
                    assert_eq!(budget.spent(work), None, "{outlier:?} at {at}");
                }
            }
        }
    }

    #[test]
    fn two_outliers_among_five_do_not_change_the_interval() {
        let outlier = Duration::from_secs(6);
        assert_eq!(after(&[CHEAP_WORK, outlier, outlier, CHEAP_WORK, CHEAP_WORK]), BASE);
        assert_eq!(after(&[CHEAP_WORK, outlier, CHEAP_WORK, outlier, CHEAP_WORK, CHEAP_WORK]), BASE);
        assert_eq!(after(&[outlier, outlier]), BASE);
    }

    #[test]
    fn the_interval_grows_twofold_at_most_and_never_above_six_times() {
        let mut budget = Budget::new(BASE);
        let seconds: Vec<u64> = (0..10)
            .map(|_| {
                budget.spent(Duration::from_secs(60));
                budget.interval().as_secs()
            })
            .collect();
        assert_eq!(seconds, [10, 10, 20, 40, 60, 60, 60, 60, 60, 60]);
    }

    #[test]
    fn two_cheap_readings_restore_the_interval() {
        let mut budget = Budget::new(BASE);
        for _ in 0..10 {
            budget.spent(Duration::from_secs(60));
        }
        budget.spent(CHEAP_WORK);
        assert_eq!(budget.spent(CHEAP_WORK), Some(BASE));
        assert_eq!(budget.spent(Duration::from_secs(60)), None, "one more outlier does not change the interval again");
    }

    #[test]
    fn any_sequence_of_readings_keeps_the_bounds() {
        // A linear congruential generator gives the same series on every run.
        let mut seed = 1_u64;
        let mut budget = Budget::new(BASE);
        for _ in 0..10_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let before = budget.interval();
            budget.spent(Duration::from_millis((seed >> 33) % 1_000));
            assert!(budget.interval() >= BASE && budget.interval() <= BASE * MAX_STRETCH);
            assert!(budget.interval() <= before * 2);
        }
    }
}
