//! The newest state of one server: its databases, and a slot per minute.

use std::collections::VecDeque;

use super::clusters::Clusters;
use super::databases::Databases;

const MINUTE: i64 = 60_000_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// The minutes that are kept: an hour, the current minute, and some for the delay of batches.
const SLOTS: i64 = 65;
/// The most snapshots whose times are remembered: one per second of all slots. No sane collector takes so many.
const MOMENTS: usize = 65 * 60;

#[derive(Debug, Default)]
pub(crate) struct ServerState {
    /// The time of the newest snapshot of any noted view.
    pub(crate) newest: i64,
    /// The time of the last attempt to read the server, and whether the server answered.
    pub(crate) up: Option<(i64, bool)>,
    pub(crate) clusters: Clusters,
    pub(crate) databases: Databases,
    pub(crate) minutes: VecDeque<Minute>,
    pub(crate) sampled: CountedSnapshots,
    pub(crate) worked: CountedSnapshots,
}

impl ServerState {
    /// The slot of a time; `None` if the time is before the oldest slot.
    pub(crate) fn minute(&mut self, ts: i64) -> Option<&mut Minute> {
        let start = ts.div_euclid(MINUTE) * MINUTE;
        let newest = self.minutes.back().map_or(start, |newest| newest.start.max(start));
        let oldest = newest - (SLOTS - 1) * MINUTE;
        if start < oldest {
            return None;
        }
        while self.minutes.front().is_some_and(|first| first.start < oldest) {
            self.minutes.pop_front();
        }
        let at = match self.minutes.binary_search_by_key(&start, |minute| minute.start) {
            Ok(at) => at,
            Err(at) => {
                self.minutes.insert(at, Minute { start, ..Minute::default() });
                at
            }
        };
        self.minutes.get_mut(at)
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Minute {
    pub(crate) start: i64,
    pub(crate) sampled_ms: i64,
    pub(crate) active_samples: i64,
    pub(crate) work_ms: i64,
    pub(crate) transactions: i64,
    pub(crate) blks_hit: i64,
    pub(crate) blks_read: i64,
}

/// The times of the snapshots that are counted.
#[derive(Debug, Default)]
pub(crate) struct CountedSnapshots(VecDeque<i64>);

impl CountedSnapshots {
    /// Remembers a snapshot. Returns whether the snapshot is new.
    pub(crate) fn take(&mut self, ts: i64) -> bool {
        match self.0.binary_search(&ts) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, ts);
                while self.0.len() > MOMENTS {
                    self.0.pop_front();
                }
                true
            }
        }
    }
}
