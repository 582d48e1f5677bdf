//! Estimates the network's part of a reading's time, which is not the server's work.

use std::time::Duration;

/// The number of queries in one window.
const WINDOW: u32 = 32;

/// The network's part is the shortest time of the last queries. Older queries are forgotten, since the network's part may grow after a
/// failover.
#[derive(Debug, Default)]
pub(crate) struct RoundTrip {
    queries: u32,
    current: Option<Duration>,
    before: Option<Duration>,
}

impl RoundTrip {
    /// Returns the server's work in a query that took `took`.
    pub(crate) fn busy(&mut self, took: Duration) -> Duration {
        if self.queries == WINDOW {
            (self.queries, self.before, self.current) = (0, self.current, None);
        }
        self.queries += 1;
        let current = self.current.map_or(took, |known| known.min(took));
        self.current = Some(current);
        took.saturating_sub(self.before.map_or(current, |before| before.min(current)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_round_trip_counts_as_work_for_two_windows_at_most() {
        let mut known = RoundTrip::default();
        let (near, far) = (Duration::from_millis(1), Duration::from_millis(300));
        assert_eq!(known.busy(near), Duration::ZERO);
        assert_eq!(known.busy(near * 11), near * 10);
        for _ in 0..2 * WINDOW {
            known.busy(far);
        }
        assert_eq!(known.busy(far + near), near);
    }
}
