//! Why a text is not a valid connection string.

/// Why a text is not a valid connection string. Contains no value from the text except the names of keys, files and services.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("connection string: {problem}; {remedy}")]
pub struct ConninfoError {
    pub problem: String,
    pub remedy: String,
}

impl ConninfoError {
    pub(super) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}
