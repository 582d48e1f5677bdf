//! Figures of a lake for `/metrics`, and of its background work. All come from memory, so reading them is cheap.

use serde::Serialize;

/// Figures of a lake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Batches not yet compacted.
    pub hot_batches: u64,
    /// Their rows.
    pub hot_rows: u64,
    /// The memory their rows take.
    pub hot_bytes: u64,
    /// Live Parquet files.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Their rows.
    pub file_rows: u64,
    /// Damaged files that merging has set aside.
    pub damaged_files: u64,
    /// One entry per table, in the order of names.
    pub tables: Vec<TableStats>,
    /// Batches acknowledged since start, without duplicates.
    pub batches: u64,
    /// Replays acknowledged as duplicates since start.
    pub duplicates: u64,
    /// Queries answered since start.
    pub queries: u64,
    /// Of these, answers from the cache.
    pub kept_answers: u64,
    /// Queries that failed since start.
    pub failed_queries: u64,
    /// Queries that are running.
    pub running_queries: u64,
    /// Queries since start that did not stop in time, and whose threads were given up.
    pub abandoned_queries: u64,
    /// Of these, queries whose threads still run.
    pub stuck_queries: u64,
}

/// Figures of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableStats {
    pub view: String,
    pub hot_rows: u64,
    pub files: u64,
    pub file_bytes: u64,
    pub file_rows: u64,
}

/// The result of a compaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Compaction {
    /// Hot batches that became Parquet.
    pub batches: u64,
    /// Their rows.
    pub rows: u64,
    /// Files written, merged files included.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Small files replaced by merged files.
    pub merged: u64,
}

impl Compaction {
    /// The sum of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            batches: self.batches + other.batches,
            rows: self.rows + other.rows,
            files: self.files + other.files,
            bytes: self.bytes + other.bytes,
            merged: self.merged + other.merged,
        }
    }
}

/// The result of a run of the retention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Expiry {
    /// Files taken out of the history.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}
