//! What runs behind: hot rows become files, files become larger, old days leave, and the whole is verified.
//! Uses: everything below it: `write`, `present`, `catalog`, `parquet`, `rollup`, `store`, `meta`, `model`; never `query`.
//! Used by: `lake`.

mod compaction;
mod compactor;
mod due;
mod expiry;
mod file_check;
mod merge;
mod retention;
mod schedule;
mod upkeep;
mod verify;

pub(crate) use compactor::Compactor;
pub use file_check::Depth;
pub use retention::{MAX_RETENTION_DAYS, Retention, RetentionDays, RetentionError, RetentionSetting};
pub(crate) use upkeep::{Times, Upkeep};
pub use verify::Verified;
pub(crate) use verify::verify;
