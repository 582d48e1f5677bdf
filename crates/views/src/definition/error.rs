//! An error in a definition.

/// An error in a definition: the place, the problem and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {key}: {problem}; {remedy}")]
pub struct DefinitionError {
    /// The file's name.
    pub file: String,
    /// The key as a path (`columns[3].kind`), or `(file)`.
    pub key: String,
    pub problem: String,
    pub remedy: String,
}
