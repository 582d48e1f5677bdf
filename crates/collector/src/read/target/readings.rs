//! What became of readings: for /metrics, for `pganalytics_cost`, and for the log.

use std::time::Duration;

use pganalytics_views::View;

use super::state::Target;
use crate::clock::now_us;
use crate::delta::rows::Snapshot;
use crate::read::cost::Reading;

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
        let round_trip = state.round_trip.map_or(took, |known| known.min(took));
        state.round_trip = Some(round_trip);
        took.saturating_sub(round_trip)
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
