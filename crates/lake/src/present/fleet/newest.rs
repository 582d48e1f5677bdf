//! The newest states of all servers, updated with rows as they become visible.

use std::collections::BTreeMap;

use arrow::array::cast::AsArray as _;
use arrow::array::{Array as _, RecordBatch};

use super::columns::{Numbers, Texts, keys};
use super::databases::{Database, FACTS};
use super::state::{HOUR, ServerState};
use super::sums::{SnapshotSums, sum_snapshots};

/// The views that update the states, and how far back a start reads each view, in microseconds.
pub(crate) const NOTED: [(&str, i64); 4] = [(SERVERS_VIEW, HOUR), (ACTIVITY_VIEW, HOUR), (WORK_VIEW, HOUR), (DATABASES_VIEW, FACTS)];
const SERVERS_VIEW: &str = "pganalytics_server";
const ACTIVITY_VIEW: &str = "pg_stat_activity";
const WORK_VIEW: &str = "pg_stat_database";
const DATABASES_VIEW: &str = "pg_database";
/// The most servers with a state: ten times the fleet that one backend is measured with. A new server replaces the server that has been
/// silent for longest.
const SERVERS: usize = 100_000;

/// The newest states, by server.
#[derive(Debug, Default)]
pub(crate) struct Fleet(BTreeMap<String, ServerState>);

impl Fleet {
    /// Notes rows that have become visible; they hold each of their snapshots completely. Ignores views that are not in [`NOTED`].
    pub(crate) fn note(&mut self, view: &str, rows: &RecordBatch) {
        let mut sums = SnapshotSums::default();
        self.gather(view, rows, &mut sums);
        self.add(view, sums);
    }

    /// Notes rows whose snapshots may continue in other batches. Their sums are collected in `sums`, for [`Fleet::add`].
    pub(crate) fn gather(&mut self, view: &str, rows: &RecordBatch, sums: &mut SnapshotSums) {
        match view {
            SERVERS_VIEW => self.note_servers(rows),
            DATABASES_VIEW => self.note_databases(rows),
            ACTIVITY_VIEW => {
                let (state, kind, samples) = (Texts::of(rows, "state"), Texts::of(rows, "backend_type"), Numbers::of(rows, "samples"));
                sum_snapshots(rows, sums, |row, sum| {
                    if state.at(row) == Some("active") && kind.at(row) != Some("walsender") {
                        sum.first = sum.first.saturating_add(samples.at(row).unwrap_or(0));
                    }
                });
            }
            WORK_VIEW => {
                let [commits, rollbacks, hit, read] =
                    ["xact_commit", "xact_rollback", "blks_hit", "blks_read"].map(|name| Numbers::of(rows, name));
                sum_snapshots(rows, sums, |row, sum| {
                    let transactions = commits.at(row).unwrap_or(0).saturating_add(rollbacks.at(row).unwrap_or(0));
                    sum.first = sum.first.saturating_add(transactions);
                    sum.hit = sum.hit.saturating_add(hit.at(row).unwrap_or(0));
                    sum.read = sum.read.saturating_add(read.at(row).unwrap_or(0));
                });
            }
            _ => {}
        }
    }

    /// Counts complete snapshots that are not counted yet.
    pub(crate) fn add(&mut self, view: &str, sums: SnapshotSums) {
        for (server, snapshots) in sums {
            for (ts, sum) in snapshots {
                let state = self.state(&server, ts);
                let moments = if view == ACTIVITY_VIEW { &mut state.sampled } else { &mut state.worked };
                // `take` also remembers a snapshot that turns out to be too old for a slot.
                if !moments.take(ts) {
                    continue;
                }
                let Some(minute) = state.minute(ts) else { continue };
                if view == ACTIVITY_VIEW {
                    minute.sampled_ms = minute.sampled_ms.saturating_add(sum.ms);
                    minute.active_samples = minute.active_samples.saturating_add(sum.first);
                } else {
                    minute.work_ms = minute.work_ms.saturating_add(sum.ms);
                    minute.transactions = minute.transactions.saturating_add(sum.first);
                    minute.blks_hit = minute.blks_hit.saturating_add(sum.hit);
                    minute.blks_read = minute.blks_read.saturating_add(sum.read);
                }
            }
        }
    }

    fn state(&mut self, server: &str, ts: i64) -> &mut ServerState {
        if !self.0.contains_key(server) && self.0.len() >= SERVERS {
            let silent = self.0.iter().min_by_key(|(_, state)| state.newest).map(|(name, _)| name.clone());
            if let Some(silent) = silent {
                self.0.remove(&silent);
            }
        }
        let state = self.0.entry(server.to_owned()).or_default();
        state.newest = state.newest.max(ts);
        state
    }

    fn note_servers(&mut self, rows: &RecordBatch) {
        let up = rows.column_by_name("up").and_then(|up| up.as_boolean_opt());
        let (identifiers, collectors) = (Texts::of(rows, "system_identifier"), Texts::of(rows, "collector"));
        for (row, ts, server) in keys(rows) {
            let state = self.state(server, ts);
            let answered = up.is_some_and(|up| up.is_valid(row) && up.value(row));
            if let Some(identifier) = identifiers.at(row).filter(|_| answered) {
                state.clusters.note(ts, identifier, collectors.at(row).unwrap_or_default());
            }
            if let Some(up) = up.filter(|up| up.is_valid(row))
                && state.up.is_none_or(|(known, _)| known <= ts)
            {
                state.up = Some((ts, up.value(row)));
            }
        }
    }

    fn note_databases(&mut self, rows: &RecordBatch) {
        let (names, oids) = (Texts::of(rows, "datname"), Numbers::of(rows, "datid"));
        let (size, age) = (Numbers::of(rows, "size"), Numbers::of(rows, "age"));
        for (row, ts, server) in keys(rows) {
            let Some(name) = names.at(row) else { continue };
            let database = Database { ts, name: name.to_owned(), size: size.at(row), age: age.at(row) };
            self.state(server, ts).databases.note(oids.at(row), database);
        }
    }

    /// The states by the servers' names.
    pub(crate) fn servers(&self) -> &BTreeMap<String, ServerState> {
        &self.0
    }
}
