//! Damaged files, which merging skips so that it can continue with all other files.
//!
//! # Promise
//! A damaged file is reported, counted and set damaged. The other files of its day, other days and other tables are still merged, and the
//! damaged file expires like any other file. It is tried again every [`RETRY`], so a file that was restored from a backup is used again
//! without a restart. The list is in memory: a replica that takes over the lease detects the damage again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a damaged file is skipped. Each attempt reads the files of a merge and their checksums.
const RETRY: Duration = Duration::from_secs(600);

/// The damaged files, by id, with the time of the last attempt.
#[derive(Debug, Default)]
pub(crate) struct DamagedFiles(Mutex<HashMap<i64, Instant>>);

impl DamagedFiles {
    /// Sets a file damaged.
    pub(super) fn add(&self, id: i64, now: Instant) {
        self.files().insert(id, now);
    }

    /// The files to skip for now.
    pub(super) fn resting(&self, now: Instant) -> HashSet<i64> {
        self.files().iter().filter(|(_, tried)| now.duration_since(**tried) < RETRY).map(|(id, _)| *id).collect()
    }

    /// Whether a file was damaged when it was last read.
    pub(super) fn holds(&self, id: i64) -> bool {
        self.files().contains_key(&id)
    }

    /// Removes files that were read again without an error, or that left the history.
    pub(super) fn remove(&self, ids: impl IntoIterator<Item = i64>) {
        let mut files = self.files();
        for id in ids {
            files.remove(&id);
        }
    }

    /// The number of damaged files.
    pub(crate) fn count(&self) -> u64 {
        self.files().len() as u64
    }

    fn files(&self) -> MutexGuard<'_, HashMap<i64, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_skipped_and_then_retried() {
        let (damaged, now) = (DamagedFiles::default(), Instant::now());
        damaged.add(7, now);
        assert_eq!(damaged.resting(now), HashSet::from([7]));
        assert!(damaged.resting(now + RETRY).is_empty(), "retries automatically");
        assert!(damaged.holds(7), "and counted until a reading succeeds");
        damaged.remove([7, 8]);
        assert_eq!(damaged.count(), 0);
    }
}
