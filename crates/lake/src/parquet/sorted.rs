//! Sorts the rows of several batches into the order of a file.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::row::{RowConverter, SortField};

use super::properties::{ASCENDING, PAGE_ROWS};
use crate::model::Shape;

/// The rows of some batches in the order of a file. Only keys are copied for the sort; rows are copied piece by piece.
pub(crate) struct Sorted<'a> {
    batches: Vec<&'a RecordBatch>,
    /// The position of each row: batch and row in it.
    order: Vec<(usize, usize)>,
}

impl<'a> Sorted<'a> {
    pub(crate) fn of(shape: &Shape, batches: &'a [RecordBatch]) -> anyhow::Result<Self> {
        let fields = shape.order.iter().map(|at| SortField::new_with_options(shape.stored.field(*at).data_type().clone(), ASCENDING));
        let converter = RowConverter::new(fields.collect())?;
        let mut keys = converter.empty_rows(0, 0);
        let mut places = Vec::new();
        for (at, batch) in batches.iter().enumerate() {
            let columns: Vec<ArrayRef> = shape.order.iter().map(|at| Arc::clone(batch.column(*at))).collect();
            converter.append(&mut keys, &columns)?;
            places.extend((0..batch.num_rows()).map(|row| (at, row)));
        }
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by(|a, b| keys.row(*a).cmp(&keys.row(*b)));
        Ok(Self { batches: batches.iter().collect(), order: order.into_iter().map(|at| places[at]).collect() })
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = anyhow::Result<RecordBatch>> {
        self.order.chunks(PAGE_ROWS).map(|piece| Ok(interleave_record_batch(&self.batches, piece)?))
    }
}
