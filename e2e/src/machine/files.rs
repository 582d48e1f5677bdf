//! Files for the user that PostgreSQL and the load balancers run as.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use anyhow::{Context, Result};

use super::process::{UNPRIVILEGED, is_root};

/// Makes the unprivileged user the owner, if this process is root.
///
/// # Errors
/// If the system refuses.
pub fn give_away(path: &Path) -> Result<()> {
    if is_root() {
        chown(path, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).with_context(|| format!("change the owner of {}", path.display()))?;
    }
    Ok(())
}

/// Writes a file and gives it away.
///
/// # Errors
/// If the file cannot be written or the owner cannot be changed.
pub fn write_for_server(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    give_away(path)
}

/// Copies a folder with its modes, and gives the copy away.
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    walk(from, to, &mut |from, to| {
        fs::copy(from, to).with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
        give_away(to)
    })?;
    give_away_folders(to)
}

/// Calls `file` for each file with its place in the other folder. Makes the folders there, with the same modes. Follows links.
pub(crate) fn walk(from: &Path, to: &Path, file: &mut impl FnMut(&Path, &Path) -> Result<()>) -> Result<()> {
    if !to.exists() {
        fs::create_dir(to).with_context(|| format!("create {}", to.display()))?;
    }
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry.with_context(|| format!("read {}", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            walk(&source, &target, file)?;
        } else {
            file(&source, &target)?;
        }
    }
    let mode = fs::metadata(from).with_context(|| format!("read {}", from.display()))?.permissions();
    fs::set_permissions(to, mode).with_context(|| format!("set the mode of {}", to.display()))
}

fn give_away_folders(folder: &Path) -> Result<()> {
    give_away(folder)?;
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry.with_context(|| format!("read {}", folder.display()))?.path();
        if path.is_dir() {
            give_away_folders(&path)?;
        }
    }
    Ok(())
}
