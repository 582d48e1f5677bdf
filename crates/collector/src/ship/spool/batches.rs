//! The batches that wait, oldest first.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use bytes::Bytes;
use pganalytics_views::wire::{self, Limits};
use uuid::Uuid;

use super::folder::name;
use super::state::State;
use crate::ship::durable::write_whole;

/// Sequences reserved at a time: one more small write in a thousand appends.
pub(super) const RESERVE: u64 = 1_000;

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

/// What happened since the start.
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
    /// The batch itself where the disk had no room for it.
    pub(super) held: Option<Bytes>,
}

/// The oldest batch.
#[derive(Debug, Clone)]
pub struct Oldest {
    /// Whose it is: the spool's identity, or the one it had before its state was lost.
    pub collector: Uuid,
    pub sequence: u64,
    pub rows: u64,
    pub body: Bytes,
}

impl Spool {
    /// Whose batches these are.
    #[must_use]
    pub fn identity(&self) -> Uuid {
        self.state.identity
    }

    /// The sequence of the next batch, and the dropped rows its header tells.
    #[must_use]
    pub fn next(&self) -> (u64, u64) {
        (self.next, self.state.dropped_rows)
    }

    /// Counts rows that never became a batch.
    pub fn drop_rows(&mut self, rows: u64) {
        self.state.dropped_rows += rows;
        self.counts.dropped_rows += rows;
    }

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
        self.queue.push_back(Entry { sequence, bytes, since: SystemTime::now(), held });
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

    /// The batch to ship next; damaged ones on the way to it are set aside.
    pub fn oldest(&mut self) -> Option<Oldest> {
        loop {
            let entry = self.queue.front()?;
            let path = self.folder.join(name(entry.sequence));
            let body = match &entry.held {
                Some(body) => Ok(body.clone()),
                None => fs::read(&path).map(Bytes::from),
            };
            let problem = match body {
                Ok(body) => match wire::decode_header(&body, &Limits::default()) {
                    Ok(header) => {
                        let rows = header.frames.iter().map(|frame| frame.rows).sum();
                        return Some(Oldest { collector: header.collector, sequence: entry.sequence, rows, body });
                    }
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            tracing::error!(spool.file = %path.display(), error = problem, "a spooled batch is damaged; it is set aside in rejected/");
            self.counts.damaged += 1;
            self.set_aside();
        }
    }

    /// The backend has committed the oldest batch.
    pub fn shipped(&mut self, sequence: u64) {
        if self.queue.front().is_some_and(|entry| entry.sequence == sequence) {
            self.remove_front();
        }
    }

    /// The backend will never take the oldest batch: it goes to `rejected/`.
    pub fn reject(&mut self, sequence: u64) {
        if self.queue.front().is_some_and(|entry| entry.sequence == sequence) {
            self.counts.rejected += 1;
            self.set_aside();
        }
    }

    /// Batches waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes waiting, on disk and in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long the oldest batch has waited.
    #[must_use]
    pub fn oldest_since(&self) -> Option<Duration> {
        self.queue.front().map(|entry| entry.since.elapsed().unwrap_or_default())
    }

    /// Whether the disk takes what is appended.
    #[must_use]
    pub fn is_on_disk(&self) -> bool {
        !self.disk_full
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn remove_front(&mut self) {
        let Some(entry) = self.queue.pop_front() else { return };
        self.bytes -= entry.bytes;
        if entry.held.is_none()
            && let Err(error) = fs::remove_file(self.folder.join(name(entry.sequence)))
            && error.kind() != io::ErrorKind::NotFound
        {
            // Shipped again after a restart, it is a duplicate to the backend and changes nothing.
            tracing::warn!(spool.sequence = entry.sequence, %error, "a batch's file could not be removed from the spool");
        }
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
