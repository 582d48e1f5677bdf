//! Appends a batch: on disk, or in memory while the disk cannot be written.

use std::io;
use std::time::SystemTime;

use anyhow::Context as _;
use bytes::Bytes;

use super::batches::{Entry, Spool};
use super::folder::name;
use super::state::State;
use crate::clock::since_boot;
use crate::ship::durable::write_whole;

/// Sequences reserved at a time. This costs one more small write per thousand appends.
pub(super) const RESERVE: u64 = 1_000;

impl Spool {
    /// Appends the batch with the sequence from [`Spool::next`]. `dropped_rows` is the number of dropped rows in its header. When this
    /// returns, the batch is on disk, or in memory if the disk is not writable.
    ///
    /// # Errors
    /// If no more sequences can be reserved. The batch is then not appended.
    pub fn append(&mut self, body: Bytes, dropped_rows: u64) -> anyhow::Result<()> {
        let sequence = self.next;
        let bytes = body.len() as u64;
        self.make_room(bytes);
        if sequence + 1 >= self.state.reserved {
            let reserved = State { reserved: self.state.reserved + RESERVE, ..self.state.clone() };
            match reserved.write(&self.folder) {
                Ok(()) => self.state = reserved,
                // The last reserved sequence stays unused, so that a restart cannot use a sequence again.
                Err(error) => return Err(error).context("cannot reserve sequence numbers in the spool's state"),
            }
        }
        self.write_held();
        // While earlier batches wait in memory for the disk, this batch waits in memory too.
        let written = if self.disk_full { Ok(false) } else { write_whole(&self.folder, &name(sequence), &body).map(|()| true) };
        let held = match written {
            Ok(true) => None,
            Ok(false) => Some(body),
            Err(error) => {
                self.report_write_failure(&error);
                Some(body)
            }
        };
        self.next += 1;
        self.queue.push_back(Entry { sequence, bytes, since: SystemTime::now(), closed: Some(since_boot()), held });
        self.bytes += bytes;
        if dropped_rows > 0 {
            // Rows dropped to make room for this batch are not in its header; the next batch's header carries them.
            self.state.dropped_rows = self.state.dropped_rows.saturating_sub(dropped_rows);
            // If a crash loses this write, two headers carry the count, which is better than none.
            let _ = self.state.write(&self.folder);
        }
        self.bound_memory();
        Ok(())
    }

    /// Moves batches from memory to disk, in order, until a write fails.
    fn write_held(&mut self) {
        if !self.disk_full {
            return;
        }
        for entry in &mut self.queue {
            if let Some(body) = &entry.held {
                if write_whole(&self.folder, &name(entry.sequence), body).is_err() {
                    return;
                }
                entry.held = None;
            }
        }
        self.disk_full = false;
        tracing::info!(spool.folder = %self.folder.display(), "the spool is writable again; all batches are on disk");
    }

    fn report_write_failure(&mut self, error: &io::Error) {
        if !self.disk_full {
            tracing::error!(
                spool.folder = %self.folder.display(), %error,
                "the spool is not writable: batches are held in memory and are lost in a crash; free space on this disk"
            );
        }
        self.disk_full = true;
    }
}
