//! Turns snapshots into deltas, gathers the rows for shipping, and records the costs.

use std::sync::Arc;
use std::time::Duration;

use pganalytics_views::View;

use super::memory::Reader;
use crate::delta::rows::Snapshot;
use crate::delta::{self, Delta, Shipped};
use crate::read::cost::Reading;

pub(super) const COST: &str = "pganalytics_cost";
const STATEMENTS: &str = "pg_stat_statements";

impl Reader {
    /// Turns a snapshot into deltas, gathers the rows for shipping, and records the reading.
    pub(super) fn ship(&mut self, view: &Arc<View>, database: Option<&str>, snapshot: &Snapshot, took: Duration) {
        if let Some((shipped, summed)) = self.gather(view, database, snapshot, took) {
            let rows_read = snapshot.rows as u64 + snapshot.cut;
            let reading = Reading { duration: took, rows_read, rows_shipped: shipped, rows_cut: snapshot.cut + summed };
            self.target.was_read(&view.name, database, reading);
        }
    }

    /// Turns a snapshot into deltas and gathers the rows for shipping. Returns how many rows were shipped, and how many were summed into one.
    pub(super) fn gather(&mut self, view: &Arc<View>, database: Option<&str>, snapshot: &Snapshot, took: Duration) -> Option<(u64, u64)> {
        let place = (view.name.clone(), database.map(Into::into));
        let engine = self.deltas.entry(place).or_insert_with(|| Delta::new(Arc::clone(view)));
        match engine.apply(&self.target.options.name, snapshot) {
            Ok(Shipped { rows, summed }) => {
                if view.name == STATEMENTS {
                    self.texts.saw(view, &rows);
                }
                let shipped = rows.num_rows() as u64;
                self.target.common.gather.add(&view.name, rows);
                Some((shipped, summed))
            }
            Err(error) => {
                self.target.was_not_read(&view.name, database, took, &format!("cannot compute deltas: {error}"));
                None
            }
        }
    }

    pub(super) fn ship_cost(&mut self) {
        let Some(view) = self.target.view(COST) else { return };
        let (snapshot, interval_ms) = self.target.take_cost(&view);
        match delta::already_deltas(&view, &self.target.options.name, &snapshot, interval_ms) {
            Ok(rows) => self.target.common.gather.add(&view.name, rows),
            Err(error) => tracing::error!(view = COST, %error, "costs could not be recorded"),
        }
    }
}
