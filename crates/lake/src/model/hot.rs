//! Rows that are in no file yet.

use arrow::array::RecordBatch;

use super::extent::Extent;

/// One view's rows of one batch, in memory.
#[derive(Debug)]
pub(crate) struct Hot {
    /// The batch's id in the meta store; 0 until it has one.
    pub(crate) batch: i64,
    pub(crate) rows: RecordBatch,
    /// What the rows take in memory.
    pub(crate) bytes: u64,
    pub(crate) extent: Extent,
}
