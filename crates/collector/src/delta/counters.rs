//! The deltas of the rows that are shipped, as columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{Float64Builder, Int64Builder};
use pganalytics_views::{Type, View};

use super::cell::{NULL, float};

/// The deltas of the rows that are shipped, as columns.
pub(super) struct Deltas {
    columns: Vec<(usize, DeltaColumn)>,
}

enum DeltaColumn {
    Int(Int64Builder),
    Float(Float64Builder),
}

impl Deltas {
    pub(super) fn new(view: &View, counters: &[usize]) -> Self {
        let column = |column: &usize| match view.columns[*column].r#type {
            Type::Float8 => (*column, DeltaColumn::Float(Float64Builder::new())),
            _ => (*column, DeltaColumn::Int(Int64Builder::new())),
        };
        Self { columns: counters.iter().map(column).collect() }
    }

    pub(super) fn append(&mut self, delta: &[i64]) {
        for ((_, column), value) in self.columns.iter_mut().zip(delta) {
            let value = Some(*value).filter(|value| *value != NULL);
            match column {
                DeltaColumn::Int(cells) => cells.append_option(value),
                DeltaColumn::Float(cells) => cells.append_option(value.map(float)),
            }
        }
    }

    pub(super) fn finish(self) -> HashMap<usize, ArrayRef> {
        let array = |column| -> ArrayRef {
            match column {
                DeltaColumn::Int(mut cells) => Arc::new(cells.finish()),
                DeltaColumn::Float(mut cells) => Arc::new(cells.finish()),
            }
        };
        self.columns.into_iter().map(|(position, column)| (position, array(column))).collect()
    }
}
