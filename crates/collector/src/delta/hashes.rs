//! One hash per row over some columns.

use std::hash::{DefaultHasher, Hash, Hasher};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::cell::Cell;

/// One hash per row over some columns.
pub(super) struct RowHashes {
    hashers: Vec<DefaultHasher>,
}

impl RowHashes {
    pub(super) fn new(rows: usize) -> Self {
        Self { hashers: vec![DefaultHasher::new(); rows] }
    }

    pub(super) fn len(&self) -> usize {
        self.hashers.len()
    }

    pub(super) fn add(&mut self, column: &ArrayRef) {
        let rows = self.hashers.iter_mut().enumerate();
        match column.data_type() {
            DataType::Utf8 => {
                let cells = column.as_string::<i32>();
                rows.for_each(|(row, hasher)| cells.is_valid(row).then(|| cells.value(row)).hash(hasher));
            }
            DataType::Boolean => {
                let cells = column.as_boolean();
                rows.for_each(|(row, hasher)| cells.is_valid(row).then(|| cells.value(row)).hash(hasher));
            }
            _ => {
                let cell = Cell::new(column);
                rows.for_each(|(row, hasher)| cell.value(row).hash(hasher));
            }
        }
    }

    /// The hash of a key. 128 bits are enough that different keys never have the same hash.
    pub(super) fn key(&self, row: usize) -> u128 {
        let mut second = self.hashers[row].clone();
        let first = second.finish();
        0x5bd1_e995_u64.hash(&mut second);
        u128::from(first) << 64 | u128::from(second.finish())
    }

    /// The hash of the facts. With 64 bits, one change in 2^64 is missed.
    pub(super) fn fact(&self, row: usize) -> u64 {
        self.hashers[row].finish()
    }
}
