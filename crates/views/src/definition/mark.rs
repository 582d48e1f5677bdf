//! A mark: a column that the collector reads, and neither ships nor stores. It says whether two values of a counter may be compared.

use super::column::Column;

/// What a mark says about the counters of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Since when the row counts. Another value: its counters started again from zero.
    Since,
    /// A number that only grows, like a counter. A fall: the row's counters started again from zero.
    Witness,
    /// What the counters in `of` are summed over, or belong to: names between commas. If one of them is gone, these counters cannot be
    /// compared. One that is new counts from zero. An empty `of` means all counters. With `settles`, the server may deliver the counters of a new
    /// part one interval late, so the interval after the next snapshot has no delta either.
    Parts { of: Vec<String>, settles: bool },
    /// When the counters of this row *or of another one* were reset, such as a database's `stats_reset` for its tables.
    SomeReset,
    /// Beside [`Says::SomeReset`]: a counter that only a reset of all rows resets.
    AllReset,
    /// When the row came to be: a time in microseconds, or a number that the server assigns in ascending order.
    Born,
    /// The same in all rows. A row that was not in the last snapshot is new if it was born after that snapshot's horizon; if the view has no
    /// [`Says::Born`], it is new if that snapshot had a horizon and all rows. Any other row may have been there unseen.
    Horizon,
}

/// One mark of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub says: Says,
    /// Its name, type and versions in the SQL result.
    pub column: Column,
}
