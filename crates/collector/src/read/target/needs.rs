//! The traits through which a discovered target reads its host and its log.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use pganalytics_views::View;

use crate::delta::rows::Snapshot;

/// The view whose rows [`Host`] supplies.
pub(crate) const HOST_VIEW: &str = "kubernetes_pod";

/// The host of a server: its limits and its use of resources.
pub(crate) trait Host: Debug + Send + Sync {
    /// A warning, if the role that the host states for the server has differed from `in_recovery` for too long. Each contradiction is
    /// returned once.
    fn contradicts(&self, in_recovery: Option<bool>) -> Option<String>;

    /// Reads [`HOST_VIEW`].
    ///
    /// # Errors
    /// If figures that the host should have cannot be read.
    fn read(&self, view: &View, in_recovery: Option<bool>, ts_us: i64) -> anyhow::Result<Snapshot>;
}

/// The log of a server.
pub(crate) trait LogSource: Debug + Send + Sync {
    /// Reads the lines written since the last reading. An error says what helps; the next reading then starts at the same place.
    fn read(&self) -> BoxFuture<'_, Result<Piece, String>>;

    /// Whether the log includes the lines that the server writes to files.
    fn includes_files(&self) -> bool;
}

/// The result of one reading of a log.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// The time and the text of each line.
    pub lines: Vec<(DateTime<Utc>, String)>,
    /// How many seconds of the log were skipped.
    pub skipped_s: i64,
}
