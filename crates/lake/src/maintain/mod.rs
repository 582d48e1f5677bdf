//! The work in the background: writes hot rows to files, merges small files, removes old days. Also verifies the history.
//! Uses: `write`, `present`, `catalog`, `parquet`, `store`, `decode`, `rollup`, `meta`, `model`, `threads`. Never `query`.
//! Used by: `lake`.

mod compaction;
mod compactor;
mod damaged;
mod due;
mod expiry;
mod file_check;
mod merge;
mod retention;
mod schedule;
mod taking_back;
mod upkeep;
mod verify;

pub(crate) use compactor::Compactor;
pub(crate) use damaged::DamagedFiles;
pub use file_check::Depth;
pub use retention::{MAX_RETENTION_DAYS, Retention, RetentionDays, RetentionError, RetentionSetting};
pub(crate) use taking_back::take_back;
pub(crate) use upkeep::{Times, Upkeep};
pub use verify::Verified;
pub(crate) use verify::verify;
