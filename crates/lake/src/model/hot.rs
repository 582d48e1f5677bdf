//! Hot rows: committed rows that are in no Parquet file yet.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use arrow::error::ArrowError;

use super::extent::Extent;

/// The rows of one view of one batch, in memory.
#[derive(Debug)]
pub(crate) struct Hot {
    /// The batch's id in the meta store; 0 until it has one.
    pub(crate) batch: i64,
    pub(crate) rows: RecordBatch,
    /// Columns that this backend does not know, of the same rows. Queries do not read them; files keep them.
    pub(crate) unknown: Option<RecordBatch>,
    /// The memory of the rows, in bytes.
    pub(crate) bytes: u64,
    pub(crate) extent: Extent,
}

impl Hot {
    /// The columns that this backend does not know.
    pub(crate) fn unknown_fields(&self) -> &[FieldRef] {
        self.unknown.as_ref().map_or(&[], |unknown| &unknown.schema_ref().fields()[..])
    }

    /// The rows with all columns, the unknown ones last.
    pub(crate) fn whole(&self) -> Result<RecordBatch, ArrowError> {
        let Some(unknown) = &self.unknown else { return Ok(self.rows.clone()) };
        let fields: Vec<FieldRef> = self.rows.schema_ref().fields().iter().chain(unknown.schema_ref().fields()).cloned().collect();
        let columns = self.rows.columns().iter().chain(unknown.columns()).cloned().collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}
