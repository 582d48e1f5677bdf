//! What is readable at one moment: hot rows and live files, by table.
//!
//! # Promise
//! A snapshot never changes and holds every acknowledged row once. A change is published after its commit, under one lock and whole,
//! so no snapshot shows rows twice (hot and in a file) or not at all.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use tokio::sync::Notify;

use crate::catalog::files::LiveFile;
use crate::decode::shaped::Hot;
use crate::model::shape::Shape;
use crate::model::stats::{Stats, TableStats};
use crate::present::fleet::{FLEET, Fleet, Sums};

/// One table's rows at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contents {
    pub(crate) hot: Arc<Vec<Arc<Hot>>>,
    pub(crate) files: Arc<Vec<Arc<LiveFile>>>,
}

/// All tables' rows at one moment; a table without rows may be absent.
pub(crate) type Snapshot = BTreeMap<String, Contents>;

/// The present.
#[derive(Debug, Default)]
pub(crate) struct Present {
    inner: Mutex<Inner>,
    /// Apart, so that neither waits for the other.
    fleet: Mutex<Fleet>,
    /// There may be room again.
    freed: Notify,
    /// Batches that wait for room.
    waiting: AtomicUsize,
}

/// Room for rows that will be hot; given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    present: Arc<Present>,
    bytes: u64,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut inner = self.present.lock();
        inner.promised = inner.promised.saturating_sub(self.bytes);
        drop(inner);
        self.present.freed.notify_waiters();
    }
}

#[derive(Debug, Default)]
struct Inner {
    tables: Snapshot,
    hot_batches: u64,
    hot_bytes: u64,
    /// Of batches on their way.
    promised: u64,
}

/// A batch that waits, counted until it does no more.
#[derive(Debug)]
struct Waits<'a>(&'a Present);

impl<'a> Waits<'a> {
    fn new(present: &'a Present) -> Self {
        present.waiting.fetch_add(1, Ordering::Relaxed);
        Self(present)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the history changes: batches that came, files that hold batches or replace files.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// What is known is forgotten first.
    pub(crate) anew: bool,
    /// Hot batches up to this id are in files now.
    pub(crate) compacted: Option<i64>,
    pub(crate) added: Vec<LiveFile>,
    pub(crate) retired: HashSet<i64>,
    /// In order of their ids.
    pub(crate) batches: Vec<Vec<(String, Hot)>>,
}

impl Present {
    /// The moment. The vectors are shared, not copied.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.lock().tables.clone()
    }

    /// The present rows of one table.
    pub(crate) fn contents(&self, view: &str) -> Contents {
        self.lock().tables.get(view).cloned().unwrap_or_default()
    }

    /// Notes rows of files for the fleet's tables; see [`Fleet::gather`].
    pub(crate) fn gather(&self, view: &str, rows: &RecordBatch, sums: &mut Sums) {
        self.fleet_lock().gather(view, rows, sums);
    }

    /// Counts what was gathered of servers whose rows are all read.
    pub(crate) fn add(&self, view: &str, sums: Sums) {
        self.fleet_lock().add(view, sums);
    }

    /// The rows of one of the fleet's tables.
    pub(crate) fn fleet(&self, shape: &Shape) -> anyhow::Result<RecordBatch> {
        let fleet = self.fleet_lock();
        if shape.name() == FLEET { fleet.newest(&shape.stored) } else { fleet.minutes(&shape.stored) }
    }

    /// Bytes of hot rows.
    pub(crate) fn hot_bytes(&self) -> u64 {
        self.lock().hot_bytes
    }

    /// Whether batches wait for room.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits until so many bytes more are no more than `limit`, or nothing is there that could make room; meanwhile asks for compaction.
    pub(crate) async fn room(self: &Arc<Self>, bytes: u64, limit: u64, early: &Notify) -> Room {
        let mut waits = None;
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Before the look, so that what is freed after it is heard of.
            freed.as_mut().enable();
            {
                let mut inner = self.lock();
                let taken = inner.hot_bytes + inner.promised;
                if taken == 0 || taken.saturating_add(bytes) <= limit {
                    inner.promised += bytes;
                    return Room { present: Arc::clone(self), bytes };
                }
            }
            waits.get_or_insert_with(|| Waits::new(self));
            early.notify_one();
            freed.await;
        }
    }

    /// Publishes a committed change.
    pub(crate) fn change(&self, change: Change) {
        {
            let mut fleet = self.fleet_lock();
            if change.anew {
                // What is in files already comes back as it is collected anew: an hour's sparkline at most.
                *fleet = Fleet::default();
            }
            for (view, hot) in change.batches.iter().flatten() {
                fleet.note(view, &hot.rows);
            }
        }
        let frees = change.anew || change.compacted.is_some();
        let mut inner = self.lock();
        if change.anew {
            *inner = Inner { promised: inner.promised, ..Inner::default() };
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
                // Copied only while a snapshot holds it, so a busy ingest does not copy the list each time.
                Arc::make_mut(&mut inner.tables.entry(view).or_default().hot).push(Arc::new(hot));
            }
        }
        drop(inner);
        if frees {
            self.freed.notify_waiters();
        }
    }

    /// The figures that the present holds.
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
        // Noting rows leaves each server whole; what a panic cut short is some rows of one batch, not the state's shape.
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change leaves the state whole before anything can panic, so a poisoned lock still guards a good state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
