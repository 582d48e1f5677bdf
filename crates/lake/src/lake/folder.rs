//! The data folder: readable by its owner only, used by one process at a time.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The file that a process locks while it uses the folder.
const LOCK: &str = "lock";

/// Creates the folder for its owner only: it holds password hashes and statement texts.
pub(crate) fn create(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(folder)
        .with_context(|| format!("cannot create the data folder {}; choose a folder in which this user may write", folder.display()))
}

/// Locks the folder for this process. The lock is held until the file is dropped.
pub(crate) fn lock(folder: &Path) -> anyhow::Result<File> {
    let path: PathBuf = folder.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another process uses the data folder {}; stop that process, or choose another folder", folder.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}
