//! Combines sorted partial rows into one row per key and bin.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};

use super::binning::Binning;

/// Combines partial rows that arrive in the order (server, labels…, ts).
#[derive(Debug)]
pub(crate) struct Combiner {
    binning: Arc<Binning>,
    /// The last row: the next batch may continue it.
    held: Option<RecordBatch>,
}

impl Combiner {
    pub(crate) fn new(binning: Arc<Binning>) -> Self {
        Self { binning, held: None }
    }

    /// Takes the next rows in the order (server, labels…, ts) and returns the rows that are complete.
    pub(crate) fn push(&mut self, rows: &RecordBatch) -> anyhow::Result<RecordBatch> {
        if rows.num_rows() == 0 {
            return Ok(rows.clone());
        }
        let rows = match self.held.take() {
            Some(held) => concat_batches(self.binning.schema(), [&held, rows])?,
            None => rows.clone(),
        };
        let rows = self.binning.combined(rows)?;
        let done = rows.num_rows() - 1;
        // A copy: a slice would keep the whole batch in memory.
        self.held = Some(take_record_batch(&rows, &UInt32Array::from(vec![u32::try_from(done)?]))?);
        Ok(rows.slice(0, done))
    }

    /// Returns the last row, if there is one.
    pub(crate) fn finish(&mut self) -> Option<RecordBatch> {
        self.held.take()
    }
}
