//! How one column of a rollup is computed.

/// How the values of one column are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// Part of the key, `ts` included: equal in all rows of the key.
    Key,
    Sum,
    Min,
    Max,
    /// The value of the latest row, also if it is null.
    Last,
    /// The mean; means of partial rows are weighted.
    Mean,
    /// The number of values; counts of partial rows are summed.
    Count,
    /// The number of rows; counts of partial rows are summed.
    Rows,
    /// The latest time.
    LastTs,
}

/// One column of the rollup: how it is computed, and from which columns.
#[derive(Debug, Clone)]
pub(crate) struct RollupColumn {
    pub(crate) aggregate: Aggregate,
    /// The position of the values in the view's rows.
    pub(crate) raw: usize,
    /// The position of the weight of a mean in partial rows.
    pub(crate) weight: Option<usize>,
    /// The values are integers, so the mean is rounded to an integer.
    pub(crate) whole: bool,
}
