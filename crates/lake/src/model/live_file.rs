//! A Parquet file of the history.

use chrono::{DateTime, NaiveDate, Utc};

use super::extent::Extent;

/// A Parquet file that is live, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveFile {
    pub(crate) id: i64,
    pub(crate) view: String,
    pub(crate) date: NaiveDate,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// The checksum of the whole file. A mismatch means a damaged file rather than a fault in this program.
    pub(crate) crc32: u32,
    pub(crate) extent: Extent,
    pub(crate) created: DateTime<Utc>,
    /// Its rows are in the rollups' files too, or its table has no rollups. False for a new file until its first merge.
    pub(crate) rolled_up: bool,
}

impl LiveFile {
    /// Its path below the `lake` folder, as the object store and every Hive-style reader know it.
    pub(crate) fn path(&self) -> String {
        path(&self.view, self.date, self.id)
    }
}

/// The path of a file below the `lake` folder.
pub(crate) fn path(view: &str, date: NaiveDate, id: i64) -> String {
    format!("table={view}/date={date}/{id}.parquet")
}
