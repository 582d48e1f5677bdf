//! The folder `rejected/`: the newest few batches that the backend refused or that are damaged.

use std::fs;

use bytes::Bytes;
use pganalytics_views::wire::{self, Limits};

use super::batches::Spool;
use super::folder::{name, scan};
use crate::ship::durable::write_whole;

/// The maximum files in `rejected/`, enough to investigate the cause.
pub(super) const REJECTED_FILES: usize = 16;
/// The maximum bytes in `rejected/`.
const REJECTED_BYTES: u64 = 64 << 20;

impl Spool {
    pub(super) fn set_aside(&mut self) {
        let Some(entry) = self.queue.pop_front() else { return };
        self.bytes -= entry.bytes;
        let (file, rejected) = (name(entry.sequence), self.folder.join("rejected"));
        // The backend did not learn the dropped rows that this batch's header carries.
        let body = entry.held.clone().or_else(|| fs::read(self.folder.join(&file)).ok().map(Bytes::from));
        let told = body.and_then(|body| wire::decode_header(&body, &Limits::default()).ok()).map_or(0, |header| header.dropped_rows);
        if told > 0 {
            self.state.dropped_rows += told;
            let _ = self.state.write(&self.folder);
        }
        let moved = match entry.held {
            Some(body) => write_whole(&rejected, &file, &body),
            None => fs::rename(self.folder.join(&file), rejected.join(&file)),
        };
        if let Err(error) = moved {
            tracing::warn!(spool.sequence = entry.sequence, %error, "a refused batch could not be moved to rejected/");
            let _ = fs::remove_file(self.folder.join(&file));
        }
        // The folder is bounded: removes the oldest files.
        let mut files = scan(&rejected).unwrap_or_default();
        let mut bytes: u64 = files.iter().map(|found| found.bytes).sum();
        while files.len() > REJECTED_FILES || bytes > REJECTED_BYTES {
            let oldest = files.remove(0);
            bytes -= oldest.bytes;
            let _ = fs::remove_file(rejected.join(name(oldest.sequence)));
        }
    }
}
