//! The memory of rows.

use arrow::array::RecordBatch;
use datafusion::common::utils::memory::get_record_batch_memory_size;

/// The memory of an array without its buffers: most of the memory for a view with one row per snapshot.
const COLUMN_BYTES: usize = 192;

/// The memory of rows: each buffer counted once, however many columns share it, plus the arrays themselves.
pub(super) fn memory(rows: &RecordBatch) -> u64 {
    (get_record_batch_memory_size(rows) + rows.num_columns() * COLUMN_BYTES) as u64
}
