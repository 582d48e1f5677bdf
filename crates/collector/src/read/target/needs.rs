//! What a target asks of whoever found it, where somebody did.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use pganalytics_views::View;

use crate::delta::rows::Snapshot;

/// The view that [`Host`] answers.
pub(crate) const HOST_VIEW: &str = "kubernetes_pod";

/// The host that a server runs in: what it may use, and what it uses.
pub(crate) trait Host: Debug + Send + Sync {
    /// What is said of the server there and contradicts the server for too long; to be told, once.
    fn contradicts(&self, in_recovery: Option<bool>) -> Option<String>;

    /// Reads [`HOST_VIEW`].
    ///
    /// # Errors
    /// Where figures that should be there cannot be read.
    fn read(&self, view: &View, in_recovery: Option<bool>, ts_us: i64) -> anyhow::Result<Snapshot>;
}

/// The log of a server.
pub(crate) trait LogSource: Debug + Send + Sync {
    /// What was written since the last reading; the error says what helps, and the next reading begins where this one did.
    fn read(&self) -> BoxFuture<'_, Result<Piece, String>>;

    /// Whether it shows what the server writes to files of its own, too.
    fn shows_files(&self) -> bool;
}

/// What one reading of a log brought.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// Time and text.
    pub lines: Vec<(DateTime<Utc>, String)>,
    /// Seconds of the log that were skipped.
    pub skipped_s: i64,
}
