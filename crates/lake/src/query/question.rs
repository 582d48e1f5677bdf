//! What a query is, what it answers, and how it fails.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

/// A question in SQL.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// One statement that reads.
    pub sql: String,
    /// The values of `$name` placeholders: strings, numbers, booleans and null.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Rows wanted at most, 10,000 where nothing is said; the lake's own cap holds as well.
    pub max_rows: Option<usize>,
}

impl Query {
    /// A question without parameters.
    #[must_use]
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), ..Self::default() }
    }
}

/// The rows of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    /// There were more rows than may be given.
    pub truncated: bool,
    pub elapsed: Duration,
}

/// Where in the SQL a mistake stands, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

/// What kind of failure it was: the reader's mistake in the first four, then a limit, then the lake's own trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryErrorKind {
    /// The text is no SQL.
    Syntax,
    /// It names what does not exist, or types do not fit.
    Plan,
    /// It does something other than read.
    Forbidden,
    /// It needed more memory than a query may take.
    Memory,
    /// It ran longer than a query may.
    Deadline,
    /// It failed while it ran.
    Execution,
    /// A file of the history is damaged or missing: the same question fails until it is restored.
    Damaged,
    /// The meta store that replicas share does not answer: the same question may be answered later.
    Store,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    pub kind: QueryErrorKind,
    pub message: String,
    pub position: Option<Position>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl QueryError {
    pub(crate) fn new(kind: QueryErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), position: None, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
