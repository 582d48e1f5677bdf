//! Ingest: a batch's bytes in, an acknowledgement out.

use pganalytics_views::wire::WireError;
use uuid::Uuid;

/// A batch is committed and visible (or was before).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    pub collector: Uuid,
    pub sequence: u64,
    /// The batch had been committed before; nothing changed.
    pub duplicate: bool,
    /// Rows in the batch.
    pub rows: u64,
}

/// Why a batch was not taken. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The bytes are no batch, or over a limit: they will never be taken.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The rows contradict what every batch promises: they will never be taken.
    #[error("view '{view}': {problem}")]
    Rows { view: String, problem: String },
    /// A view this backend does not know (yet).
    #[error("view '{view}' is unknown here: upgrade the backend, or give it the same folder of views as collector '{collector}'")]
    UnknownView { view: String, collector: String },
    /// A column this backend does not know (yet), or knows with another type.
    #[error("view '{view}': column '{column}' {problem}: upgrade the backend, or give it the same folder of views as the collector")]
    UnknownColumn { view: String, column: String, problem: String },
    /// The store could not take it now: try again later.
    #[error("store the batch: {0:#}")]
    Store(anyhow::Error),
}
