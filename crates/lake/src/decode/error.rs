//! Why rows are refused.

/// Why rows do not fit the tables' shapes.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The rows break the contract of a batch. They are never accepted.
    #[error("view '{view}': {problem}")]
    Malformed { view: String, problem: String },
    /// A view this backend does not know (yet).
    #[error("view '{view}' is unknown to this backend: upgrade the backend, or use the same folder of views as collector '{collector}'")]
    UnknownView { view: String, collector: String },
    /// A column this backend does not know (yet), or knows with another type.
    #[error("view '{view}': column '{column}' {problem}: upgrade the backend, or use the same folder of views as the collector")]
    UnknownColumn { view: String, column: String, problem: String },
}
