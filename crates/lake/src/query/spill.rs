//! The disk space for query data that does not fit in memory.
//!
//! # Promise
//! A query's files are removed when the query ends. Files of a killed process are removed at the next start. Several processes may share
//! the folder.
//!
//! # How
//! Each process creates its own subfolder and holds a lock in it. A subfolder whose lock is free belonged to a process that has ended.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};

/// The default folder, inside the data folder.
const FOLDER: &str = "spill";
/// The prefix of the processes' subfolders. Other entries in the folder are left alone.
const PREFIX: &str = "pganalytics-spill-";
const LOCK: &str = "lock";
/// The most sorted runs that a sort merges at once. Without a bound, the first core that merges takes all memory, and the sorts of the other
/// cores fail.
const FAN_IN: usize = 8;

/// The spill folder of this process.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: PathBuf,
    bytes: u64,
    _lock: File,
}

impl Spill {
    /// Creates the folder in `named`, or by default in the data folder. Removes the folders of processes that have ended.
    pub(crate) fn open(named: Option<&Path>, data: &Path, bytes: usize) -> anyhow::Result<Self> {
        let parent = named.map_or_else(|| data.join(FOLDER), Path::to_path_buf);
        let context = || format!("cannot use the spill folder {}; choose a folder in which this user may write", parent.display());
        std::fs::create_dir_all(&parent).with_context(context)?;
        sweep(&parent).with_context(context)?;
        let folder = parent.join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).with_context(context)?;
        let lock = File::create(folder.join(LOCK)).with_context(context)?;
        lock.try_lock().with_context(context)?;
        Ok(Self { folder, bytes: bytes as u64, _lock: lock })
    }

    /// The settings for DataFusion's disk manager, with a share of the space.
    pub(crate) fn disk(&self, (numerator, denominator): (u64, u64)) -> DiskManagerBuilder {
        let mode = DiskManagerMode::Directories(vec![self.folder.clone()]);
        let bytes = (self.bytes / denominator).saturating_mul(numerator);
        DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(bytes).with_max_spill_merge_fan_in(FAN_IN)
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // If this fails, the next start removes the folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn sweep(parent: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // No lock file: another process is removing this folder, or has just created it.
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
    fn a_start_removes_spill_files_of_killed_processes_and_keeps_those_of_running_ones() {
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
