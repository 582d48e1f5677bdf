//! Hot rows: committed rows that are in no Parquet file yet.

use arrow::array::RecordBatch;

use super::extent::Extent;

/// The rows of one view of one batch, in memory.
#[derive(Debug)]
pub(crate) struct Hot {
    /// The batch's id in the meta store; 0 until it has one.
    pub(crate) batch: i64,
    pub(crate) rows: RecordBatch,
    /// The memory of the rows, in bytes.
    pub(crate) bytes: u64,
    pub(crate) extent: Extent,
}
