//! The batch files in a folder.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;

/// The name of a batch's file.
pub(super) fn name(sequence: u64) -> String {
    format!("{sequence:020}.batch")
}

/// A batch's file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) sequence: u64,
    pub(super) bytes: u64,
    pub(super) since: SystemTime,
}

/// Removes the files that a crash left unfinished.
pub(super) fn remove_unfinished(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read the spool's folder {}", folder.display()))? {
        let entry = entry.with_context(|| format!("cannot read the spool's folder {}", folder.display()))?;
        if entry.file_name().to_string_lossy().ends_with(".tmp") {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// Lists the batches of a folder, oldest first. Changes nothing.
pub(super) fn scan(folder: &Path) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read the spool's folder {}", folder.display()))? {
        let entry = entry.with_context(|| format!("cannot read the spool's folder {}", folder.display()))?;
        let file = entry.file_name();
        let file = file.to_string_lossy();
        if let Some(sequence) = file.strip_suffix(".batch").and_then(|stem| stem.parse().ok()) {
            let metadata = entry.metadata().ok();
            let since = metadata.as_ref().and_then(|metadata| metadata.modified().ok()).unwrap_or(SystemTime::UNIX_EPOCH);
            found.push(Found { sequence, bytes: metadata.map_or(0, |metadata| metadata.len()), since });
        }
    }
    found.sort_unstable();
    Ok(found)
}
