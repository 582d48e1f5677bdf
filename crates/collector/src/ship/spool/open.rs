//! How a spool begins: its folder, its lock, and what a run before has left there.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::Context as _;
use uuid::Uuid;

use super::append::RESERVE;
use super::batches::{Counts, Entry, Spool};
use super::folder::scan;
use super::state::State;

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
        let queue: VecDeque<_> = names
            .into_iter()
            .map(|found| Entry { sequence: found.sequence, bytes: found.bytes, since: found.since, is_new: false, held: None })
            .collect();
        let bytes = queue.iter().map(|entry| entry.bytes).sum();
        let counts = Counts { damaged: u64::from(damaged_state), ..Counts::default() };
        Ok(Self { folder, max_bytes, state, next, queue, bytes, disk_full: false, counts, _lock: lock })
    }

    /// Whose batches a folder is for, without opening it: another collector may have it.
    #[must_use]
    pub fn identity_of(folder: &Path) -> Option<Uuid> {
        State::read(folder).ok().flatten().map(|state| state.identity)
    }
}
