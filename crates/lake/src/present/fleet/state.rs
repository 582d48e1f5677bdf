//! One server's newest state: its databases, and a slot for each minute.

use std::collections::{BTreeMap, VecDeque};

use super::clusters::Clusters;

const MINUTE: i64 = 60_000_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Sizes and ages are shipped when they change and at least once a day.
pub(crate) const FACTS: i64 = 25 * HOUR;
/// Minutes that are kept: an hour, the one that runs, and the way here.
const SLOTS: i64 = 65;
/// Snapshots whose moments are remembered: one each second of the slots would be a collector gone wild.
const MOMENTS: usize = 65 * 60;

#[derive(Debug, Default)]
pub(crate) struct ServerState {
    /// The newest snapshot of any noted view.
    pub(crate) newest: i64,
    /// When the server was last tried, and whether it answered.
    pub(crate) up: Option<(i64, bool)>,
    pub(crate) clusters: Clusters,
    pub(crate) databases: BTreeMap<String, Database>,
    pub(crate) minutes: VecDeque<Minute>,
    pub(crate) sampled: CountedSnapshots,
    pub(crate) worked: CountedSnapshots,
}

impl ServerState {
    /// The slot of a moment; none if it is older than what is kept.
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

/// When a database was read, and what was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Database {
    pub(crate) ts: i64,
    pub(crate) size: Option<i64>,
    pub(crate) age: Option<i64>,
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

/// The moments of the snapshots that are counted.
#[derive(Debug, Default)]
pub(crate) struct CountedSnapshots(VecDeque<i64>);

impl CountedSnapshots {
    /// Whether a snapshot is new, and then it is remembered.
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
