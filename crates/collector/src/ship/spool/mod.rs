//! The spool: batches on disk until the backend has committed them.
//!
//! # Promise
//! - A batch that [`Spool::append`] has taken survives `kill -9` and a power cut, as long as the disk keeps what it fsynced.
//! - Batches leave in the order of their sequences. A sequence is never used twice under one identity, whatever happens
//!   between append and ship; a wiped folder is a new identity.
//! - The spool is bounded: when it is full the oldest batches go, and their rows are counted, to be told in the next batch's header.
//! - A damaged file is set aside and counted; the others go on.
//! - A full disk loses nothing at once: batches wait in memory, bounded, and move to disk when there is room.
//!
//! # On disk
//! ```text
//! spool/lock                            taken while a collector runs
//! spool/state                           what must not be forgotten, below
//! spool/00000000000000000017.batch      one file a batch: the bytes that are shipped, which carry their own checksum
//! spool/….tmp                           a file that was being written; removed at start
//! spool/rejected/….batch                batches the backend refused, and damaged ones; the newest few, for a human
//! ```
//! `state` is lines of `key value`: `identity` (uuid), `reserved` (sequences below it may have been used), `dropped_rows` (to be
//! told in the next header). Both kinds of file are written beside, fsynced, renamed, and the folder is fsynced: a name that
//! is there has its content. What a torn write leaves is a `.tmp`, or a file whose checksum says so when its turn comes.
//!
//! # How
//! Sequences are reserved in `state` a thousand at a time, so that an append costs one file; a restart goes on above the reserved
//! ones, and the gap means nothing. All calls block on the disk: the caller runs them off the async threads.

mod state;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use bytes::Bytes;
use pganalytics_views::wire::{self, Limits};
use uuid::Uuid;

use state::State;
pub(crate) use state::write_whole;

/// Sequences reserved at a time: one more small write in a thousand appends.
const RESERVE: u64 = 1_000;
/// Bytes held in memory while the disk takes nothing: minutes of a busy server, and small beside the machine.
const MEMORY_CAP: u64 = 16 << 20;
/// Files kept in `rejected/`: enough to see what was wrong.
const REJECTED_FILES: usize = 16;
/// Bytes kept in `rejected/`.
const REJECTED_BYTES: u64 = 64 << 20;

/// The spool of one collector.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    max_bytes: u64,
    state: State,
    next: u64,
    queue: VecDeque<Entry>,
    bytes: u64,
    disk_full: bool,
    counts: Counts,
    _lock: File,
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
struct Entry {
    sequence: u64,
    bytes: u64,
    since: SystemTime,
    /// The batch itself where the disk had no room for it.
    held: Option<Bytes>,
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
    /// Opens the folder, makes it where it is not there, and takes its lock.
    ///
    /// # Errors
    /// Where the folder cannot be used, or another collector uses it.
    pub fn open(folder: &Path, max_bytes: u64) -> anyhow::Result<Self> {
        let folder = folder.to_owned();
        // Statement texts are in there: for this user only.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder.join("rejected"))
            .with_context(|| format!("make the spool's folder {}", folder.display()))?;
        let lock = File::create(folder.join("lock")).with_context(|| format!("write in the spool's folder {}", folder.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!(
                    "the spool {} is in use by another collector: stop that one, or give this one its own [spool] folder",
                    folder.display()
                )
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("lock the spool {}", folder.display())),
        }
        let (names, damaged_state) = (scan(&folder)?, !matches!(State::read(&folder), Ok(Some(_))) && folder.join("state").exists());
        let mut state = match State::read(&folder) {
            Ok(Some(state)) => state,
            // Without its state the folder's past is unknown, so the identity must be new; its batches keep the old one.
            Ok(None) | Err(_) => State { identity: Uuid::new_v4(), reserved: 1, dropped_rows: 0 },
        };
        if damaged_state {
            tracing::warn!(spool.folder = %folder.display(), "the spool's state was not readable; this collector has a new identity");
        }
        let above = names.last().map_or(1, |found| found.sequence + 1);
        let next = state.reserved.max(above);
        state.reserved = next + RESERVE;
        state.write(&folder).with_context(|| format!("write the spool's state in {}", folder.display()))?;
        let queue: VecDeque<_> =
            names.into_iter().map(|found| Entry { sequence: found.sequence, bytes: found.bytes, since: found.since, held: None }).collect();
        let bytes = queue.iter().map(|entry| entry.bytes).sum();
        let counts = Counts { damaged: u64::from(damaged_state), ..Counts::default() };
        Ok(Self { folder, max_bytes, state, next, queue, bytes, disk_full: false, counts, _lock: lock })
    }

    /// Whose batches a folder is for, without opening it: another collector may have it.
    #[must_use]
    pub fn identity_of(folder: &Path) -> Option<Uuid> {
        State::read(folder).ok().flatten().map(|state| state.identity)
    }

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

    /// Drops the oldest batches until `bytes` more fit.
    fn make_room(&mut self, bytes: u64) {
        let before = self.counts.dropped_rows;
        while self.bytes + bytes > self.max_bytes && self.drop_oldest() {}
        let rows = self.counts.dropped_rows - before;
        if rows > 0 {
            let _ = self.state.write(&self.folder);
            tracing::warn!(
                spool.max_bytes = self.max_bytes,
                dropped.rows = rows,
                "the spool is full: its oldest batches were dropped; check that the backend is reachable, or give [spool] max_bytes more"
            );
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.oldest() else { return false };
        // What that batch would have told is told by the next one.
        let told = wire::decode_header(&oldest.body, &Limits::default()).map_or(0, |header| header.dropped_rows);
        self.state.dropped_rows += oldest.rows + told;
        self.counts.dropped_rows += oldest.rows;
        self.counts.dropped_batches += 1;
        self.remove_front();
        true
    }

    fn remove_front(&mut self) {
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

    fn set_aside(&mut self) {
        let Some(entry) = self.queue.pop_front() else { return };
        self.bytes -= entry.bytes;
        let (file, rejected) = (name(entry.sequence), self.folder.join("rejected"));
        let moved = match entry.held {
            Some(body) => write_whole(&rejected, &file, &body),
            None => fs::rename(self.folder.join(&file), rejected.join(&file)),
        };
        if let Err(error) = moved {
            tracing::warn!(spool.sequence = entry.sequence, %error, "a batch could not be kept in rejected/");
            let _ = fs::remove_file(self.folder.join(&file));
        }
        // Bounded: the oldest of them go.
        let mut files = scan(&rejected).unwrap_or_default();
        let mut bytes: u64 = files.iter().map(|found| found.bytes).sum();
        while files.len() > REJECTED_FILES || bytes > REJECTED_BYTES {
            let oldest = files.remove(0);
            bytes -= oldest.bytes;
            let _ = fs::remove_file(rejected.join(name(oldest.sequence)));
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

    fn bound_memory(&mut self) {
        let held = |queue: &VecDeque<Entry>| queue.iter().filter(|entry| entry.held.is_some()).map(|entry| entry.bytes).sum::<u64>();
        while self.disk_full && held(&self.queue) > MEMORY_CAP {
            // Everything before the first held batch is older; it goes first only if it is all that can go.
            let Some(at) = self.queue.iter().position(|entry| entry.held.is_some()) else { return };
            let Some(entry) = self.queue.remove(at) else { return };
            self.bytes -= entry.bytes;
            let header = entry.held.as_ref().and_then(|body| wire::decode_header(body, &Limits::default()).ok());
            let rows = header.map_or(0, |header| header.frames.iter().map(|frame| frame.rows).sum::<u64>() + header.dropped_rows);
            self.state.dropped_rows += rows;
            self.counts.dropped_rows += rows;
            self.counts.dropped_batches += 1;
        }
    }
}

fn name(sequence: u64) -> String {
    format!("{sequence:020}.batch")
}

/// A batch's file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    sequence: u64,
    bytes: u64,
    since: SystemTime,
}

/// The batches of a folder, oldest first; unfinished files are removed.
fn scan(folder: &Path) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("read the spool's folder {}", folder.display()))? {
        let entry = entry.with_context(|| format!("read the spool's folder {}", folder.display()))?;
        let (file, path) = (entry.file_name(), entry.path());
        let file = file.to_string_lossy();
        if file.ends_with(".tmp") {
            let _ = fs::remove_file(&path);
        } else if let Some(sequence) = file.strip_suffix(".batch").and_then(|stem| stem.parse().ok()) {
            let metadata = entry.metadata().ok();
            let since = metadata.as_ref().and_then(|metadata| metadata.modified().ok()).unwrap_or(SystemTime::UNIX_EPOCH);
            found.push(Found { sequence, bytes: metadata.map_or(0, |metadata| metadata.len()), since });
        }
    }
    found.sort_unstable();
    Ok(found)
}
