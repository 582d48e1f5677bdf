//! Sorted partial rows in, one row a key and bin out.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};

use super::binning::Binning;

/// Sums partial rows that come in the order of (server, labels…, ts).
#[derive(Debug)]
pub(crate) struct Combiner {
    binning: Arc<Binning>,
    /// The last row, which the next batch may go on with.
    held: Option<RecordBatch>,
}

impl Combiner {
    pub(crate) fn new(binning: Arc<Binning>) -> Self {
        Self { binning, held: None }
    }

    /// Takes rows that follow those before in the order of (server, labels…, ts), and gives those that are done.
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
        // A copy, since a slice would hold the whole batch.
        self.held = Some(take_record_batch(&rows, &UInt32Array::from(vec![u32::try_from(done)?]))?);
        Ok(rows.slice(0, done))
    }

    /// The last row, if there was any.
    pub(crate) fn finish(&mut self) -> Option<RecordBatch> {
        self.held.take()
    }
}
