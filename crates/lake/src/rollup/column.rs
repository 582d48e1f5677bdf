//! How one column of a rollup is made.

/// What becomes of the values of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// Part of the key, `ts` included: alike in all.
    Key,
    Sum,
    Min,
    Max,
    /// The value at the latest moment, null if it was null.
    Last,
    /// The mean, weighted in partial rows.
    Mean,
    /// How many values there are, or what partial rows counted.
    Count,
    /// How many rows there are, or what partial rows counted.
    Rows,
    /// The latest moment.
    LastTs,
}

/// One column of the rollup: how it is made, and of what.
#[derive(Debug, Clone)]
pub(crate) struct RollupColumn {
    pub(crate) aggregate: Aggregate,
    /// Where the view's rows have its values.
    pub(crate) raw: usize,
    /// Where partial rows have the weight of a mean.
    pub(crate) weight: Option<usize>,
    /// The values are integers, and so is their mean.
    pub(crate) whole: bool,
}
