//! Where queries put what does not fit their memory.
//!
//! # Promise
//! What is put there goes with its query; what a kill left goes at the next start. Several processes may share the folder.
//!
//! # How
//! Each process has a folder of its own in it, with a lock that it holds. A folder whose lock is free belonged to a process that is gone.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};

/// In the data folder, where no other is named.
const FOLDER: &str = "spill";
/// Folders of processes begin with it; others in the same place are left alone.
const PREFIX: &str = "pganalytics-spill-";
const LOCK: &str = "lock";
/// Sorted runs that a sort merges at once. Without a bound the first core that comes to merge takes all memory there is, and the others'
/// sorts fail.
const FAN_IN: usize = 8;

/// This process's place.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: PathBuf,
    bytes: u64,
    _lock: File,
}

impl Spill {
    /// Makes it, in a folder that is named or in the data folder, and removes what processes that are gone have left.
    pub(crate) fn open(named: Option<&Path>, data: &Path, bytes: usize) -> anyhow::Result<Self> {
        let parent = named.map_or_else(|| data.join(FOLDER), Path::to_path_buf);
        let context = || format!("use {} for what queries spill; name a folder that this user may write", parent.display());
        std::fs::create_dir_all(&parent).with_context(context)?;
        sweep(&parent).with_context(context)?;
        let folder = parent.join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).with_context(context)?;
        let lock = File::create(folder.join(LOCK)).with_context(context)?;
        lock.try_lock().with_context(context)?;
        Ok(Self { folder, bytes: bytes as u64, _lock: lock })
    }

    /// How DataFusion is told.
    pub(crate) fn disk(&self) -> DiskManagerBuilder {
        let mode = DiskManagerMode::Directories(vec![self.folder.clone()]);
        DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(self.bytes).with_max_spill_merge_fan_in(FAN_IN)
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // What is left all the same is swept at the next start.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn sweep(parent: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // Another process may be removing it at this moment, or may be about to lock what it has just made.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
mod tests {
    use super::*;

    #[test]
    fn a_start_removes_what_a_kill_left_and_nothing_of_those_who_run() {
        let data = tempfile::tempdir().unwrap();
        let dead = data.path().join(FOLDER).join(format!("{PREFIX}dead"));
        std::fs::create_dir_all(dead.join("datafusion-x")).unwrap();
        std::fs::write(dead.join(LOCK), "").unwrap();
        std::fs::write(data.path().join(FOLDER).join("notes"), "somebody else's").unwrap();
        let first = Spill::open(None, data.path(), 1).unwrap();
        let second = Spill::open(Some(&data.path().join(FOLDER)), data.path(), 1).unwrap();
        assert!(!dead.exists() && first.folder.exists() && second.folder.exists());
        let (first, second) = (first.folder.clone(), {
            drop(first);
            second
        });
        assert!(!first.exists() && second.folder.exists() && data.path().join(FOLDER).join("notes").exists());
    }
}
