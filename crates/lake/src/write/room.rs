//! The memory limit of hot rows and of the batches that are being ingested.
//!
//! # Promise
//! A batch reserves room before it is decoded and keeps it until its rows count as hot, so the sum is never less than the memory in use. If
//! there is no room, batches wait, and compaction is requested.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::error::IngestError;
use crate::meta::Remedy;
use crate::present::Present;

/// The remedy if rows arrive faster than compaction writes them into files.
const COMPACTION_BEHIND: Remedy =
    Remedy("too many rows wait for compaction (--hot-memory): the backends' logs say why compaction fails or is slow");
/// How long a batch waits for room. A collector waits three times as long for its answer, and a compaction takes seconds.
const ROOM: Duration = Duration::from_secs(10);

/// The memory for rows that are in no file yet.
#[derive(Debug)]
pub(crate) struct HotMemory {
    present: Arc<Present>,
    /// The most bytes of hot rows and reserved room.
    limit: u64,
    /// Requests a compaction before its next turn.
    early: Arc<Notify>,
    /// The bytes reserved for batches that are being ingested.
    promised: Mutex<u64>,
    /// The number of batches that wait for room.
    waiting: AtomicUsize,
}

/// Reserved room for rows that will be hot. Released when dropped.
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

    /// Waits for room, at most [`ROOM`].
    ///
    /// # Errors
    /// If there is no room in time.
    pub(crate) async fn take(self: &Arc<Self>, bytes: u64) -> Result<Room, IngestError> {
        tokio::time::timeout(ROOM, self.wait_for(bytes)).await.map_err(|_| {
            let (hot, limit) = (self.present.hot_bytes(), self.limit);
            let error = anyhow::anyhow!("{hot} bytes of rows wait for compaction; the maximum is {limit} (--hot-memory)");
            IngestError::Store(error.context(COMPACTION_BEHIND))
        })
    }

    /// Waits until `bytes` more fit within the limit, or until no memory is in use: then a batch larger than the limit is let in. Requests
    /// compaction while waiting.
    async fn wait_for(self: &Arc<Self>, bytes: u64) -> Room {
        let mut waits = None;
        loop {
            let freed = self.present.freed().notified();
            tokio::pin!(freed);
            // Enabled before the memory is checked, so that a release after the check is not missed.
            freed.as_mut().enable();
            {
                // The lock is held while hot rows are counted. Rows that become hot at this moment may count twice, but are never left out.
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
        // A panic cannot leave a number half written.
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

/// Counts a waiting batch until dropped.
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
