//! Room for rows: hot rows, and batches on their way, keep to their memory together.
//!
//! # Promise
//! A batch has its room from before it is decoded until its rows count as hot, so the sum is never less than what is in memory. Where there is no
//! room, batches wait, and compaction is asked for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::error::IngestError;
use crate::meta::Remedy;
use crate::present::Present;

/// What to do where rows come in and none go into files.
const COMPACTION_BEHIND: Remedy =
    Remedy("too many rows wait to be written into files (--hot-memory): see the backends' logs for why compaction fails or is slow");
/// How long a batch waits for room: a collector waits three times as long for its answer, and a compaction takes seconds.
const ROOM: Duration = Duration::from_secs(10);

/// The memory for rows that are in no file yet.
#[derive(Debug)]
pub(crate) struct HotMemory {
    present: Arc<Present>,
    /// Bytes of hot rows.
    limit: u64,
    /// Asks for compaction before its time.
    early: Arc<Notify>,
    /// Bytes of batches on their way.
    promised: Mutex<u64>,
    /// Batches that wait for room.
    waiting: AtomicUsize,
}

/// Room for rows that will be hot; given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    memory: Arc<HotMemory>,
    bytes: u64,
}

impl HotMemory {
    pub(crate) fn new(present: Arc<Present>, limit: u64, early: Arc<Notify>) -> Self {
        Self { present, limit, early, promised: Mutex::default(), waiting: AtomicUsize::new(0) }
    }

    /// Whether batches wait for room.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits for room, as long as a batch may.
    ///
    /// # Errors
    /// When no room is made in time.
    pub(crate) async fn take(self: &Arc<Self>, bytes: u64) -> Result<Room, IngestError> {
        tokio::time::timeout(ROOM, self.wait_for(bytes)).await.map_err(|_| {
            let (hot, limit) = (self.present.hot_bytes(), self.limit);
            let error = anyhow::anyhow!("{hot} bytes of rows wait for compaction, {limit} may (--hot-memory)");
            IngestError::Store(error.context(COMPACTION_BEHIND))
        })
    }

    /// Waits until so many bytes more are no more than the limit, or nothing is there that could make room; meanwhile asks for compaction.
    async fn wait_for(self: &Arc<Self>, bytes: u64) -> Room {
        let mut waits = None;
        loop {
            let freed = self.present.freed().notified();
            tokio::pin!(freed);
            // Before the look, so that what is freed after it is heard of.
            freed.as_mut().enable();
            {
                // Locked while the hot rows are counted: rows that become hot at this moment count twice, but never not at all.
                let mut promised = self.lock();
                let taken = self.present.hot_bytes() + *promised;
                if taken == 0 || taken.saturating_add(bytes) <= self.limit {
                    *promised += bytes;
                    return Room { memory: Arc::clone(self), bytes };
                }
            }
            waits.get_or_insert_with(|| WaitingBatch::new(self));
            self.early.notify_one();
            freed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        // A number is whole at any moment.
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut promised = self.memory.lock();
        *promised = promised.saturating_sub(self.bytes);
        drop(promised);
        self.memory.present.freed().notify_waiters();
    }
}

/// A batch that waits, counted until it does no more.
#[derive(Debug)]
struct WaitingBatch<'a>(&'a HotMemory);

impl<'a> WaitingBatch<'a> {
    fn new(memory: &'a HotMemory) -> Self {
        memory.waiting.fetch_add(1, Ordering::Relaxed);
        Self(memory)
    }
}

impl Drop for WaitingBatch<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
