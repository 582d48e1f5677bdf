//! The waiting batches, oldest first.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use uuid::Uuid;

use super::state::State;

/// The spool of one collector.
#[derive(Debug)]
pub struct Spool {
    pub(super) folder: PathBuf,
    pub(super) max_bytes: u64,
    pub(super) state: State,
    pub(super) next: u64,
    pub(super) queue: VecDeque<Entry>,
    pub(super) bytes: u64,
    pub(super) disk_full: bool,
    pub(super) counts: Counts,
    pub(super) _lock: File,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub dropped_batches: u64,
    pub dropped_rows: u64,
    pub damaged: u64,
    pub rejected: u64,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) sequence: u64,
    pub(super) bytes: u64,
    pub(super) since: SystemTime,
    /// When this run of the collector closed the batch, since the machine's start. `None`: an earlier run closed the batch.
    pub(super) closed: Option<Duration>,
    /// The batch itself, if it is in memory and not on disk.
    pub(super) held: Option<Bytes>,
}

impl Spool {
    /// The identity of the collector that owns the spool.
    #[must_use]
    pub fn identity(&self) -> Uuid {
        self.state.identity
    }

    /// The sequence of the next batch, and the number of dropped rows for its header.
    #[must_use]
    pub fn next(&self) -> (u64, u64) {
        (self.next, self.state.dropped_rows)
    }

    /// Counts dropped rows that were never in a batch.
    pub fn drop_rows(&mut self, rows: u64) {
        self.state.dropped_rows += rows;
        self.counts.dropped_rows += rows;
        // Only a crash before the next header needs the file.
        let _ = self.state.write(&self.folder);
    }

    /// The number of waiting batches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The bytes of waiting batches, on disk and in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long the oldest batch has waited.
    #[must_use]
    pub fn oldest_since(&self) -> Option<Duration> {
        self.queue.front().map(|entry| entry.since.elapsed().unwrap_or_default())
    }

    /// Whether batches are written to disk, not held in memory.
    #[must_use]
    pub fn is_on_disk(&self) -> bool {
        !self.disk_full
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
