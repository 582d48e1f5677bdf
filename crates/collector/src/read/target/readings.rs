//! What became of readings: for /metrics, for `pganalytics_cost`, and for the log.

use std::time::{Duration, Instant};

use pganalytics_views::View;

use super::state::Target;
use crate::clock::now_us;
use crate::delta::rows::Snapshot;
use crate::read::cost::Reading;
use crate::read::session::SessionError;

/// SQLSTATE of `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

impl Target {
    /// Something to know about a view that is no failed reading.
    pub(super) fn note(&self, view: &str, note: &str) {
        self.state().cost.note(view, None, note);
    }

    /// The costs since the last telling, and the milliseconds they cover.
    pub(super) fn tell_cost(&self, view: &View) -> (Snapshot, Option<i64>) {
        self.state().cost.tell(view, now_us())
    }

    /// The time a reading took the server: what is left when the network's part is taken away.
    pub(super) fn busy(&self, took: Duration) -> Duration {
        let mut state = self.state();
        state.answered = Some(Instant::now());
        state.round_trip.busy(took)
    }

    /// The server's work in a reading that failed. Waiting is not work: for a connection, a lock, a server that is stopped.
    pub(super) fn busy_in_vain(&self, error: &SessionError, took: Duration) -> Option<Duration> {
        match error {
            SessionError::Query { code, .. } if code != LOCK_NOT_AVAILABLE => Some(self.busy(took)),
            _ => None,
        }
    }

    /// A session broke. Unless it only got no answer in time, the server ended it.
    pub(super) fn broke(&self, error: &SessionError) {
        if matches!(error, SessionError::Broken(_)) {
            self.state().answered = None;
        }
    }

    /// A view was read and its rows handed on.
    pub(super) fn was_read(&self, view: &str, database: Option<&str>, reading: Reading) {
        let mut state = self.state();
        state.cost.read(view, database, reading);
        if database.is_none() {
            state.said.remove(view);
        }
        drop(state);
        self.common.metrics.view_read(&self.options.name, view, reading.duration, reading.rows_shipped);
    }

    /// The rows that several readings came to were handed on; of those, some were summed into others.
    pub(super) fn were_shipped(&self, view: &str, rows: u64, cut: u64) {
        self.state().cost.shipped(view, rows, cut);
        self.common.metrics.view_shipped(&self.options.name, view, rows);
    }

    /// A view could not be read.
    pub(super) fn was_not_read(&self, view: &str, database: Option<&str>, took: Duration, error: &str) {
        let mut state = self.state();
        state.cost.failed(view, database, took, error);
        // A server that is down is spoken of elsewhere; a view's trouble is said once, until it changes.
        let new = state.up == Some(true) && state.said.get(view).is_none_or(|said| said != error);
        if new {
            state.said.insert(view.into(), error.into());
        }
        drop(state);
        self.common.metrics.view_failed(&self.options.name, view);
        if new {
            tracing::warn!(server = self.options.name, view, database, error, "a view could not be read; `doctor` tells what helps");
        }
    }
}
