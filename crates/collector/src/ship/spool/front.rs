//! Takes batches out of the spool, oldest first.

use std::time::Duration;
use std::{fs, io};

use bytes::Bytes;
use pganalytics_views::wire::{self, Limits};
use uuid::Uuid;

use super::batches::Spool;
use super::folder::name;
use crate::clock::since_boot;

/// The oldest batch.
#[derive(Debug, Clone)]
pub struct Oldest {
    /// The owner: the spool's identity, or its previous identity from before its state was lost.
    pub collector: Uuid,
    pub sequence: u64,
    pub rows: u64,
    pub body: Bytes,
    /// When this run of the collector closed the batch, since the machine's start. `None`: an earlier run closed the batch, and may have shipped
    /// the batch.
    pub closed: Option<Duration>,
    /// The sequence of the next batch to close. The collector has shipped no batch with this or a higher sequence.
    pub next: u64,
}

impl Oldest {
    /// Whether the backend's mark cannot come from this collector. Batches are shipped in order, so this batch comes before all later ones.
    pub(crate) fn cannot_be_below(&self, mark: u64) -> bool {
        mark > self.sequence && (self.closed.is_some() || mark >= self.next)
    }

    /// How long the batch has waited, if this run closed the batch. Jumps of the wall clock change nothing.
    pub(crate) fn waited(&self) -> Option<Duration> {
        Some(since_boot().saturating_sub(self.closed?))
    }
}

impl Spool {
    /// The batch to ship next. Damaged batches before it are moved to `rejected/`.
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
                        return Some(Oldest {
                            collector: header.collector,
                            sequence: entry.sequence,
                            rows,
                            body,
                            closed: entry.closed,
                            next: self.next,
                        });
                    }
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            tracing::error!(spool.file = %path.display(), error = problem, "a batch in the spool is damaged; it was moved to rejected/");
            self.counts.damaged += 1;
            self.set_aside();
        }
    }

    /// Removes the oldest batch, after the backend has committed it.
    pub fn shipped(&mut self, sequence: u64) {
        if self.queue.front().is_some_and(|entry| entry.sequence == sequence) {
            self.remove_front();
        }
    }

    /// Moves the oldest batch to `rejected/`, because the backend will never accept it.
    pub fn reject(&mut self, sequence: u64) {
        if self.queue.front().is_some_and(|entry| entry.sequence == sequence) {
            self.counts.rejected += 1;
            self.set_aside();
        }
    }

    pub(super) fn remove_front(&mut self) {
        let Some(entry) = self.queue.pop_front() else { return };
        self.bytes -= entry.bytes;
        if entry.held.is_none()
            && let Err(error) = fs::remove_file(self.folder.join(name(entry.sequence)))
            && error.kind() != io::ErrorKind::NotFound
        {
            // After a restart the batch is shipped again. The backend recognises the duplicate, and nothing changes.
            tracing::warn!(spool.sequence = entry.sequence, %error, "the file of a batch could not be removed from the spool");
        }
    }
}
