//! Records the outcome of readings in /metrics, in `pganalytics_cost` and in the log.

use std::time::{Duration, Instant};

use pganalytics_views::View;

use super::state::Target;
use crate::clock::now_us;
use crate::delta::rows::Snapshot;
use crate::read::cost::Reading;
use crate::read::probe::took::Took;
use crate::read::session::SessionError;

/// SQLSTATE of `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

impl Target {
    /// Records a note about a view in `pganalytics_cost`, without counting an error.
    pub(super) fn note(&self, view: &str, note: &str) {
        self.state().cost.note(view, None, note);
    }

    /// Returns the costs since the last call, and the interval in milliseconds.
    pub(super) fn take_cost(&self, view: &View) -> (Snapshot, Option<i64>) {
        self.state().cost.take(view, now_us())
    }

    /// The server's work in a reading: the time that the reading took without the network's part, and at most the time that the server says.
    pub(super) fn busy(&self, took: Took) -> Duration {
        let mut state = self.state();
        state.answered = Some(Instant::now());
        let busy = state.round_trip.busy(took.whole);
        took.made.map_or(busy, |made| made.min(busy))
    }

    /// The server's work in a failed reading. Waiting for a connection, a lock or a stopped server is not work.
    pub(super) fn busy_after_failure(&self, error: &SessionError, took: Duration) -> Option<Duration> {
        match error {
            SessionError::Query { code, .. } if code != LOCK_NOT_AVAILABLE => Some(self.busy(took.into())),
            _ => None,
        }
    }

    /// Records that a session broke. A time-out does not count, since the server may still answer other sessions.
    pub(super) fn broke(&self, error: &SessionError) {
        if matches!(error, SessionError::Broken(_)) {
            self.state().answered = None;
        }
    }

    /// Records that a view was read and its rows were gathered for shipping.
    pub(super) fn was_read(&self, view: &str, database: Option<&str>, reading: Reading) {
        let mut state = self.state();
        state.cost.read(view, database, reading);
        if database.is_none() {
            state.said.remove(view);
        }
        drop(state);
        self.common.metrics.view_read(&self.options.name, view, reading.duration, reading.rows_shipped);
    }

    /// Records that a view was read without a part of it, and why. Logs each distinct reason once.
    pub(super) fn lacks(&self, view: &str, database: Option<&str>, why: &str) {
        let key = format!("{view} in {}", database.unwrap_or_default());
        let mut state = self.state();
        state.cost.note(view, database, why);
        let new = state.said.get(&key).is_none_or(|said| said != why);
        if new {
            state.said.insert(key, why.into());
        }
        drop(state);
        if new {
            tracing::warn!(
                server = self.options.name,
                view,
                database,
                why,
                "a part of a view could not be read; `doctor` shows the remedy"
            );
        }
    }

    /// Records that the totals of several readings were gathered for shipping. `cut` rows were summed into others.
    pub(super) fn were_shipped(&self, view: &str, rows: u64, cut: u64) {
        self.state().cost.shipped(view, rows, cut);
        self.common.metrics.view_shipped(&self.options.name, view, rows);
    }

    /// Records that a view could not be read.
    pub(super) fn was_not_read(&self, view: &str, database: Option<&str>, took: Duration, error: &str) {
        let mut state = self.state();
        state.cost.failed(view, database, took, error);
        // Skips view errors while the server is down; otherwise logs each distinct error once.
        let new = state.up == Some(true) && state.said.get(view).is_none_or(|said| said != error);
        if new {
            state.said.insert(view.into(), error.into());
        }
        drop(state);
        self.common.metrics.view_failed(&self.options.name, view);
        if new {
            tracing::warn!(server = self.options.name, view, database, error, "a view could not be read; `doctor` shows the remedy");
        }
    }
}
