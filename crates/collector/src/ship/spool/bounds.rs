//! Drops batches when the spool is full, on disk and in memory.

use std::collections::VecDeque;

use pganalytics_views::wire::{self, Limits};

use super::batches::{Entry, Spool};

/// The maximum bytes in memory while the disk cannot be written: minutes of a busy server, and a small part of a machine's memory.
const MEMORY_CAP: u64 = 16 << 20;

impl Spool {
    /// Drops the oldest batches until `bytes` more fit.
    pub(super) fn make_room(&mut self, bytes: u64) {
        let before = self.counts.dropped_rows;
        while self.bytes + bytes > self.max_bytes && self.drop_oldest() {}
        let rows = self.counts.dropped_rows - before;
        if rows > 0 {
            let _ = self.state.write(&self.folder);
            tracing::warn!(
                spool.max_bytes = self.max_bytes,
                dropped.rows = rows,
                "the spool is full: its oldest batches were dropped; check that the backend is reachable, or raise [spool] max_bytes"
            );
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.oldest() else { return false };
        let told = wire::decode_header(&oldest.body, &Limits::default()).map_or(0, |header| header.dropped_rows);
        self.drop_batch(oldest.rows, told);
        self.remove_front();
        true
    }

    pub(super) fn bound_memory(&mut self) {
        let held = |queue: &VecDeque<Entry>| queue.iter().filter(|entry| entry.held.is_some()).map(|entry| entry.bytes).sum::<u64>();
        let mut dropped = false;
        while self.disk_full && held(&self.queue) > MEMORY_CAP {
            // Drops the oldest batch in memory. Older batches are on disk; dropping them frees no memory.
            let Some(at) = self.queue.iter().position(|entry| entry.held.is_some()) else { break };
            let Some(entry) = self.queue.remove(at) else { break };
            self.bytes -= entry.bytes;
            let header = entry.held.as_ref().and_then(|body| wire::decode_header(body, &Limits::default()).ok());
            let (rows, told) = header.map_or((0, 0), |header| (header.frames.iter().map(|frame| frame.rows).sum(), header.dropped_rows));
            self.drop_batch(rows, told);
            dropped = true;
        }
        if dropped {
            // The disk may take this small file, even if it takes no batch.
            let _ = self.state.write(&self.folder);
        }
    }

    /// Counts a dropped batch. The next batch's header carries its rows, and the `told` rows of its own header, which were counted before.
    fn drop_batch(&mut self, rows: u64, told: u64) {
        self.state.dropped_rows += rows + told;
        self.counts.dropped_rows += rows;
        self.counts.dropped_batches += 1;
    }
}
