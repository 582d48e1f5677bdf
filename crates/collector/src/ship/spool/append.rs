//! How a batch comes in: on disk, or in memory while the disk takes nothing.

use std::io;
use std::time::SystemTime;

use anyhow::Context as _;
use bytes::Bytes;

use super::batches::{Entry, Spool};
use super::folder::name;
use super::state::State;
use crate::ship::durable::write_whole;

/// Sequences reserved at a time: one more small write in a thousand appends.
pub(super) const RESERVE: u64 = 1_000;

impl Spool {
    /// Takes the batch of the sequence that [`Spool::next`] named; `told` are the dropped rows in its header. It is on disk when
    /// this returns, or, where the disk has no room, in memory.
    ///
    /// # Errors
    /// Where sequences can no longer be reserved and held: the batch is not taken.
    pub fn append(&mut self, body: Bytes, told: u64) -> anyhow::Result<()> {
        let sequence = self.next;
        let bytes = body.len() as u64;
        self.make_room(bytes);
        if sequence + 1 >= self.state.reserved {
            let reserved = State { reserved: self.state.reserved + RESERVE, ..self.state.clone() };
            match reserved.write(&self.folder) {
                Ok(()) => self.state = reserved,
                // The last reserved one is kept back: nothing is used that a restart could use again.
                Err(error) => return Err(error).context("reserve sequences in the spool's state"),
            }
        }
        self.write_held();
        // Behind batches that still wait for the disk this one waits too.
        let written = if self.disk_full { Ok(false) } else { write_whole(&self.folder, &name(sequence), &body).map(|()| true) };
        let held = match written {
            Ok(true) => None,
            Ok(false) => Some(body),
            Err(error) => {
                self.trouble(&error);
                Some(body)
            }
        };
        self.next += 1;
        self.queue.push_back(Entry { sequence, bytes, since: SystemTime::now(), is_new: true, held });
        self.bytes += bytes;
        if told > 0 {
            // What was dropped to make room for this very batch is for the next one to tell.
            self.state.dropped_rows = self.state.dropped_rows.saturating_sub(told);
            // Lost in a crash at this very moment, the count is told twice; that is the better error.
            let _ = self.state.write(&self.folder);
        }
        self.bound_memory();
        Ok(())
    }

    /// Moves what is held in memory to disk, in order, as far as it goes.
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
        tracing::info!(spool.folder = %self.folder.display(), "the spool is on disk again");
    }

    fn trouble(&mut self, error: &io::Error) {
        if !self.disk_full {
            tracing::error!(
                spool.folder = %self.folder.display(), %error,
                "the spool cannot be written: batches wait in memory, where a crash loses them; free some room on that disk"
            );
        }
        self.disk_full = true;
    }
}
