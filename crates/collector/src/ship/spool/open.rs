//! Opens a spool: its folder, its lock, and the batches of earlier runs.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use anyhow::Context as _;
use uuid::Uuid;

use super::append::RESERVE;
use super::batches::{Counts, Entry, Spool};
use super::folder::{remove_unfinished, scan};
use super::state::State;

impl Spool {
    /// Opens the folder, creates it if it is missing, and takes its lock.
    ///
    /// # Errors
    /// If the folder cannot be used, or another collector uses it.
    pub fn open(folder: &Path, max_bytes: u64) -> anyhow::Result<Self> {
        let folder = folder.to_owned();
        // The folder holds statement texts, so only this user may read it.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder.join("rejected"))
            .with_context(|| format!("cannot create the spool's folder {}", folder.display()))?;
        let lock = File::create(folder.join("lock")).with_context(|| format!("cannot write to the spool's folder {}", folder.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!(
                    "another collector uses the spool {}: stop that collector, or set another [spool] folder for this one",
                    folder.display()
                )
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot lock the spool {}", folder.display())),
        }
        let state = read_state(&folder)?;
        remove_unfinished(&folder)?;
        remove_unfinished(&folder.join("rejected"))?;
        let names = scan(&folder)?;
        let damaged_state = matches!(state, Found::Damaged);
        let mut state = match state {
            Found::State(state) => state,
            // Without the state, the used sequences are unknown, so the identity must be new. Batches in the folder keep the old identity.
            Found::Nothing | Found::Damaged => State { identity: Uuid::new_v4(), reserved: 1, dropped_rows: 0 },
        };
        if damaged_state {
            let kept = folder.join("state.damaged");
            if let Err(error) = fs::rename(folder.join("state"), &kept) {
                tracing::warn!(spool.folder = %folder.display(), %error, "the damaged state of the spool could not be set aside");
            }
            tracing::warn!(
                spool.file = %kept.display(),
                "the spool's state is damaged and was set aside; this collector has a new identity"
            );
        }
        let above = names.last().map_or(1, |found| found.sequence + 1);
        let next = state.reserved.max(above);
        state.reserved = next + RESERVE;
        state.write(&folder).with_context(|| format!("cannot write the spool's state in {}", folder.display()))?;
        let queue: VecDeque<_> = names
            .into_iter()
            .map(|found| Entry { sequence: found.sequence, bytes: found.bytes, since: found.since, closed: None, held: None })
            .collect();
        let bytes = queue.iter().map(|entry| entry.bytes).sum();
        let counts = Counts { damaged: u64::from(damaged_state), ..Counts::default() };
        Ok(Self { folder, max_bytes, state, next, queue, bytes, disk_full: false, counts, _lock: lock })
    }

    /// The number and bytes of the waiting batches in a folder. `None`: the folder does not exist yet. Changes nothing, so another
    /// user may call this while a collector runs.
    ///
    /// # Errors
    /// If a collector could not use the folder.
    pub(crate) fn look(folder: &Path) -> anyhow::Result<Option<(usize, u64)>> {
        let existing = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("."));
        let writable = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
        writable.map_err(io::Error::from).with_context(|| format!("cannot write to {}", existing.display()))?;
        if existing != folder {
            return Ok(None);
        }
        read_state(folder)?;
        let found = scan(folder)?;
        Ok(Some((found.len(), found.iter().map(|found| found.bytes).sum())))
    }

    /// The identity of a folder's spool. Takes no lock, because a collector may be using the folder.
    #[must_use]
    pub fn identity_of(folder: &Path) -> Option<Uuid> {
        State::read(folder).ok().flatten().map(|state| state.identity)
    }
}

/// The result of reading a folder's state file.
enum Found {
    State(State),
    Nothing,
    /// The file can be read, but not parsed.
    Damaged,
}

/// Reads the state. If the file cannot be read, this fails and does not create a new identity: the backend knows the old one.
fn read_state(folder: &Path) -> anyhow::Result<Found> {
    match State::read(folder) {
        Ok(Some(state)) => Ok(Found::State(state)),
        Ok(None) => Ok(Found::Nothing),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Found::Damaged),
        Err(error) => Err(error).with_context(|| format!("cannot read {}; {}", folder.join("state").display(), owner_advice(folder))),
    }
}

/// Advice on which user should run the collector.
fn owner_advice(folder: &Path) -> String {
    let owner = fs::metadata(folder).map_or_else(|_| "its owner".into(), |found| format!("user {}", found.uid()));
    format!(
        "run the collector as {owner}, the owner of the folder, or make the collector's user the owner of the folder and its files (chown \
         -R)"
    )
}
