//! Why rows are refused.

/// Why rows do not fit the tables' shapes.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The rows break the contract of a batch. They are never accepted.
    #[error("view '{view}': {problem}")]
    Malformed { view: String, problem: String },
}
