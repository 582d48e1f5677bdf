//! The rows that are readable now: hot rows and live files, by table.
//!
//! # Promise
//! A snapshot never changes and holds every acknowledged row once. A change is published after its commit, as a whole and under one lock.
//! So no snapshot shows a row twice (hot and in a file) or misses a row.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use tokio::sync::Notify;

use super::fleet::{FLEET, Fleet, SnapshotSums};
use crate::model::{Change, Hot, LiveFile, Shape, Stats, TableStats};

/// The rows of one table in a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contents {
    pub(crate) hot: Arc<Vec<Arc<Hot>>>,
    pub(crate) files: Arc<Vec<Arc<LiveFile>>>,
}

/// The rows of all tables at one point in time. A table without rows may be absent.
pub(crate) type Snapshot = BTreeMap<String, Contents>;

/// The rows that are readable now.
#[derive(Debug, Default)]
pub(crate) struct Present {
    inner: Mutex<Inner>,
    /// Has its own lock, so that readers of the fleet and readers of snapshots do not wait for each other.
    fleet: Mutex<Fleet>,
    /// Notified when hot rows have left.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    tables: Snapshot,
    hot_batches: u64,
    hot_bytes: u64,
}

impl Present {
    /// The current snapshot. The vectors are shared, not copied.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.lock().tables.clone()
    }

    /// The current rows of one table.
    pub(crate) fn contents(&self, view: &str) -> Contents {
        self.lock().tables.get(view).cloned().unwrap_or_default()
    }

    /// Adds rows from files to the fleet's tables; see [`Fleet::gather`].
    pub(crate) fn gather(&self, view: &str, rows: &RecordBatch, sums: &mut SnapshotSums) {
        self.fleet_lock().gather(view, rows, sums);
    }

    /// Counts the gathered sums of servers whose rows are all read; see [`Fleet::add`].
    pub(crate) fn add(&self, view: &str, sums: SnapshotSums) {
        self.fleet_lock().add(view, sums);
    }

    /// The rows of one of the fleet's tables.
    pub(crate) fn fleet(&self, shape: &Shape) -> anyhow::Result<RecordBatch> {
        let fleet = self.fleet_lock();
        if shape.name() == FLEET { fleet.newest(&shape.stored) } else { fleet.minutes(&shape.stored) }
    }

    /// Notifies its waiters when hot rows have left and there may be room again.
    pub(crate) fn freed(&self) -> &Notify {
        &self.freed
    }

    /// Bytes of hot rows.
    pub(crate) fn hot_bytes(&self) -> u64 {
        self.lock().hot_bytes
    }

    /// Publishes a committed change.
    pub(crate) fn change(&self, change: Change) {
        {
            let mut fleet = self.fleet_lock();
            if change.anew {
                // The states of rows in files return as new rows are collected. Until then, up to an hour of the sparklines is missing.
                *fleet = Fleet::default();
            }
            for (view, hot) in change.batches.iter().flatten() {
                fleet.note(view, &hot.rows);
            }
        }
        let frees = change.anew || change.compacted.is_some();
        let mut inner = self.lock();
        if change.anew {
            *inner = Inner::default();
        }
        if let Some(up_to) = change.compacted {
            let mut gone = HashSet::new();
            let mut bytes = 0;
            for contents in inner.tables.values_mut() {
                let (compacted, left): (Vec<_>, Vec<_>) = contents.hot.iter().cloned().partition(|hot| hot.batch <= up_to);
                for hot in &compacted {
                    gone.insert(hot.batch);
                    bytes += hot.bytes;
                }
                contents.hot = Arc::new(left);
            }
            inner.hot_batches = inner.hot_batches.saturating_sub(gone.len() as u64);
            inner.hot_bytes = inner.hot_bytes.saturating_sub(bytes);
        }
        if !change.retired.is_empty() {
            for contents in inner.tables.values_mut() {
                if contents.files.iter().any(|file| change.retired.contains(&file.id)) {
                    Arc::make_mut(&mut contents.files).retain(|file| !change.retired.contains(&file.id));
                }
            }
        }
        for file in change.added {
            Arc::make_mut(&mut inner.tables.entry(file.view.clone()).or_default().files).push(Arc::new(file));
        }
        for batch in change.batches.into_iter().filter(|batch| !batch.is_empty()) {
            inner.hot_batches += 1;
            for (view, hot) in batch {
                inner.hot_bytes += hot.bytes;
                // `make_mut` copies the list only while a snapshot shares it, so a busy ingest does not copy the list each time.
                Arc::make_mut(&mut inner.tables.entry(view).or_default().hot).push(Arc::new(hot));
            }
        }
        drop(inner);
        if frees {
            self.freed.notify_waiters();
        }
    }

    /// The statistics of the current rows.
    pub(crate) fn stats(&self, views: impl Iterator<Item = String>) -> Stats {
        let (snapshot, hot_batches, hot_bytes) = {
            let inner = self.lock();
            (inner.tables.clone(), inner.hot_batches, inner.hot_bytes)
        };
        let tables: Vec<TableStats> = views
            .map(|view| {
                let contents = snapshot.get(&view).cloned().unwrap_or_default();
                TableStats {
                    view,
                    hot_rows: contents.hot.iter().map(|hot| hot.rows.num_rows() as u64).sum(),
                    files: contents.files.len() as u64,
                    file_bytes: contents.files.iter().map(|file| file.bytes).sum(),
                    file_rows: contents.files.iter().map(|file| file.rows).sum(),
                }
            })
            .collect();
        Stats {
            hot_batches,
            hot_bytes,
            hot_rows: tables.iter().map(|table| table.hot_rows).sum(),
            files: tables.iter().map(|table| table.files).sum(),
            file_bytes: tables.iter().map(|table| table.file_bytes).sum(),
            file_rows: tables.iter().map(|table| table.file_rows).sum(),
            tables,
            ..Stats::default()
        }
    }

    fn fleet_lock(&self) -> MutexGuard<'_, Fleet> {
        // A panic while rows are noted may lose some rows of one batch, but leaves each server's state valid.
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change leaves the state valid before anything can panic, so a poisoned lock still guards a valid state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
