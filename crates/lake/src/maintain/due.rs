//! Selects the files to merge next.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::model::LiveFile;

/// The number of files of similar size that are merged into one.
pub(super) const FAN_IN: usize = 8;
/// The most files in one merge. Each open file keeps one stored row group and two batches of rows in memory.
const MERGE_AT_ONCE: usize = FAN_IN;
/// How long merging waits after the end of a day, and after the creation of a new file, so that late batches can arrive.
pub(super) const SETTLE: TimeDelta = TimeDelta::hours(1);

/// The next files to merge, all of one day: new files, if there are enough or the oldest has waited [`SETTLE`]; else the files of a past
/// day; else files of similar size.
pub(crate) fn due(files: &[Arc<LiveFile>], now: DateTime<Utc>) -> Option<Vec<Arc<LiveFile>>> {
    let mut by_day: BTreeMap<NaiveDate, Vec<&Arc<LiveFile>>> = BTreeMap::new();
    for file in files {
        by_day.entry(file.date).or_default().push(file);
    }
    for (day, mut files) in by_day {
        files.sort_by_key(|file| (file.rows, file.id));
        let (rolled, new): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.rolled_up);
        if new.len() >= FAN_IN || new.iter().any(|file| file.created <= now - SETTLE) {
            return Some(new.into_iter().take(MERGE_AT_ONCE).cloned().collect());
        }
        let over = day < (now - SETTLE).date_naive();
        if over && rolled.len() > 1 && (new.is_empty() || rolled.len() > FAN_IN) {
            return Some(rolled.into_iter().take(MERGE_AT_ONCE).cloned().collect());
        }
        let mut tiers: BTreeMap<u32, Vec<&Arc<LiveFile>>> = BTreeMap::new();
        for file in rolled {
            tiers.entry(file.rows.max(1).ilog(FAN_IN as u64)).or_default().push(file);
        }
        if let Some(tier) = tiers.into_values().find(|tier| tier.len() >= FAN_IN) {
            return Some(tier.into_iter().take(MERGE_AT_ONCE).cloned().collect());
        }
    }
    None
}
