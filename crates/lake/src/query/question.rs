//! A query, its answer, and its errors.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

/// What a query is for. Pages come before consoles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A page of the web UI, or the backend itself.
    #[default]
    Page,
    /// A statement of a person or a program.
    Console,
}

/// A query in SQL.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// One read-only statement.
    pub sql: String,
    /// The values of `$name` placeholders: strings, numbers, booleans and null.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The most rows to return; 10,000 if `None`. The lake's own limit applies too.
    pub max_rows: Option<usize>,
    /// Who asks. All queries of one caller share the caller's turns. `None` if the backend itself asks.
    pub caller: Option<String>,
    /// What the query is for.
    pub purpose: Purpose,
}

impl Query {
    /// A query without parameters.
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
    /// The query has more rows than the answer may hold.
    pub truncated: bool,
    pub elapsed: Duration,
}

/// The position of an error in the SQL, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

/// The kind of an error: a mistake in the query, a limit that the query exceeds, or a fault of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryErrorKind {
    /// The text is not valid SQL.
    Syntax,
    /// The statement names something that does not exist, or its types do not match.
    Plan,
    /// The statement does more than read.
    Forbidden,
    /// The query needed more memory or disk than queries may use.
    Memory,
    /// The query ran past its deadline.
    Deadline,
    /// The query failed while it ran.
    Execution,
    /// A file of the history is damaged or missing. The query fails until the file is restored.
    Damaged,
    /// The meta store or the object store does not answer. The query may succeed later.
    Store,
    /// Earlier queries still run past their deadline and cannot be stopped. The query may succeed later.
    Busy,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    pub kind: QueryErrorKind,
    pub message: String,
    pub position: Option<Position>,
    /// The remedy.
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
