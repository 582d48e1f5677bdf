//! One row as the judge looks for it, and sums of rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Rows and the sum of their marks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub rows: u64,
    pub mark: i64,
}

impl Sum {
    pub(super) fn add(&mut self, mark: i64) {
        self.rows += 1;
        self.mark += mark;
    }

    /// The sum of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, mark: self.mark + other.mark }
    }
}

/// Sums by view.
pub type Sums = BTreeMap<String, Sum>;

/// One row, as the judge looks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub ts: i64,
    /// The row's number in the view's population.
    pub number: u32,
    pub mark: i64,
}
