//! Merges rows with the same key into one row.

use std::collections::HashMap;
use std::sync::Arc;

use super::cell::{Cell, NULL};
use super::hashes::RowHashes;

/// The sum of the rows with the same key.
pub(super) struct MergedRow {
    pub(super) first: usize,
    pub(super) copies: u16,
    pub(super) values: Vec<i64>,
}

/// Finds rows with the same key and sums their counters. Maps each of these rows to the sum. The map is empty for nearly every snapshot.
pub(super) fn merge(keys: &RowHashes, counters: &[Cell<'_>]) -> HashMap<usize, Arc<MergedRow>> {
    let mut first_of = HashMap::with_capacity(keys.len());
    let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
    for row in 0..keys.len() {
        let first = *first_of.entry(keys.key(row)).or_insert(row);
        if first != row {
            groups.entry(first).or_insert_with(|| vec![first]).push(row);
        }
    }
    let mut merged = HashMap::new();
    for (first, rows) in groups {
        let values = counters.iter().map(|cell| rows.iter().fold(NULL, |sum, row| cell.plus(sum, cell.value(*row)))).collect();
        let merged_row = Arc::new(MergedRow { first, copies: u16::try_from(rows.len()).unwrap_or(u16::MAX), values });
        merged.extend(rows.into_iter().map(|row| (row, Arc::clone(&merged_row))));
    }
    merged
}
